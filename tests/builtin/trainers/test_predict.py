from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from model_tools import FORMS, windows
from qatk.api import Batch, Features, QatkError, QatkWarning, SpanScores
from qatk.progress import listen
from qatk_builtin.trainers.pytorch.dev_metrics import dev_metrics
from qatk_builtin.trainers.pytorch.model import QAModel
from trainer_tools import LENGTHS, assemble, backbone, trainer


@pytest.mark.parametrize("form", FORMS)
def test_scores_do_not_depend_on_the_batch(form: str, tmp_path: Path) -> None:
    hf = backbone(tmp_path, form)
    features = windows(LENGTHS, hf.spec())
    together, alone = trainer(batch_tokens=10_000), trainer(batch_tokens=1)
    model = assemble(together, hf)
    one, other = together.predict(model, features), alone.predict(model, features)
    one.check(features)
    for name in ("start", "end", "null"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=2e-6)


def test_scores_stand_where_their_tokens_stand(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    engine = trainer(batch_tokens=60)
    scores = engine.predict(assemble(engine, hf), features)
    assert scores.start is not None
    assert scores.end is not None
    scored = features.char_start >= 0
    scored[features.token_offsets[:-1] + features.null_index] = True
    assert ((scores.start > -np.inf) == scored).all()
    null = features.token_offsets[:-1] + features.null_index
    np.testing.assert_allclose(scores.null, scores.start[null] + scores.end[null], rtol=1e-5)


def with_room_for(number: int, model: QAModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the model have memory for so many windows at a time."""
    forward = model.forward

    def hungry(batch: Batch) -> object:
        if len(batch.null_index) > number:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return forward(batch)

    monkeypatch.setattr(model, "forward", hungry)


def test_batches_are_halved_where_memory_is_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hf = backbone(tmp_path)
    features, engine = windows(LENGTHS, hf.spec()), trainer(batch_tokens=10_000)
    model = assemble(engine, hf)
    plain = engine.predict(model, features)
    with_room_for(2, model, monkeypatch)
    with pytest.warns(QatkWarning, match="they are halved"):
        halved = engine.predict(model, features)
    for name in ("start", "end", "null"):
        np.testing.assert_allclose(getattr(halved, name), getattr(plain, name), atol=2e-6)


def test_memory_for_no_window_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hf = backbone(tmp_path)
    engine = trainer(batch_tokens=10_000)
    model = assemble(engine, hf)
    with_room_for(0, model, monkeypatch)
    said = pytest.raises(QatkError, match=r"memory is too small to predict a window of \d+ tokens")
    with pytest.warns(QatkWarning, match="they are halved"), said:
        engine.predict(model, windows(LENGTHS, hf.spec()))


def test_prediction_reports_its_progress(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    seen: list[tuple[str, int, int | None]] = []
    engine = trainer(batch_tokens=64)
    model = assemble(engine, hf)
    with listen(lambda *report: seen.append(report)):
        engine.predict(model, windows(LENGTHS, hf.spec()))
    assert seen
    assert seen[-1] == ("predicting", len(LENGTHS), len(LENGTHS))


def test_dev_metrics_by_hand() -> None:
    features = Features(
        example_index=np.array([0, 1], np.int32),
        token_offsets=np.array([0, 2, 5]),
        input_ids=np.zeros(5, np.int32),
        type_ids=np.zeros(5, np.int8),
        char_start=np.zeros(5, np.int32),
        char_end=np.ones(5, np.int32),
        null_index=np.zeros(2, np.int32),
        start_target=np.array([0, 1], np.int32),
        end_target=np.array([1, 2], np.int32),
    )
    start = np.log(np.array([3, 1, 1, 2, 1], np.float32))
    end = np.array([0, 0, 0, 0, -np.inf], np.float32)
    end[[1, 2]] = np.log(3), np.log(3)
    end[4] = 0
    metrics = dev_metrics(features, SpanScores(np.zeros(2, np.float32), start, end))
    losses = [-math.log(3 / 4), -math.log(2 / 4), -math.log(3 / 4), -math.log(1 / 5)]
    assert metrics["dev_loss"] == pytest.approx(sum(losses) / 4)
    assert [metrics[f"{name}_accuracy"] for name in ("start", "end", "both")] == [1.0, 0.5, 0.5]


def test_no_targets_no_dev_metrics(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec(), targets=False)
    engine = trainer()
    assert dev_metrics(features, engine.predict(assemble(engine, hf), features)) == {}


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_scores_are_float32_whatever_the_encoder_computes_in(precision: str, tmp_path: Path) -> None:
    """Scores above 8 come in steps of 1/16 in bf16, and null odds with them."""
    hf = backbone(tmp_path)
    engine = trainer(precision=precision)
    model = assemble(engine, hf)
    torch.nn.init.normal_(model.head.layer.weight, std=8.0)
    seen: list[torch.Tensor] = []
    model.head.layer.register_forward_hook(lambda layer, given, made: seen.extend([given[0], made]))
    features = windows(LENGTHS, hf.spec())
    scores = engine.predict(model, features)
    states, made = seen[:2]
    exact = states.double() @ model.head.layer.weight.double().T + model.head.layer.bias.double()
    assert exact.abs().max() > 8
    assert (made.double() - exact).abs().max() < 1e-4
    assert (scores.null * 32 % 1 != 0).sum() > len(LENGTHS) // 2
