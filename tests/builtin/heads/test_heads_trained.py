"""The heads beside ``linear`` through a trainer: learning, saving, predictions in other batches and processes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import qatk
from commands import forking
from head_cases import HEADS, PAIRS, head
from model_tools import save_model, windows
from qatk.api import Features, ModelError, SpanCandidates, SpanScores
from qatk.errors import QatkWarning
from qatk.runs.processes import held_port
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from small import write_recipe
from trainer_tools import LENGTHS, backbone, train, trainer


def best_of(scores: SpanScores, features: Features) -> list[tuple[int, int]]:
    """The best span of each window, or twice the null position where no answer is better."""
    found = []
    for w in range(len(features)):
        tokens = slice(int(features.token_offsets[w]), int(features.token_offsets[w + 1]))
        null = int(features.null_index[w])
        best, span = float(scores.null[w]), (null, null)
        if (spans := scores.candidates) is not None:
            mine = [(float(spans.score[k]), (int(spans.start[k]), int(spans.end[k]))) for k in spans_in(spans, w)]
        else:
            assert scores.start is not None
            assert scores.end is not None
            start, end = scores.start[tokens], scores.end[tokens]
            inside = np.flatnonzero(features.char_start[tokens] >= 0).tolist()
            mine = [(float(start[i] + end[j]), (i, j)) for i in inside for j in inside if i <= j]
        top = max(mine)
        found.append(top[1] if top[0] > best else span)
    return found


def spans_in(spans: SpanCandidates, window: int) -> range:
    return range(*np.searchsorted(spans.feature, [window, window + 1]).tolist())


@pytest.mark.parametrize("form", ["bert", "left"])
@pytest.mark.parametrize("name", HEADS)
def test_a_trainer_teaches_it_eight_windows(name: str, form: str, tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base", form, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    features = windows(LENGTHS, hf.spec())
    engine = trainer(batch_size=8, epochs=60.0, learning_rate=1e-2)
    small = head(name, width=32, **({"max_answer_length": 40} if name == "biaffine" else {}))
    model = engine.assemble(hf, small, seed=1)
    events = train(engine, model, features, dev=features)
    assert events[-1].loss < 0.2 * events[0].loss
    assert features.start_target is not None
    assert features.end_target is not None
    scores = engine.predict(model, features)
    gold = list(zip(features.start_target.tolist(), features.end_target.tolist(), strict=True))
    assert best_of(scores, features) == gold
    folder = tmp_path / "model"
    folder.mkdir()
    engine.save(model, folder, state=False)
    fresh = engine.assemble(hf, small, seed=2)
    engine.load(fresh, folder)
    assert equal(engine.predict(fresh, features), scores)


@pytest.mark.parametrize("name", ["linear", *HEADS])
def test_a_finished_run_answers_again(name: str, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """Its model is the backbone of a run without training, whose answers are the same to the byte."""
    recipe = write_recipe(tmp_path, train=32, dev=12, max_steps=3)
    first = qatk.run(recipe, out=tmp_path / "first", settings=[f"head.use={name}"])
    again = [f"head.use={name}", "data.train=null", f"backbone={{use: hf, model: '{tmp_path / 'first' / 'model'}'}}"]
    second = qatk.run(recipe, out=tmp_path / "second", settings=again)
    assert second.manifest["model"]["head"] == "checkpoint"
    assert not [w for w in recwarn if "untrained" in str(w.message)]
    for file in ("predictions.json", "null_odds.json", "metrics.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    assert first.manifest["model"]["head"] == "untrained"


def test_a_head_of_another_kind_is_not_taken_over_in_silence(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=1)
    qatk.run(recipe, out=tmp_path / "first", settings=["head.use=conditional"])
    again = ["head.use=biaffine", "data.train=null", f"backbone={{use: hf, model: '{tmp_path / 'first' / 'model'}'}}"]
    with (
        pytest.warns(QatkWarning, match="cannot take over the head of"),
        pytest.raises(ModelError, match="answers would be random"),
    ):
        qatk.run(recipe, out=tmp_path / "second", settings=again)


def columns_of(scores: SpanScores) -> list[Any]:
    spans = scores.candidates
    pairs = [] if spans is None else [spans.feature, spans.start, spans.end, spans.score]
    return [scores.null, *[c for c in (scores.start, scores.end) if c is not None], *pairs]


def equal(one: SpanScores, other: SpanScores, near: float = 0.0) -> bool:
    pairs = zip(columns_of(one), columns_of(other), strict=True)
    return all(a.shape == b.shape and np.allclose(a, b, rtol=near, atol=near) for a, b in pairs)


@pytest.mark.parametrize("form", ["bert", "left"])
@pytest.mark.parametrize("name", PAIRS)
def test_predictions_do_not_depend_on_the_batches(
    name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hf = backbone(tmp_path / "base", form)
    features = windows([*LENGTHS, 21, 13, 33], hf.spec())
    wide = trainer()
    model = wide.assemble(hf, head(name), seed=1)
    torch.nn.init.normal_(model.head.start.weight if name == "conditional" else model.head.edges.weight)
    scores = wide.predict(model, features)
    assert scores.candidates is not None
    assert (scores.candidates.score > -np.inf).all()
    first, last = scores.candidates.start, scores.candidates.end
    inside = features.char_start >= 0
    base = features.token_offsets[scores.candidates.feature]
    assert inside[base + first].all()
    assert inside[base + last].all()
    assert (first <= last).all()
    monkeypatch.setattr("qatk_builtin.trainers.pytorch.trainer.STRETCH", 3)
    assert equal(trainer(batch_tokens=40).predict(model, features), scores, near=1e-4)


def test_no_windows_have_no_scores(tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base")
    engine = trainer()
    model = engine.assemble(hf, head("conditional"), seed=1)
    features = windows([12], hf.spec()).take(np.zeros(0, np.int64))
    engine.predict(model, features).check(features)


SHARED = ("conditional", "answerability")


def predict_shared(base: Path, out: Path) -> None:
    """Scores by however many processes there are, of one window (the second process has none) and of eight."""
    engine = trainer(batch_tokens=64)
    hf = HfBackbone(HfOptions(model=str(base)))
    for name in SHARED:
        model = engine.assemble(hf, head(name, width=8), seed=1)
        for count in (1, 8):
            scores = engine.predict(model, windows(LENGTHS[:count], hf.spec()))
            np.savez(out / f"{name}-{count}.npz", *columns_of(scores))


def _worker(rank: int, port: int, base: Path, out: Path) -> None:
    import os

    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    torch.set_num_threads(1)
    predict_shared(base, out / str(rank))
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(sys.platform == "win32" or not torch.distributed.is_available(), reason="no torch.distributed")
def test_two_processes_share_a_prediction(tmp_path: Path) -> None:
    base = save_model(tmp_path / "base")
    for name in ("0", "1", "alone"):
        (tmp_path / name).mkdir()
    with held_port() as port, forking():
        torch.multiprocessing.spawn(_worker, (port, base, tmp_path), nprocs=2)
    predict_shared(base, tmp_path / "alone")
    for file in (f"{name}-{count}.npz" for name in SHARED for count in (1, 8)):
        found = [np.load(tmp_path / name / file) for name in ("0", "1", "alone")]
        for key in found[2]:
            assert found[0][key].tolist() == found[1][key].tolist()
            assert np.allclose(found[0][key], found[2][key], atol=1e-4)
