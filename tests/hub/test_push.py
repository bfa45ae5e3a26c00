"""Models go to a hub and come back: a loopback one, spoken to by the hub's own client."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, constants
from typer.testing import CliRunner

import qatk
from commands import call
from hub_stub import COMMIT, TOKEN, Hub, serving
from model_tools import save_model
from qatk.cli import app
from qatk.errors import QatkError, QatkWarning
from qatk.evaluation.evaluate import read_data
from qatk.hub.card import About, model_card
from qatk.hub.published import Shortened
from qatk.hub.push import package
from qatk.inference.predict import predict_file
from qatk.inference.sources import PUBLISHED
from qatk.run_folder.manifest import Manifest
from small import write_recipe

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the hub's client, by httpx


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated run with a head of its own, a checkpoint, and a folder that is no model."""
    root = tmp_path_factory.mktemp("pushed")
    recipe = write_recipe(root, train=64, dev=24, epochs=1)
    settings = ["head={use: conditional}", "decoder.null_threshold=calibrated", "decoder.max_answer_length=7"]
    qatk.run(recipe, out=root / "run", settings=settings)
    save_model(root / "checkpoint", answers=True)
    (root / "empty").mkdir()
    return root


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What the hub's client is told, which reads it when it is loaded; a change goes by :func:`tell`."""
    given = {"HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf")}
    with monkeypatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        yield given
    importlib.reload(constants)


@pytest.fixture
def hub(environ: dict[str, str]) -> Iterator[Hub]:
    held: dict[str, dict[str, bytes]] = {"someone/taken": {"config.json": b"{}"}, "other/model": {}}
    with serving({**held, "someone/no-model": {"a.txt": b"a"}}) as hub:
        tell(**environ, HF_ENDPOINT=hub.url)
        yield hub


def tell(**environ: str) -> None:
    os.environ.update(environ)
    importlib.reload(constants)


def test_a_run_comes_back_with_the_same_answers(folder: Path, hub: Hub, tmp_path: Path) -> None:
    pushed = qatk.push(folder / "run", "someone/mill", about=About(license="mit"))
    files = hub.repositories["someone/mill"]
    assert (pushed.url, pushed.private, hub.private) == (f"{hub.url}/someone/mill", True, {"someone/mill"})
    assert pushed.files == {name: len(data) for name, data in files.items()}
    of_model = {path.name: path.read_bytes() for path in (folder / "run" / "model").iterdir()}
    assert "head.safetensors" in of_model
    of_run = ("metrics.json", "report.md", "calibration.json")
    due = of_model | {f"{PUBLISHED}/{name}": (folder / "run" / name).read_bytes() for name in of_run}
    made = ("README.md", f"{PUBLISHED}/manifest.json", f"{PUBLISHED}/recipe.yaml")
    assert files == due | {name: files[name] for name in made}
    assert not any(str(folder).encode() in data for data in files.values())
    assert any(line.startswith("PUT /uploads/") for line in hub.log)

    assert qatk.pull("someone/mill", tmp_path / "here") == tmp_path / "here"
    back = {path.relative_to(tmp_path / "here"): path for path in (tmp_path / "here").rglob("*") if path.is_file()}
    assert {name.as_posix(): path.read_bytes() for name, path in back.items()} == files
    examples, found = read_data(folder / "dev.json"), []
    for name, model in (("a", folder / "run"), ("b", tmp_path / "here"), ("c", "someone/mill")):
        loaded = qatk.load_model(model)
        assert loaded.threshold == json.loads(files[f"{PUBLISHED}/calibration.json"])["threshold"]
        assert sum(map(len, of_model.values())) <= (loaded.model_bytes or 0) <= sum(map(len, files.values()))
        with pytest.warns(QatkWarning, match="the threshold was fitted on these questions"):
            found.append(predict_file(loaded, examples, tmp_path / f"{name}.jsonl").path.read_bytes())
    assert found[0] == found[1] == found[2]
    assert len(found[0].splitlines()) == 24
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not any(TOKEN.encode() in data for data in files.values())


def test_no_path_of_this_machine_is_published(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "acme"
    run = shutil.copytree(folder / "run", home / "runs" / "a_b")
    (home / "models" / "encoder").mkdir(parents=True)
    kept = {"backbone": {"use": "hf", "model": "package:acme_free/x", "tokenizer": "someone/encoder"}}
    data = {
        "train": {"use": "mix", "sets": {"a": {"use": "table", "path": ["acme/a.csv", "s3://acme/b.csv"]}}},
        "dev": {"use": "hub", "name": "someone/guilds", "split": "test"},
        "old": {"use": "hub", "name": str(home / "old")},
    }
    lost = {
        "data": data,
        "backbone": {"use": "hf", "model": "models/encoder", "tokenizer": f"{home}/to_kens/"},
        "trainer": {"use": "distil", "teacher": ["someone/teacher", "~/acme/teacher"]},
        "decoder": {"use": "ensemble", "runs": ["acme/b", "C:\\acme\\c"], "note": "and/or"},
        "trackers": [{"use": "mlflow", "tracking_uri": "https://acme"}],
    }
    manifest = json.loads((run / "manifest.json").read_text())
    head = next(row for row in manifest["components"] if row["kind"] == "head")
    head.update(distribution="file", version=str(home / "head.py"))
    ended = {"how": "stopped", "why": str(home)}
    (run / "manifest.json").write_text(
        json.dumps({**manifest, "recipe": {**manifest["recipe"], **lost}, "ended": ended})
    )
    (run / "recipe.given.yaml").write_text(f"# of acme\n{json.dumps({'qatk': 1, **lost})}")
    (run / "report.md").write_text(f"- model: {home}/to&#95;kens/ and models/encoder\n")
    files = package(qatk.load_run(run), "someone/mill").files
    texts = {name: text for name, text in files.items() if isinstance(text, str)}
    assert set(texts) == {
        "README.md",
        *(f"{PUBLISHED}/{name}" for name in ("manifest.json", "recipe.yaml", "report.md")),
    }
    assert not any("acme" in text for text in texts.values())
    assert texts[f"{PUBLISHED}/report.md"] == "- model: to_kens and encoder\n"
    due = {
        "data": {
            "train": {"use": "mix", "sets": {"a": {"use": "table", "path": ["a.csv", "b.csv"]}}},
            "dev": data["dev"],
            "old": {"use": "hub", "name": "old"},
        },
        "backbone": {"use": "hf", "model": "encoder", "tokenizer": "to_kens"},
        "trainer": {"use": "distil", "teacher": ["someone/teacher", "teacher"]},
        "decoder": {"use": "ensemble", "runs": ["b", "c"], "note": "and/or"},
        "trackers": [{"use": "mlflow"}],
    }
    assert yaml.safe_load(texts[f"{PUBLISHED}/recipe.yaml"]) == manifest["recipe"] | due
    published = Manifest.model_validate_json(texts[f"{PUBLISHED}/manifest.json"])
    assert published.recipe == manifest["recipe"] | due
    assert [row.version for row in published.components if row.kind == "head"] == ["head.py"]
    assert Shortened(run).recipe(kept) == kept
    assert ModelCard(str(files["README.md"])).data.base_model is None  # the folder lies beside the runs


def test_the_card_has_what_the_hub_reads(folder: Path) -> None:
    words = ["push", str(folder / "run"), "someone/mill", "--dry-run", "--license", "mit", "--language", "en"]
    words += ["--dataset", "someone/guilds", "--base-model", "someone/encoder"]
    shown = CliRunner().invoke(app, words).stdout  # no hub is there, and no token
    assert {"README.md", "config.json", "head.safetensors", "qatk/recipe.yaml", "tokenizer.json"} <= set(shown.split())
    assert "someone/mill would be private" in shown
    card = ModelCard(shown[shown.index("---\n") :])
    run = qatk.load_run(folder / "run")
    assert (card.data.license, card.data.language, card.data.pipeline_tag) == ("mit", ["en"], "question-answering")
    assert (card.data.datasets, card.data.base_model) == (["someone/guilds"], "someone/encoder")
    figures = {(r.metric_type, r.metric_name): r.metric_value for r in card.data.eval_results or []}
    assert figures["f1", "F1"] == round(run.metrics["f1"], 2)
    assert figures["exact_match", "EM (questions with an answer)"] == round(run.metrics["HasAns_exact"], 2)
    assert len(figures) == 6
    widget = card.data.to_dict()["widget"]
    examples = run.evaluation.examples
    asked = {examples.question[row]: examples.context_of(row) for row in range(len(examples))}
    assert len(widget) == 3
    assert all(asked[shown["text"]] == shown["context"] for shown in widget)
    assert "AutoModelForQuestionAnswering" not in card.text  # the head is qatk's own
    assert 'qatk.load_model("someone/mill")' in card.text


@pytest.mark.parametrize(
    ("words", "private", "said"),
    [([], True, "be private"), (["--public"], False, "be public"), (["--update"], None, "be updated")],
)
def test_a_dry_run_says_who_would_see_it(words: list[str], private: bool | None, said: str, folder: Path) -> None:
    every = ["push", str(folder / "checkpoint"), "someone/mill", "--dry-run", *words]
    shown = CliRunner().invoke(app, every).stdout
    assert f"someone/mill would {said}" in shown
    assert ("this card would replace the one of someone/mill" in shown) == (private is None)
    assert json.loads(CliRunner().invoke(app, [*every, "--json"]).stdout)["private"] is private


def test_a_recipe_of_the_hub_names_its_data_and_its_encoder(folder: Path) -> None:
    run = qatk.load_run(folder / "run")
    part = {"use": "hub", "name": "someone/guilds", "config": "small"}
    data = {"train": part, "dev": {**part, "split": "test"}}
    run.manifest["recipe"].update(backbone={"use": "hf", "model": "someone/encoder"}, data=data)
    card = ModelCard(model_card("someone/mill", run, About(), loads=True))
    assert (card.data.datasets, card.data.base_model) == (["someone/guilds"], "someone/encoder")
    first = (card.data.eval_results or [])[0]
    assert (first.dataset_type, first.dataset_config, first.dataset_split) == ("someone/guilds", "small", "test")
    assert "AutoModelForQuestionAnswering" in card.text


def test_a_new_version_and_a_model_without_a_run(folder: Path, hub: Hub, tmp_path: Path) -> None:
    old = ("head.safetensors", "model.safetensors.index.json", "model-00001-of-00002.safetensors", "decoder.json")
    held = (*old, "qatk/manifest.json", "qatk/calibration.json", "notes.md", "onnx/model.onnx")
    hub.repositories["someone/taken"] |= dict.fromkeys(held, b"of an earlier version")
    updated = qatk.push(folder / "checkpoint", "someone/taken", update=True)
    assert updated.private is None
    assert set(hub.repositories["someone/taken"]) == {*updated.files, "notes.md", "onnx/model.onnx"}
    assert "model.safetensors" in updated.files
    assert not any("repos/create" in line for line in hub.log)
    words = ["push", str(folder / "checkpoint"), "someone/open", "--public"]
    assert "(public)" in CliRunner().invoke(app, words).stdout
    assert hub.private == set()
    card = ModelCard(hub.repositories["someone/open"]["README.md"].decode())
    assert card.data.eval_results is None
    assert "AutoModelForQuestionAnswering" in card.text
    assert "Trained" not in card.text  # by others
    tell(HF_TOKEN="")
    pulled = CliRunner().invoke(app, ["pull", "someone/open", "--out", str(tmp_path / "open"), "--json"])
    assert json.loads(pulled.stdout) == {"folder": str(tmp_path / "open")}
    tell(HF_TOKEN=TOKEN)
    qatk.push(tmp_path / "open", "someone/again")
    assert hub.repositories["someone/again"] == hub.repositories["someone/open"]
    with pytest.raises(QatkError, match="the model has a card already"):
        qatk.push(tmp_path / "open", "someone/more", about=About(license="mit"))
    asked = {"question": "When was it built?", "context": "The mill is old. It was built in 1843."}
    here = qatk.pipeline(model=tmp_path / "open")(**asked)
    assert qatk.pipeline(model="someone/open", revision=COMMIT)(**asked) == here
    with pytest.raises(QatkError, match="the hub has no someone/open at revision v9"):
        qatk.pipeline(model="someone/open", revision="v9")


@pytest.mark.parametrize(
    ("words", "told", "code", "said"),
    [
        (["push", "run", "someone/new"], {"HF_TOKEN": ""}, 2, "there is no token for the hub"),
        (["push", "run", "someone/new"], {"HF_TOKEN": "hf_" + "wrong" * 6}, 2, "the hub does not accept the token"),
        (["push", "gone", "someone/new"], {}, 2, "there is no folder gone"),
        (["push", "dev.json", "someone/new"], {}, 2, "dev.json is a file, not the folder of a model"),
        (["push", "empty", "someone/new"], {}, 2, "empty has no config.json\n  name a run folder"),
        (["push", "run", "new"], {}, 2, "'new' cannot be a repository of the hub"),
        (["push", "run", "some one/new"], {}, 2, "cannot be a repository"),
        (["push", "run", "someone/new/er"], {}, 2, "cannot be a repository"),
        (["push", "run", "someone/new.git"], {}, 2, "cannot be a repository"),
        (["push", "run", "someone/taken"], {}, 2, "the repository exists already"),
        (["push", "run", "other/new"], {}, 2, "the token may not write to this repository"),
        (["push", "run", "other/model", "--update"], {}, 2, "the token may not write to this repository"),
        (["push", "run", "someone/gone", "--update"], {}, 2, "the hub has no such repository"),
        (["push", "run", "busy/new"], {}, 1, "the hub answered with status 503"),
        (["push", "run", "someone/falls-over"], {}, 1, "someone/falls-over was created and is empty"),
        (["push", "run", "someone/new", "--public", "--update"], {}, 2, "--public is only for a new repository"),
        (["push", "run", "someone/new", "--public", "--update", "--dry-run"], {}, 2, "--public is only for a new"),
        (["push", "run", "someone/bad", "--license", "none-such"], {}, 2, "must be one of [mit, apache-2.0]"),
        (["push", "run", "someone/new"], {"HF_HUB_OFFLINE": "1"}, 1, "offline mode forbids to ask the hub"),
        (["push", "run", "someone/new"], {"HF_ENDPOINT": "DOWN"}, 1, "the hub cannot be reached"),
        (["pull", "someone/gone"], {}, 2, "the hub has no such model"),
        (["pull", "someone/no-model"], {}, 2, "someone/no-model is no model"),
        (["pull", "someone/taken", "--revision", "v9"], {}, 2, "the hub has no someone/taken at revision v9"),
        (["pull", "someone/taken", "--out", "empty"], {}, 2, "empty exists already"),
        (["pull", "taken"], {}, 2, "'taken' cannot be a repository"),
        (["pull", "someone/taken"], {"HF_ENDPOINT": "DOWN"}, 1, "the hub cannot be reached"),
    ],
)
def test_a_mistake_is_told_in_one_message(
    folder: Path,
    hub: Hub,
    words: list[str],
    told: dict[str, str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    before = set(folder.rglob("*"))
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(("127.0.0.1", 0))
        tell(**{n: v.replace("DOWN", f"http://127.0.0.1:{nobody.getsockname()[1]}") for n, v in told.items()})
        with pytest.raises(QatkError) as caught:
            CliRunner().invoke(app, words, catch_exceptions=False)
    assert said in str(caught.value)
    assert caught.value.exit_code == code
    assert set(folder.rglob("*")) == before


def test_the_token_is_in_no_traceback_and_leaves_in_no_file(folder: Path, hub: Hub, tmp_path: Path) -> None:
    told = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "QATK_TRACEBACK": "1", "HF_DEBUG": "1"}
    failed = call("qatk", "push", folder / "run", "busy/new", **told)
    assert "status 503" in failed.stderr
    assert TOKEN not in failed.stdout + failed.stderr
    shutil.copytree(folder / "checkpoint", tmp_path / "model")
    (tmp_path / "model" / "note.txt").write_text(f"my token: {TOKEN}")
    with pytest.raises(QatkError, match="this file holds your token, so nothing was published") as caught:
        qatk.push(tmp_path / "model", "someone/new")
    assert caught.value.where == "note.txt"
    assert "someone/new" not in hub.repositories
