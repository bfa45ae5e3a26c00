"""What options of the trainers cost in a step of training, beside a plain one. Run: python benchmarks/levers.py.

MiniLM on the CPU in float32, windows of one length. Each side trains a model of its own, in turn; what is timed is the
processor time of its steps after the first, so that work beside it does not count. A ratio of 2 is twice the time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import Row, Timed, duration, mini_or_generated, to_examples
from models import MODEL
from pipeline import save
from table import alone

from qatk.api import Examples, TrainEvent
from qatk.plugins.host import PluginHost
from qatk.types import Features
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.trainers.pytorch.model import QAModel

STEPS, WINDOWS, LENGTH = 3, 16, 200
LEVERS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "layer_decay: 0.9": {"layer_decay": 0.9},
    "average_decay: 0.999": {"average_decay": 0.999},
    "label_smoothing: 0.1": {"label_smoothing": 0.1},
    "marginal: true": {"marginal": True},
    "impossible_weight: 0.5": {"impossible_weight": 0.5},
    "null_from: both-kinds": {"null_from": "both-kinds"},
    "r_drop: 1.0": {"r_drop": 1.0},
    "adversarial: 1.0": {"adversarial": 1.0},
    "masked_words: 0.5": {"masked_words": 0.5},
    "distil": {"use": "distil"},
    "frozen_layers: 3": {"frozen_layers": 3},
    "lora_rank: 8": {"lora_rank": 8},
    "lora_targets: [query, value]": {"lora_rank": 8, "lora_targets": ["query", "value"]},
    "lora_dora: true": {"lora_rank": 8, "lora_dora": True},
}


def measure(repetitions: int = 5, model: str = MODEL, length: int = LENGTH) -> list[Row]:
    """A row for each lever, against the plain step."""
    name, data = mini_or_generated()
    examples = to_examples(data)
    with TemporaryDirectory() as folder:
        os.environ["QATK_CACHE"] = folder  # of the teacher's scores
        save(Path(folder))
        features = windows(examples, model, length)
        sides = {lever: steps(dict(given), examples, features, model, folder) for lever, given in LEVERS.items()}
        times = in_turn(sides, repetitions, time.process_time)
    case, plain = f"{WINDOWS} windows of {length} tokens, {name}", Timed(times.pop("plain"), STEPS)
    return [duration(lever, case, Timed(took, STEPS), plain, "a plain step") for lever, took in times.items()]


def in_turn(
    sides: Mapping[str, Iterator[TrainEvent]], repetitions: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """The seconds of ``STEPS`` steps of each side, once in each repetition."""
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repetitions):
        for side, events in sides.items():
            began = clock()
            for _ in range(STEPS):
                next(events)
            times[side].append(clock() - began)
    return times


def windows(examples: Examples, model: str, length: int) -> Features:
    """Windows that are full."""
    hf = HfBackbone(HfOptions(model=model))
    featurizer = PluginHost.discover().build("featurizer", "stride", {"max_length": length, "doc_stride": 8})
    found: Features = featurizer.featurize(examples.take(range(400)), hf.tokenizer(), hf.spec(), targets=True)
    return found.take(np.flatnonzero(found.lengths == length)[: 4 * WINDOWS])


def steps(
    given: dict[str, Any],
    examples: Examples,
    features: Features,
    model: str,
    teacher: str | None = None,
    change: Callable[[QAModel], None] | None = None,
) -> Iterator[TrainEvent]:
    """The steps of a training, after its first; of a model that was changed before, where that is given."""
    host, use = PluginHost.discover(), given.pop("use", "torch")
    plain = {"device": "cpu", "precision": "fp32", "batch_size": WINDOWS, "epochs": 1e6, "log_every": 1}
    more = {"teacher": teacher} if use == "distil" else {}
    trainer = host.build("trainer", use, {**plain, **given, **more})
    backbone = host.build("backbone", "hf", {"model": model, "attention_dropout": 0.0})
    assembled = trainer.assemble(backbone, host.build("head", "linear", {}), seed=1)
    if change is not None:
        change(assembled)
    trainer.take_examples(examples.take(range(400)))
    events: Iterator[TrainEvent] = (e for e in trainer.fit(assembled, features, None, seed=1) if e.kind == "step")
    next(events)
    return events


if __name__ == "__main__":
    alone(__doc__, measure, 5)
