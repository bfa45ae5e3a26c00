"""Two real processes train and predict together, on the CPU."""

from __future__ import annotations

import copy
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from commands import forking
from model_tools import save_model, windows
from qatk.api import Examples, UsageError
from qatk.runs.processes import held_port
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.sharding import part_of
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer
from trainer_tools import LENGTHS, weights

FIVE = [*LENGTHS, 21]  # nine windows in steps of four: in the last step of an epoch the second process has none


AVERAGED: dict[str, Any] = {
    "average_decay": 0.9,
    "gradient_accumulation": 2,
    "layer_decay": 0.9,
    "r_drop": 1.0,
    "adversarial": 0.5,
    "gradient_checkpointing": True,
}
CUT: dict[str, Any] = {**AVERAGED, "sharding": "fsdp2"}
FROZEN: dict[str, Any] = {"frozen_layers": 1}
UNEVEN: dict[str, Any] = {"batch_size": 3}  # two parts for the first process, one for the second
PLAIN: dict[str, Any] = {
    "device": "cpu",
    "precision": "fp32",
    "learning_rate": 1e-3,
    "batch_size": 4,
    "log_every": 1,
    "batch_tokens": 64,
}


MASKED: dict[str, Any] = {"masked_words": 0.5}
EXAMPLES = Examples.from_rows([{"id": str(n), "question": "Who?", "context": "Ada did."} for n in range(len(FIVE))])


class Weighed(TorchTrainer):
    """Notes the elements that this process has of weights, the optimizer's state and the average."""

    @cached_property
    def reads_late(self) -> bool:
        """As on a GPU, where weights are cut."""
        return self.options.sharding is not None

    def assemble(self, *given: Any, **more: Any) -> QAModel:
        """Of those with averages, word embeddings have two names, as BART's have."""
        model = super().assemble(*given, **more)
        if self.options.average_decay is not None:
            model.encoder.shared = model.encoder.get_input_embeddings()
        return model

    def on_step(self, model: QAModel) -> None:
        super().on_step(model)
        assert self._loop is not None
        state = [value for of in self._loop.state.optimizer.state.values() for value in of.values()]
        average = [] if self._average is None else self._average.state_dict().get("values", {}).values()
        every = {"weights": model.parameters(), "optimizer": state, "average": average}
        self.elements = {name: sum(part_of(each).numel() for each in tensors) for name, tensors in every.items()}


class Idle(Weighed):
    """A weight of its encoder takes no part."""

    def assemble(self, *given: Any, **more: Any) -> QAModel:
        model = super().assemble(*given, **more)
        model.encoder.idle = torch.nn.Linear(2, 2)
        return model


class Copying(TorchTrainer):
    """Copies the model, as some averages of torch do."""

    def on_start(self, model: QAModel) -> dict[str, torch.nn.Module]:
        return {"copy": copy.deepcopy(model)}


class Hungry(Weighed):
    """In the second process, has memory for one window at a time."""

    def loss(self, model: Any, output: Any, batch: Any) -> Any:
        if self.engine.accelerator.process_index and len(batch.null_index) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return super().loss(model, output, batch)


def train(base: Path, out: Path, *, stop: bool = False, resume: Path | None = None, **more: Any) -> None:
    """Train two epochs, or with ``stop`` two of the three steps of the first; what comes of it is in ``out``."""
    trainer = more.pop("kind", Weighed)(TorchOptions(**{**PLAIN, **more}))
    trainer.take_examples(EXAMPLES)
    hf = HfBackbone(HfOptions(model=str(base)))
    hf.tokenizer().mask_token = hf.tokenizer().sep_token
    model = trainer.assemble(hf, LinearHead(LinearOptions()), seed=1)
    features = windows(FIVE, hf.spec())
    events = []
    (out / "state").mkdir(parents=True)
    for event in trainer.fit(model, features, features, seed=3, resume=resume):
        events.append((event.step, event.loss, event.metrics.get("dev_loss", 0.0)))
        if event.step == 2 and trainer.options.sharding and trainer.engine.accelerator.is_main_process:
            trainer.save(model, out / "state", state=True)
        if stop and event.step == 2:
            trainer.save(model, out / "state", state=True)
            break
    scores = trainer.predict(model, features)
    assert scores.start is not None
    processes = trainer.engine.accelerator.num_processes
    made = {"weights": weights(model), "events": events, "processes": processes, "elements": trainer.elements}
    made["parts"] = trainer.describe(model).get("parts_of_a_batch", 1)
    torch.save(made, out / "found.pt")
    np.save(out / "start.npy", scores.start)
    np.save(out / "null.npy", scores.null)


def _worker(rank: int, port: int, out: Path) -> None:
    import os

    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    torch.set_num_threads(1)
    train(out / "base", out / "together" / str(rank))
    train(out / "base", out / "taken up" / str(rank), resume=out / "alone, first" / "state")
    train(out / "dropping", out / "straight" / str(rank), **MASKED)
    train(out / "dropping", out / "first" / str(rank), stop=True, **MASKED)
    train(out / "dropping", out / "second" / str(rank), resume=out / "first" / "0" / "state", **MASKED)
    train(out / "base", out / "cut" / str(rank), **CUT)
    train(out / "base", out / "uneven" / str(rank), **CUT, **UNEVEN)
    train(out / "base", out / "frozen" / str(rank), **FROZEN)
    train(out / "base", out / "frozen, cut" / str(rank), **CUT, **FROZEN)
    train(out / "base", out / "hungry" / str(rank), kind=Hungry)
    train(out / "base", out / "idle" / str(rank), kind=Idle)
    with pytest.raises(UsageError, match="a hook of the trainer copies the model, whose weights are cut"):
        train(out / "base", out / "copied" / str(rank), kind=Copying, **CUT)
    with pytest.raises(UsageError) as refused:
        train(out / "base", out / "astray" / str(rank), resume=out / "alone, first" / "state" if rank else None)
    (out / "astray" / str(rank) / "said").write_text(str(refused.value))
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left in ``straight/0`` ..., and one process in ``alone``."""
    if not torch.distributed.is_available() or sys.platform == "win32":
        pytest.skip("this torch has no distributed package")
    out = tmp_path_factory.mktemp("processes")
    save_model(out / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    save_model(out / "dropping", hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3)
    train(out / "base", out / "alone")
    train(out / "base", out / "alone, first", stop=True)
    with held_port() as port, forking():
        torch.multiprocessing.spawn(_worker, (port, out), nprocs=2)
    train(out / "dropping", out / "alone, second", resume=out / "first" / "0" / "state", **MASKED)
    train(out / "base", out / "averaged", **AVERAGED)
    train(out / "base", out / "averaged, uneven", **AVERAGED, **UNEVEN)
    train(out / "base", out / "frozen, alone", **FROZEN)
    train(out / "base", out / "averaged, frozen", **AVERAGED, **FROZEN)
    train(out / "base", out / "cut, second", resume=out / "cut" / "0" / "state", **AVERAGED)
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


@pytest.mark.parametrize(("two", "one"), [("together", "alone"), ("frozen", "frozen, alone"), ("idle", "alone")])
def test_two_processes_do_what_one_does(two: str, one: str, found: Path) -> None:
    together, alone = load(found / two / "0"), load(found / one)
    assert alone["processes"] == 1
    assert np.array(together["events"]) == pytest.approx(np.array(alone["events"]), rel=1e-3)
    np.testing.assert_allclose(np.load(found / two / "0/start.npy"), np.load(found / one / "start.npy"), atol=0.01)


def test_all_processes_halve_their_parts_where_one_has_too_little_memory(found: Path) -> None:
    together, hungry = load(found / "together/0"), [load(found / f"hungry/{rank}") for rank in (0, 1)]
    assert together["parts"] == 1
    assert [each["parts"] for each in hungry] == [2, 2]
    assert np.array(hungry[0]["events"]) == pytest.approx(np.array(together["events"]), rel=1e-3)


@pytest.mark.parametrize("process", [0, 1])
def test_two_processes_resume_in_an_epoch_bit_for_bit(process: int, found: Path) -> None:
    straight, resumed = load(found / f"straight/{process}"), load(found / f"second/{process}")
    weights, others = straight["weights"], resumed["weights"]
    assert isinstance(weights, dict)
    assert isinstance(others, dict)
    assert all(torch.equal(value, others[name]) for name, value in weights.items())
    assert straight["events"][2:] == resumed["events"]  # type: ignore[index]


@pytest.mark.parametrize("process", [0, 1])
def test_a_process_that_does_not_see_the_state_is_told(process: int, found: Path) -> None:
    said = (found / "astray" / str(process) / "said").read_text()
    assert said.startswith("rank 1 goes on from step 2, the first process from step 0\n  put the run folder where")


def test_training_goes_on_with_another_number_of_processes(found: Path) -> None:
    alone, taken_up = load(found / "alone"), load(found / "taken up/1")
    assert np.array(taken_up["events"]) == pytest.approx(np.array(alone["events"][2:]), rel=1e-3)  # type: ignore[index]
    np.testing.assert_allclose(np.load(found / "taken up/0/start.npy"), np.load(found / "alone/start.npy"), atol=0.01)
    straight, fewer = load(found / "straight/0"), load(found / "alone, second")
    steps = [[step for step, *_ in kept["events"]] for kept in (straight, fewer)]  # type: ignore[attr-defined]
    assert steps[0][2:] == steps[1]


@pytest.mark.parametrize(
    ("name", "by_one"), [("cut", "averaged"), ("uneven", "averaged, uneven"), ("frozen, cut", "averaged, frozen")]
)
def test_weights_that_are_cut_learn_what_whole_ones_do(name: str, by_one: str, found: Path) -> None:
    cut, whole = load(found / name / "0"), load(found / by_one)
    assert cut["processes"] == 2
    assert np.array(cut["events"]) == pytest.approx(np.array(whole["events"]), rel=1e-5)
    np.testing.assert_allclose(np.load(found / name / "1/start.npy"), np.load(found / by_one / "start.npy"), atol=0.01)
    mine, other = cut["weights"], load(found / name / "1")["weights"]
    assert isinstance(mine, dict)
    assert isinstance(other, dict)
    assert all(torch.equal(value, other[name]) for name, value in mine.items())  # and whole again


def test_each_process_has_half_of_all_that_is_cut(found: Path) -> None:
    elements, others, whole = (load(found / name)["elements"] for name in ("cut/0", "cut/1", "averaged"))
    assert isinstance(elements, dict)
    assert isinstance(others, dict)
    assert isinstance(whole, dict)
    for name, number in whole.items():
        assert number > 8000
        assert elements[name] == pytest.approx(number / 2, rel=0.02)
        assert others[name] == pytest.approx(number / 2, rel=0.02)


def test_a_state_of_cut_weights_is_whole_and_one_process_goes_on(found: Path) -> None:
    first, second = ({path.name for path in (found / f"cut/{rank}/state").iterdir()} for rank in range(2))
    assert {"training.pt", "model.safetensors"} <= first
    assert not second
    whole, resumed = load(found / "averaged"), load(found / "cut, second")
    assert np.array(resumed["events"]) == pytest.approx(np.array(whole["events"][2:]), rel=1e-5)  # type: ignore[index]
    np.testing.assert_allclose(
        np.load(found / "cut, second/start.npy"), np.load(found / "averaged/start.npy"), atol=0.01
    )
