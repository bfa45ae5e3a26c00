"""Two real processes train and predict together, on the CPU."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from model_tools import save_model, windows
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer
from trainer_tools import LENGTHS

FIVE = [*LENGTHS, 21]  # nine windows in steps of four: in the last step of an epoch the second process has none


def train(base: Path, out: Path, *, stop: bool = False, resume: Path | None = None) -> None:
    """Train two epochs (or one of two, with ``stop``) and leave weights, scores and events in ``out``."""
    trainer = TorchTrainer(
        TorchOptions(device="cpu", precision="fp32", learning_rate=1e-3, batch_size=4, epochs=2.0, batch_tokens=64)
    )
    hf = HfBackbone(HfOptions(model=str(base)))
    model = trainer.assemble(hf, LinearHead(LinearOptions()), seed=1)
    features = windows(FIVE, hf.spec())
    events = []
    (out / "state").mkdir(parents=True)
    for event in trainer.fit(model, features, features, seed=3, resume=resume):
        events.append((event.step, event.loss, event.metrics["dev_loss"]))
        if stop:
            trainer.save(model, out / "state", state=True)
            break
    scores = trainer.predict(model, features)
    assert scores.start is not None
    processes = trainer.engine.accelerator.num_processes
    torch.save({"weights": model.state_dict(), "events": events, "processes": processes}, out / "found.pt")
    np.save(out / "start.npy", scores.start)
    np.save(out / "null.npy", scores.null)


def _worker(rank: int, port: int, base: Path, out: Path) -> None:
    import os

    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    torch.set_num_threads(1)
    train(base, out / "straight" / str(rank))
    train(base, out / "first" / str(rank), stop=True)
    train(base, out / "second" / str(rank), resume=out / "first" / str(rank) / "state")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left in ``straight/0`` ..., and one process in ``alone``."""
    if not torch.distributed.is_available() or sys.platform == "win32":
        pytest.skip("this torch has no distributed package")
    out = tmp_path_factory.mktemp("processes")
    base = save_model(out / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    torch.multiprocessing.spawn(_worker, (port, base, out), nprocs=2)
    train(base, out / "alone")
    return out


def load(folder: Path) -> dict[str, object]:
    kept: dict[str, object] = torch.load(folder / "found.pt", weights_only=True)
    return kept


def test_both_processes_end_with_the_same_weights_and_scores(found: Path) -> None:
    one, other = load(found / "straight/0"), load(found / "straight/1")
    assert one["processes"] == other["processes"] == 2
    assert one["events"] == other["events"]
    weights, others = one["weights"], other["weights"]
    assert isinstance(weights, dict)
    assert isinstance(others, dict)
    assert all(torch.equal(value, others[name]) for name, value in weights.items())
    for name in ("start.npy", "null.npy"):
        np.testing.assert_array_equal(np.load(found / "straight/0" / name), np.load(found / "straight/1" / name))


def test_two_processes_do_what_one_does(found: Path) -> None:
    together, alone = load(found / "straight/0"), load(found / "alone")
    assert alone["processes"] == 1
    assert np.array(together["events"]) == pytest.approx(np.array(alone["events"]), rel=1e-3)
    np.testing.assert_allclose(np.load(found / "straight/0/start.npy"), np.load(found / "alone/start.npy"), atol=0.01)


def test_two_processes_resume_bit_for_bit(found: Path) -> None:
    straight, resumed = load(found / "straight/1"), load(found / "second/1")
    weights, others = straight["weights"], resumed["weights"]
    assert isinstance(weights, dict)
    assert isinstance(others, dict)
    assert all(torch.equal(value, others[name]) for name, value in weights.items())
    assert straight["events"][-1] == resumed["events"][-1]  # type: ignore[index]
