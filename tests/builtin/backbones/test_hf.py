from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save
from transformers import FunnelConfig

from any_model import save_family
from commands import forked_python
from hub_stub import serving
from model_tools import FORMS, save_model
from qatk.api import ModelError
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from trainer_tools import same


def backbone(model: object, **options: Any) -> HfBackbone:
    return HfBackbone(HfOptions(model=str(model), **options))


@pytest.mark.parametrize("form", FORMS)
def test_the_spec_fits_the_model(form: str, tmp_path: Path) -> None:
    hf = backbone(save_model(tmp_path, form))
    spec = hf.spec()
    assert spec.max_length == 64  # RoBERTa's 66 positions start behind its padding row
    assert spec.hidden_size == 16
    assert spec.padding_side == ("left" if form == "left" else "right")
    assert spec.has_type_ids == (form in ("bert", "left"))
    assert hf.tokenizer().convert_ids_to_tokens(spec.null_id) == ("<s>" if form == "roberta" else "[CLS]")
    assert spec.pad_id == hf.tokenizer().pad_token_id


@pytest.mark.parametrize("form", ["bert", "roberta", "distilbert"])
def test_the_longest_window_passes_the_encoder(form: str, tmp_path: Path) -> None:
    hf = backbone(save_model(tmp_path, form))
    ids = torch.full((1, hf.spec().max_length), 7)
    assert hf.encoder()(input_ids=ids).last_hidden_state.shape == (1, 64, 16)


def test_the_spec_needs_no_weights(tmp_path: Path) -> None:
    (save_model(tmp_path) / "model.safetensors").unlink()
    assert backbone(tmp_path).spec().hidden_size == 16


def test_the_encoder_has_the_weights_of_the_folder_and_no_pooler(tmp_path: Path) -> None:
    encoder = backbone(save_model(tmp_path)).encoder()
    kept = load_file(tmp_path / "model.safetensors")
    state = encoder.state_dict()
    assert not any("pooler" in name for name in state)
    assert all(torch.equal(value, kept[name]) for name, value in state.items())


def test_a_half_precision_checkpoint_is_trained_in_full(tmp_path: Path) -> None:
    save_model(tmp_path, dtype="bfloat16")
    weights = backbone(tmp_path).encoder().parameters()
    assert {weight.dtype for weight in weights} == {torch.float32}


@pytest.mark.parametrize("head", ["head.safetensors", "model.safetensors"])
def test_a_file_that_is_written_anew_changes_no_loaded_weights(head: str, tmp_path: Path) -> None:
    save_model(tmp_path, answers=head == "model.safetensors")
    if head == "head.safetensors":
        (tmp_path / head).write_bytes(save({"layer.weight": torch.ones(4096)}))
    hf = backbone(tmp_path)
    held = [*hf.encoder().state_dict().values(), *hf.head_state().values()]
    before = [value.clone() for value in held]
    assert len(hf.head_state()) == (1 if head == "head.safetensors" else 2)
    for file in tmp_path.glob("*.safetensors"):
        file.write_bytes(bytes(file.stat().st_size))
    assert all(map(torch.equal, held, before))


def test_tied_weights_stay_tied(tmp_path: Path) -> None:
    encoder: Any = backbone(save_family(tmp_path, "t5")).encoder()
    assert encoder.shared.weight is encoder.encoder.embed_tokens.weight


def test_head_weights_come_from_a_question_answering_checkpoint_only(tmp_path: Path) -> None:
    head = backbone(save_model(tmp_path / "qa", answers=True)).head_state()
    kept = load_file(tmp_path / "qa" / "model.safetensors")
    assert sorted(head) == ["qa_outputs.bias", "qa_outputs.weight"]
    assert all(torch.equal(value, kept[name]) for name, value in head.items())
    assert backbone(save_model(tmp_path / "bare")).head_state() == {}


def test_head_weights_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    save_model(tmp_path)
    (tmp_path / "head.safetensors").write_bytes(b"no head")
    with pytest.raises(ModelError, match="the head's weights"):
        backbone(tmp_path).head_state()


def test_loading_says_nothing_on_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hf = backbone(save_model(tmp_path))
    capfd.readouterr()
    hf.encoder()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("form", "others", "attention"),
    [
        ("bert", ["hidden_dropout_prob"], "attention_probs_dropout_prob"),
        ("distilbert", ["dropout"], "attention_dropout"),
    ],
)
def test_dropout_goes_by_the_names_of_the_architecture(
    form: str, others: list[str], attention: str, tmp_path: Path
) -> None:
    save_model(tmp_path, form)
    for chosen, expected in (({"dropout": 0.25}, 0.25), ({"dropout": 0.25, "attention_dropout": 0.0}, 0.0)):
        config = backbone(tmp_path, **chosen).encoder().config
        assert [getattr(config, name) for name in others] == [0.25]
        assert getattr(config, attention) == expected
    assert getattr(backbone(tmp_path).encoder().config, attention) == 0.1


def test_max_length_is_the_least_of_model_and_tokenizer_unless_chosen(tmp_path: Path) -> None:
    save_model(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 48}))
    assert backbone(tmp_path).spec().max_length == 48
    assert backbone(tmp_path, max_length=60).spec().max_length == 60
    with pytest.raises(ModelError, match="has positions for 64 tokens"):
        backbone(tmp_path, max_length=65).spec()


@pytest.mark.parametrize("form", [*FORMS, "modernbert", "longformer"])
def test_layers_keeps_the_first_of_them(form: str, tmp_path: Path) -> None:
    save_model(tmp_path, form)
    whole, cut = backbone(tmp_path).encoder(), backbone(tmp_path, layers=1).encoder()
    assert 0 < len(cut.state_dict()) < len(whole.state_dict())
    assert all(torch.equal(value, whole.state_dict()[name]) for name, value in cut.state_dict().items())
    cut.save_pretrained(tmp_path / "cut")
    backbone(tmp_path).tokenizer().save_pretrained(tmp_path / "cut")
    assert same(backbone(tmp_path / "cut").encoder().state_dict(), cut.state_dict())
    with pytest.raises(ModelError, match="has 2 layers, so layers cannot be 3"):
        backbone(tmp_path, layers=3).spec()


def test_layers_of_a_model_that_counts_blocks_are_refused(tmp_path: Path) -> None:
    FunnelConfig().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="does not let its number of layers be set"):
        backbone(tmp_path, layers=2).spec()


def test_a_folder_with_pickled_weights_only_is_refused(tmp_path: Path) -> None:
    (save_model(tmp_path) / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no weights in safetensors \(only .bin"):
        backbone(tmp_path).encoder()


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(ModelError, match="lacks 16 of its encoder's weights"):
        backbone(tmp_path).encoder()


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(ModelError, match="in another shape"):
        backbone(tmp_path).encoder()


def test_broken_weights_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(ModelError, match=r"the weights of .* cannot be loaded"):
        backbone(tmp_path).encoder()


def test_a_broken_configuration_is_refused(tmp_path: Path) -> None:
    (save_model(tmp_path) / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"the configuration of .* cannot be loaded"):
        backbone(tmp_path).spec()


def test_a_model_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    with pytest.raises(ModelError, match="has no tokenizer"):
        backbone(tmp_path).spec()


def test_a_model_with_a_slow_tokenizer_only_is_refused_by_name(tmp_path: Path) -> None:
    save_model(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "canine"}))
    with pytest.raises(ModelError, match=rf"{tmp_path} is CanineTokenizer, which is not a fast one"):
        backbone(tmp_path).tokenizer()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("./nowhere", "there is no folder ./nowhere"),
        ("/nowhere/model", "there is no folder /nowhere/model"),
        ("a/b/c", "there is no folder a/b/c"),
        ("not a name", "neither a folder nor a hub id"),
        ("package:no_such_package/model", "package 'no_such_package' .* is not installed"),
        ("package:", "'package:' names no Python package"),
        ("package:json/no/model", "package 'json' has no folder 'no/model'"),
        ("package:json", "is not a model: it has no config.json"),
    ],
)
def test_a_name_that_leads_nowhere_is_the_users_mistake(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        backbone(name).spec()
    assert caught.value.exit_code == 2


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("")
    with pytest.raises(ModelError, match="is a file"):
        backbone(tmp_path / "weights").spec()


def test_a_package_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "qatk_test_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    save_model(package / "sub" / "model")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert backbone("package:qatk_test_weights/sub/model").spec().hidden_size == 16


ASK = """
import sys
from qatk.api import QatkError
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
for asked in sys.argv[1:]:
    name, _, revision = asked.partition("@")
    hf = HfBackbone(HfOptions(model=name, revision=revision or None))
    try:
        print(hf.spec().hidden_size, sum(p.numel() for p in hf.encoder().parameters()), *hf.head_state())
    except QatkError as error:
        print(error.exit_code, type(error).__name__, str(error).splitlines()[0])
"""


def ask_hub(endpoint: str, cache: Path, *names: str, offline: bool = False) -> list[str]:
    """Load models in a process of its own, since the hub's address is read once, when the process starts."""
    hub = {
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": str(int(offline)),
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_XET": "1",
    }
    command = [forked_python(), "-c", ASK, *names]
    done = subprocess.run(command, env=os.environ | hub, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_model_comes_from_the_hub_and_then_from_its_cache(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model", answers=True)
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | {"pytorch_model.bin": b"", "run.py": b""}
    with_head = files | {"head.safetensors": save({"verifier.weight": torch.zeros(2)})}
    with serving({"some/model": files, "our/model": with_head}) as hub:
        online, ours = ask_hub(hub.url, tmp_path / "cache", "some/model", "our/model")
        fetched = [line for line in hub.log if "/resolve/" in line]
    size = sum(p.numel() for p in backbone(folder).encoder().parameters())
    assert online == f"16 {size} qa_outputs.weight qa_outputs.bias"
    assert ours.endswith(" verifier.weight")
    assert fetched
    assert not any(".bin" in line or ".py" in line for line in fetched)
    offline = ask_hub("http://127.0.0.1:9", tmp_path / "cache", "some/model", "some/other", offline=True)
    assert offline[0] == online
    assert offline[1].startswith(
        "1 HubUnreachable some/other is neither a folder nor in the hub's local cache, and offline"
    )


def test_the_ways_in_which_the_hub_has_no_such_model(tmp_path: Path) -> None:
    with serving({"some/model": {"config.json": b"{}"}}) as hub:
        unknown, revision, gated, broken = ask_hub(
            hub.url, tmp_path, "some/other", "some/model@v9", "asked/set", "busy/set"
        )
    assert unknown == "2 ModelError there is no folder some/other, and the hub has no such model"
    assert revision == "2 ModelError the hub has no some/model at revision v9"
    assert gated.startswith("2 ModelError access to the model asked/set must be requested")
    assert broken.startswith("1 HubUnreachable the hub cannot be reached")


def test_a_hub_that_does_not_answer_says_nothing_about_the_model(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    (said,) = ask_hub(f"http://127.0.0.1:{port}", tmp_path, "some/model")
    assert said.startswith("1 HubUnreachable the hub cannot be reached, so some/model cannot be fetched")
