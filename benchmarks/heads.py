"""What heads and decoders cost beside ``linear`` and ``min-null``: time and memory. Run: python benchmarks/heads.py.

MiniLM on the CPU, a fixed random sample of windows; each head in a process of its own, one at a time, so that its peak
of memory is its own. Decoders read invented scores of overlapping windows, an ensemble also a finished run from disk.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

from common import Row, Timed, alternate, duration, mini_or_generated, to_examples
from compare import dev_like, make_run
from decoding import invent
from features import minilm
from models import BATCH, MODEL, RATE, sample, workers
from table import alone

from qatk.api import Batch, Features, PairLogits, SpanLogits, TokenLogits
from qatk.memory import peak_memory
from qatk.plugins.host import PluginHost
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

HEADS = ("linear", "conditional", "biaffine", "answerability")
WINDOWS = 128
WAYS = ("float32 head", "bf16 head", "fp32")
"""With the encoder in bf16 the head in float32, as qatk has it, or in bf16 like the encoder; or all in float32."""
QUESTIONS, OVERLAPPING = 2_000, {"max_length": 128, "doc_stride": 48}
"""What the decoders are timed on."""
DECODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "min-null": ("min-null", {}),
    "merge-windows, max": ("merge-windows", {"combine": "max"}),
    "merge-windows, mean": ("merge-windows", {"combine": "mean"}),
    "merge-windows, edge": ("merge-windows", {"combine": "edge"}),
    "ensemble of two, probability": ("ensemble", {"by": "probability"}),
    "ensemble of two, score": ("ensemble", {"by": "score"}),
}


@dataclass(frozen=True)
class Cost:
    """Of one head: seconds of each epoch and each prediction, and the peak of resident memory in GiB."""

    training: Sequence[float]
    prediction: Sequence[float]
    memory: float


def measure(repetitions: int = 3) -> list[Row]:
    """Heads, what their float32 costs, then decoders."""
    return [*heads(repetitions), *in_float32(repetitions), *decoders(repetitions)]


def heads(repetitions: int) -> list[Row]:
    """Three rows each."""
    name, data = mini_or_generated()
    features = StrideFeaturizer(StrideOptions()).featurize(to_examples(data), *minilm(), targets=True)
    windows = sample(features, WINDOWS)
    costs = {}
    for head in HEADS:
        with workers({head: partial(cost, head=head, repetitions=repetitions)}) as side:
            costs[head] = side[head](windows)
    linear = costs.pop("linear")
    return [row for head, found in costs.items() for row in beside(name, head, found, linear)]


def beside(data: str, head: str, found: Cost, linear: Cost, against: str = "linear") -> list[Row]:
    """A head's cost, as a ratio to that of ``linear``, or of what else it is held against."""
    rows = [
        duration(f"{what}, {WINDOWS} windows", f"{data}, {head}", Timed(mine, 1), Timed(theirs, 1), against)
        for what, mine, theirs in (
            ("training", found.training, linear.training),
            ("prediction", found.prediction, linear.prediction),
        )
    ]
    ratio = found.memory / linear.memory
    memory = ("memory, peak resident", f"{data}, {head}", against, "GiB", found.memory, linear.memory)
    return [*rows, Row(*memory, ratio, ratio, ratio)]


def cost(features: Features, *, head: str, repetitions: int) -> Cost:
    """Train and predict, once more than is counted."""
    trainer, model = side(head)
    training, prediction = [], []
    for _ in range(repetitions + 1):
        trained, predicted = one(features, trainer, model)
        training.append(trained)
        prediction.append(predicted)
    return Cost(training[1:], prediction[1:], peak_memory() / 2**30)


def one(features: Features, trainer: TorchTrainer, model: Any) -> tuple[float, float]:
    """Seconds of an epoch, and of a prediction."""
    began = time.perf_counter()
    for _ in trainer.fit(model, features, None, seed=0):
        pass
    trained = time.perf_counter()
    trainer.predict(model, features)
    return trained - began, time.perf_counter() - trained


def in_float32(repetitions: int) -> list[Row]:
    """What it costs that heads compute in float32 above an encoder in bf16: two rows for each of two heads."""
    name, data = mini_or_generated()
    features = StrideFeaturizer(StrideOptions()).featurize(to_examples(data), *minilm(), targets=True)
    windows, rows = sample(features, WINDOWS), []
    for head in ("linear", "biaffine"):
        with workers({head: partial(each_way, head=head, repetitions=repetitions)}) as pool:
            found: dict[str, Cost] = pool[head](windows)
        mine = found.pop(WAYS[0])
        for against, theirs in found.items():
            rows += beside(name, f"{head}, float32 in bf16", mine, theirs, against)[:2]
    return rows


def each_way(features: Features, *, head: str, repetitions: int) -> dict[str, Cost]:
    """Train and predict each way in turn, so that what else the machine does falls on all alike."""
    sides = {way: side(head, way) for way in WAYS}
    took: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in WAYS}
    for _ in range(repetitions + 1):
        for way, (trainer, model) in sides.items():
            for seconds, found in zip(one(features, trainer, model), took[way], strict=True):
                found.append(seconds)
    return {
        way: Cost(training[1:], prediction[1:], peak_memory() / 2**30) for way, (training, prediction) in took.items()
    }


class LikeEncoder(QAModel):
    """A model whose head computes as autocast has it compute: what qatk did before."""

    def forward(self, batch: Batch) -> SpanLogits | PairLogits | TokenLogits:
        output: SpanLogits | PairLogits | TokenLogits = self.head(self._states(batch), batch)
        return output


@cache
def side(head: str, way: str = "") -> tuple[TorchTrainer, Any]:
    """A trainer, and a model with this head."""
    precision = {"": "auto", "fp32": "fp32"}.get(way, "bf16")
    options = TorchOptions(learning_rate=RATE, epochs=1, batch_size=BATCH, device="cpu", precision=precision)
    trainer = TorchTrainer(options)
    backbone = HfBackbone(HfOptions(model=MODEL, attention_dropout=0.0))
    model = trainer.assemble(backbone, PluginHost.discover().build("head", head), seed=0)
    if way == "bf16 head":
        model.__class__ = LikeEncoder
    return trainer, model


def decoders(repetitions: int) -> list[Row]:
    """A row each, over the same windows and scores."""
    examples, host = dev_like(QUESTIONS), PluginHost.discover()
    features = StrideFeaturizer(StrideOptions(**OVERLAPPING)).featurize(examples, *minilm(), targets=False)
    scores = invent(features)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        make_run(run, examples, 0.6, 0, host)

        def decoding(name: str, options: dict[str, Any]) -> Callable[[], Any]:
            more = {"runs": [str(run)]} if name == "ensemble" else {}
            return lambda: host.build("decoder", name, {**options, **more}).decode(examples, features, scores)

        sides = {name: decoding(*how) for name, how in DECODERS.items()}
        alternate(sides, 1)
        times = {name: Timed(took, 1) for name, took in alternate(sides, repetitions).items()}
    plain = times.pop("min-null")
    case = f"{QUESTIONS:,} questions, {len(features):,} windows"
    note = f"min-null takes {1e6 * median(plain.seconds) / QUESTIONS:.0f} µs a question."
    return [duration(f"decoding, {name}", case, took, plain, "min-null", note=note) for name, took in times.items()]


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=3)
