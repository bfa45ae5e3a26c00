"""Every family of models with its tokenizer: windows, labels and null as its own overflow has them, and a run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import qatk
from any_model import FAMILIES, save_family
from qatk.api import Examples, ModelError
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from small import squad, write_recipe
from stride_tools import CORPUS, examples_of, featurize, overflow, window


def opened(folder: Path, **options: Any) -> HfBackbone:
    backbone = HfBackbone(HfOptions(model=str(folder), **options))
    backbone.prepare(None)
    return backbone


def asked() -> Examples:
    """Questions about contexts of several windows; one answer stands at the end, one question has none."""
    long = " ".join(CORPUS[:3])
    answers = [[("Ada Lovelace", 0)], [("past the old mill", long.index("past"))], [("were there", long.index("were"))]]
    pairs = [("  who wrote it?", CORPUS[0]), ("what rises?", long), ("who?", long), ("where?", CORPUS[1])]
    return examples_of(pairs, [*answers, []])


Windows = list[tuple[list[int], int, tuple[int, int]]]


def reference(tokenizer: Any, examples: Examples, row: int, null_id: int, size: int, stride: int) -> Windows:
    """Windows by the tokenizer's overflow: ids, the null's place, and the label by a plain search."""
    left = tokenizer.padding_side == "left"
    context = examples.context_of(row)
    found = []
    for part in overflow(tokenizer, examples.question[row], context, size, stride):
        null = part.ids.index(null_id)
        label = null, null
        for start, end in examples.spans_of(row):
            spans = enumerate(zip(part.sequence_ids, part.offsets, strict=True))
            of_context = [(k, *trimmed(context, *span)) for k, (of, span) in spans if of == (0 if left else 1)]
            tokens = [(k, a, b) for k, a, b in of_context if a < b]
            over = [(k, a, b) for k, a, b in tokens if b > start and a < end]
            if over and over[0][1] <= start and over[-1][2] >= end:
                label = over[0][0], over[-1][0]
        found.append((part.ids, null, label))
    return found


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


@pytest.mark.parametrize("name", FAMILIES)
def test_windows_labels_and_null_are_those_of_the_tokenizer(name: str, tmp_path: Path) -> None:
    family, backbone = FAMILIES[name], opened(save_family(tmp_path, name))
    spec, tokenizer, examples = backbone.spec(), backbone.tokenizer(), asked()
    assert spec.max_length == family.positions
    token, last = family.null
    assert tokenizer.convert_ids_to_tokens(spec.null_id) == token
    assert spec.has_type_ids == family.type_ids
    size, stride = 40, 9
    made = featurize((tokenizer, spec), examples, targets=True, max_length=size, doc_stride=stride)
    assert made.start_target is not None
    assert made.end_target is not None
    place = 0
    for row in range(len(examples)):
        for ids, null, label in reference(tokenizer, examples, row, spec.null_id, size, stride):
            assert window(made, place)["input_ids"] == ids
            assert made.null_index[place] == null
            assert (null == len(ids) - 1) == last
            assert (made.start_target[place], made.end_target[place]) == label
            assert int(made.example_index[place]) == row
            place += 1
    assert place == len(made)
    labelled = set(made.example_index[made.start_target != made.null_index].tolist())
    assert labelled == {0, 1, 2}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_longest_window_of_a_family(name: str, tmp_path: Path) -> None:
    family, backbone = FAMILIES[name], opened(save_family(tmp_path, name))
    many = examples_of([("who?", " ".join(CORPUS[:3] * 200))], [[]])
    made = featurize((backbone.tokenizer(), backbone.spec()), many, max_length=family.positions, doc_stride=16)
    assert made.lengths.max() == family.positions
    if family.positions <= 1024:
        ids = torch.tensor([window(made, 0)["input_ids"]])
        with torch.no_grad():
            states = backbone.encoder().eval()(input_ids=ids).last_hidden_state
        assert states.shape == (1, family.positions, 16)
        assert torch.isfinite(states).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_run_from_data_to_em_and_f1(name: str, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=8, dev=8, max_steps=2, log_every=1)
    folder = save_family(tmp_path / "model", name)
    settings = [f"backbone={{use: hf, model: '{folder}'}}", "featurizer.max_length=160", "reporters=[]"]
    result: Any = qatk.run(recipe, out=tmp_path / "run", settings=settings)
    assert result.metrics["total"] == 8
    assert all(0 <= result.metrics[figure] <= 100 for figure in ("exact", "f1"))
    contexts = [paragraph["context"] for paragraph in squad(8, 2)["data"][0]["paragraphs"]]
    said = json.loads((tmp_path / "run" / "predictions.json").read_text("utf-8"))
    assert all(answer in context for answer, context in zip(said.values(), contexts, strict=True))
    odds = json.loads((tmp_path / "run" / "null_odds.json").read_text("utf-8"))
    assert all(map(math.isfinite, odds.values()))
    again = qatk.load_model(tmp_path / "run").predict(result.evaluation.examples)
    assert again.null_odds.tolist() == pytest.approx(list(odds.values()), abs=1e-4)


def test_the_state_of_the_null_token_depends_on_the_context(tmp_path: Path) -> None:
    for name in ("llama", "qwen", "t5", "xlnet", "bert"):
        backbone = opened(save_family(tmp_path / name, name))
        pairs = [("who?", "Ada wrote it"), ("who?", "Bob wrote it")]
        made = featurize((backbone.tokenizer(), backbone.spec()), examples_of(pairs), max_length=64, doc_stride=8)
        encoder, states = backbone.encoder().eval(), []
        for row in range(2):
            with torch.no_grad():
                found = encoder(input_ids=torch.tensor([window(made, row)["input_ids"]])).last_hidden_state
            states.append(found[0, int(made.null_index[row])])
        assert not torch.allclose(states[0], states[1], atol=1e-6), name


def test_what_cannot_work_is_refused_by_name_with_the_reason(tmp_path: Path) -> None:
    alone = save_family(tmp_path / "alone", "qwen", additional_special_tokens=[])
    with pytest.raises(ModelError, match=rf"{alone} looks back only, and its tokenizer has no special token beside"):
        opened(alone).spec()
    endless = save_family(tmp_path / "endless", "llama", eos_token=None)
    with pytest.raises(ModelError, match="looks back only, and its tokenizer has no EOS token"):
        opened(endless).spec()
    bare = save_family(tmp_path / "bare", "t5", eos_token=None)
    with pytest.raises(ModelError, match="has no CLS, BOS or EOS token, so nothing can stand for 'no answer'"):
        opened(bare).spec()
    with pytest.raises(ModelError, match="has positions for 512 tokens, so max_length cannot be 8192"):
        opened(save_family(tmp_path / "bert", "bert"), max_length=8192).spec()
