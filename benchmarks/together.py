"""Training by one process and by two that share each step, on the same cores. Run: python benchmarks/together.py.

The model is a BERT of random weights, the data are generated. The rate is that of the median step, without the start of
the processes. On CPUs one process has all cores, and each of two has half of them. The last rows are of two processes
that share the weights of BERT-base too (FSDP2), beside two of which each has all of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from common import Row, Timed, speedup
from gpu import SHAPES, RandomBackbone
from table import alone
from transformers import BertConfig

from qatk.api import Features
from qatk.cores import usable_cores
from qatk.memory import peak_memory
from qatk.plugins.model_types import BackboneSpec
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.sharding import part_of
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

BATCH, STEPS, WARM = 16, 40, 10
SHARED_BATCH, LENGTH = 8, 128
RECIPE = {
    "qatk": 1,
    "seed": 13,
    "backbone": {"use": "tiny", "hidden_size": 256, "layers": 4, "heads": 4},
    "data": {name: {"use": "facts", "questions": size} for name, size in (("train", 640), ("dev", 32))},
    "trainer": {"use": "torch", "device": "cpu", "batch_size": BATCH, "max_steps": STEPS, "log_every": 1},
    "reporters": [],
}


def measure(repetitions: int = 3) -> list[Row]:
    """Windows a second of two processes beside those of one."""
    found: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as scratch:
        recipe = Path(scratch) / "recipe.yaml"
        recipe.write_text(json.dumps(RECIPE))
        for repetition in range(repetitions):
            for processes, seconds in found.items():
                seconds.append(step_seconds(recipe, Path(scratch) / f"{processes}-{repetition}", processes))
    two, one = (Timed(found[number], BATCH) for number in (2, 1))
    case = f"BERT 4 x 256, batches of {BATCH}, {usable_cores()} cores"
    note = "one process has all cores, each of two has half of them."
    rows = [speedup("training, 2 processes", case, "windows", two, one, "1 process", note=note)]
    return rows + sharing(max(1, repetitions // 3))


def sharing(repetitions: int) -> list[Row]:
    """Memory and speed of two processes that share the weights, beside two that each have all of them."""
    found: dict[str, list[Mapping[str, float]]] = {"fsdp2": [], "": []}
    with tempfile.TemporaryDirectory() as scratch:
        for repetition in range(repetitions):
            for sharding, each in found.items():
                out = Path(scratch) / f"{sharding}{repetition}.json"
                launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
                environ = {**os.environ, "OMP_NUM_THREADS": str(max(1, usable_cores() // 2))}
                subprocess.run([*launch, __file__, "steps", str(out), sharding], check=True, env=environ)
                each.append(json.loads(out.read_text()))
    case, against = f"BERT-base, {SHARED_BATCH} windows of {LENGTH}, 2 processes", "each has all weights"
    cut, whole = (Timed([float(one["seconds"]) for one in each], SHARED_BATCH) for each in found.values())
    rows = [speedup("training, shared weights", case, "windows", cut, whole, against)]
    for name, what in (("state", "weights, gradients and AdamW's state"), ("resident", "peak resident in a step")):
        mine, theirs = ([one[name] / 2**30 for one in each] for each in found.values())
        shares = [one / other for one, other in zip(mine, theirs, strict=True)]
        middle = [statistics.median(values) for values in (mine, theirs, shares)]
        what = f"memory of a process, {what}"
        rows.append(Row(what, case, against, "GiB", *middle, min(shares), max(shares), at_most=True))
    return rows


class Weighed(TorchTrainer):
    """Notes the bytes of weights, gradients and the optimizer's state in this process."""

    def on_step(self, model: QAModel) -> None:
        assert self._loop is not None
        state = [value for of in self._loop.state.optimizer.state.values() for value in of.values()]
        trained = [weight for weight in model.parameters() if weight.requires_grad]  # with a gradient each
        self.bytes = sum(part_of(each).nbytes for each in (*model.parameters(), *trained, *state))


def take_steps(out: Path, sharding: str) -> None:
    """One of two processes: a few steps; the first writes what the later ones take."""
    config = BertConfig(vocab_size=30522, **SHAPES["bert-base"])
    backbone = RandomBackbone(config, BackboneSpec("random", 768, 512, "right", 0, 101, True))
    options = TorchOptions(device="cpu", precision="fp32", batch_size=SHARED_BATCH, log_every=1, epochs=1)
    trainer = Weighed(options.model_copy(update={"sharding": sharding or None}))
    model = trainer.assemble(backbone, LinearHead(LinearOptions()), seed=0)
    rates = []
    for event in trainer.fit(model, random_windows(SHARED_BATCH * 5), None, seed=0):
        if event.kind == "step" and event.step > 1:
            rates.append(event.examples_per_second)
        elif event.kind == "step":
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        if event.step == event.total_steps:
            break
    resident = peak_memory()
    seconds = SHARED_BATCH / statistics.median(rates)
    if os.environ["RANK"] == "0":
        out.write_text(json.dumps({"seconds": seconds, "resident": resident, "state": trainer.bytes}))


def random_windows(number: int) -> Features:
    """Windows of one length, of random tokens, whose answer is their last one."""
    tokens = np.tile(np.arange(LENGTH), number)
    inside = tokens > 9
    last = np.full(number, LENGTH - 1, np.int32)
    return Features(
        example_index=np.arange(number, dtype=np.int32),
        token_offsets=np.arange(number + 1) * LENGTH,
        input_ids=np.random.default_rng(0).integers(1000, 30000, number * LENGTH).astype(np.int32),
        type_ids=inside.astype(np.int8),
        char_start=np.where(inside, tokens * 2, -1).astype(np.int32),
        char_end=np.where(inside, tokens * 2 + 1, -1).astype(np.int32),
        null_index=np.zeros(number, np.int32),
        start_target=last,
        end_target=last,
    )


def step_seconds(recipe: Path, out: Path, processes: int) -> float:
    """The median time of a step, once the allocator and the caches are warm."""
    command = [sys.executable, "-m", "qatk", "run", str(recipe), "--out", str(out), "--processes", str(processes)]
    environ = {**os.environ, "OMP_NUM_THREADS": str(max(1, usable_cores() // processes))}
    subprocess.run(command, check=True, capture_output=True, env=environ)
    events = [json.loads(line) for line in (out / "events.jsonl").read_text("utf-8").splitlines()]
    rates = [event["examples_per_second"] for event in events if event["kind"] == "step"]
    if len(rates) != STEPS:
        raise SystemExit(f"{out}: {len(rates)} steps, not {STEPS}")
    return BATCH / statistics.median(rates[WARM:])


if __name__ == "__main__":
    if sys.argv[1:2] == ["steps"]:
        take_steps(Path(sys.argv[2]), sys.argv[3])
    else:
        alone(__doc__, measure, repetitions=3)
