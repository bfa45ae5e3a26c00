"""Work done ahead, and losses that are read late: what a GPU runs, here on a CPU."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from model_tools import windows
from qatk.api import TrainingDiverged
from qatk_builtin.trainers.pytorch.prefetch import Guard, prepared
from trainer_tools import LENGTHS, assemble, backbone, same, trainer, weights

CPU, FOUR = torch.device("cpu"), np.arange(4)


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("number", [0, 1, 3, 20])
def test_results_come_in_order(threaded: bool, number: int) -> None:
    assert list(prepared(range(number), lambda i: i * i, threaded=threaded)) == [(i, i * i) for i in range(number)]


def test_work_is_done_ahead_but_not_far() -> None:
    done = []
    results = prepared(range(100), lambda i: done.append(i) or i, threaded=True)
    next(results)
    time.sleep(0.2)
    assert 2 <= len(done) <= 6
    results.close()
    assert len(done) <= 6


@pytest.mark.parametrize("threaded", [False, True])
def test_an_error_comes_in_its_turn_and_no_thread_is_left(threaded: bool) -> None:
    def work(i: int) -> int:
        return 1 // (3 - i)

    results = prepared(range(9), work, threaded=threaded)
    assert [next(results)[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("qatk-batches")]


def test_the_guard_names_the_first_step_that_went_wrong() -> None:
    guard = Guard(CPU, 10, norms=True)
    for loss, norm in ((1.0, 1.0), (2.0, 1.0), (3.0, float("inf")), (float("nan"), 1.0)):
        guard.add(torch.tensor(loss), torch.tensor(norm), FOUR)
    assert float(guard.stopped) == 1
    with pytest.raises(TrainingDiverged, match="norm of the gradients became inf at step 13") as found:
        guard.read()
    assert found.value.step == 13
    fine = Guard(CPU, 0, norms=False)
    fine.add(torch.tensor(1.5), torch.tensor(float("inf")), FOUR)
    assert fine.read() == [(1.5, 4)]
    assert fine.read() == []
    assert float(fine.stopped) == 0


def test_a_fused_optimizer_stops_where_the_guard_does() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer, guard = torch.optim.AdamW([weight], lr=0.1, fused=True), Guard(CPU, 0, norms=True)
    kept = []
    for loss in (1.0, 1.0, float("nan"), 1.0):
        weight.grad = torch.ones(3)
        guard.add(torch.tensor(loss), torch.tensor(1.0), FOUR[:1])
        optimizer.found_inf = guard.stopped
        optimizer.step()
        kept.append(weight.detach().clone())
    assert not torch.equal(kept[0], kept[1])
    assert torch.equal(kept[1], kept[2])
    assert torch.equal(kept[2], kept[3])


@pytest.mark.parametrize("broken", [False, True])
def test_reading_late_changes_nothing(broken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for late in (False, True):
        engine = trainer(log_every=4, max_steps=6)
        monkeypatch.setattr(type(engine), "reads_late", late)
        model = assemble(engine, backbone(tmp_path / str(late)))
        features = windows(LENGTHS * 3, model.spec)
        steps, losses = 0, []
        whole = type(model).loss

        def loss(self, output, batch, whole=whole):  # type: ignore[no-untyped-def]
            nonlocal steps
            steps += 1
            value = whole(self, output, batch)
            return value * float("nan") if broken and steps == 3 else value

        with monkeypatch.context() as patch:
            patch.setattr(type(model), "loss", loss)
            try:
                losses += [event.loss for event in engine.fit(model, features, None, seed=1)]
            except TrainingDiverged as error:
                losses.append(error.step)
        found.append((losses, weights(model)))
    (ours, mine), (theirs, others) = found
    assert ours == theirs
    assert (3 in ours) == broken
    assert same(mine, others)
