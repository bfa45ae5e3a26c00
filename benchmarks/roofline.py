"""How near training on a CPU comes to what its matrix products give. Run: python benchmarks/roofline.py.

Four rates for each precision, over the same windows: that of one large matrix product; that of the encoder's own
products in the shapes and order of a training step, and nothing else; that of training; and, from a profile, which
share of the time each kind of work takes. Windows are of the mini training set, MiniLM as in the examples. Operations
are those of ``gpu.py``: real tokens only, so that padding counts as loss.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import torch
from common import Row, figure, mini_or_generated, seconds, to_examples
from features import minilm
from gpu import matrix_rate, operations
from models import BATCH, MODEL, RATE, sample
from table import console, show
from transformers import BertConfig

from qatk.types import Features
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
KINDS = {
    "matrix products": ("mm", "addmm", "bmm", "linear", "mkldnn_linear"),
    "attention": ("attention",),
    "GELU": ("gelu",),
    "layer norm": ("layer_norm",),
    "optimizer": ("adamw", "foreach", "norm"),
    "dropout": ("dropout", "bernoulli"),
}
"""Kinds of work, by words in the names of torch's operators; the first that fits counts."""


def measure(repetitions: int, windows: int, precisions: tuple[str, ...] = tuple(PRECISIONS)) -> list[Row]:
    """The rows of each precision."""
    name, data = mini_or_generated()
    tokenizer, spec = minilm()
    features = StrideFeaturizer(StrideOptions()).featurize(to_examples(data), tokenizer, spec, targets=True)
    few = sample(features, windows)
    return [row for precision in precisions for row in of_precision(name, few, precision, repetitions)]


def of_precision(name: str, features: Features, precision: str, repetitions: int) -> list[Row]:
    """The four rates, and the share of each kind of work."""
    backbone = HfBackbone(HfOptions(model=MODEL, attention_dropout=0.0))
    options = TorchOptions(batch_size=BATCH, learning_rate=RATE, epochs=1, precision=precision, log_every=1000)
    trainer = TorchTrainer(options)
    model = trainer.assemble(backbone, LinearHead(LinearOptions()), seed=0)
    config = model.encoder.config
    rate = matrix_rate(torch.device("cpu"), PRECISIONS[precision])
    work = operations(features, config, training=True)

    def train() -> list[object]:
        return list(trainer.fit(model, features, None, seed=0))

    train()  # allocates
    products = statistics.median(products_alone(features, config, PRECISIONS[precision]) for _ in range(repetitions))
    took = [seconds(train)[0] for _ in range(repetitions)]
    case, row = f"{name}, {precision}", partial(figure, at_most=False)
    found = [
        row("one large matrix product", case, "GFLOP/s", [rate / 1e9]),
        row("limit: all operations at that rate", case, "windows/s", [len(features) * rate / work]),
        row("the step's products alone", case, "windows/s", [len(features) / products]),
        row("training", case, "windows/s", [len(features) / one for one in took]),
        row("training, share of the limit", case, "%", [100 * work / rate / one for one in took]),
    ]
    return found + [row(f"time of {kind}", case, "%", [share]) for kind, share in shares(train).items()]


def products_alone(features: Features, config: BertConfig, precision: torch.dtype) -> float:
    """Seconds of the products of every linear layer, forward and backward, batch by batch, without padding."""
    width, inner = config.hidden_size, config.intermediate_size
    shapes = 4 * [(width, width)] + [(width, inner), (inner, width)]
    weights = [torch.randn(after, before).to(precision) for before, after in shapes]
    lengths, took = features.lengths, 0.0
    for begin in range(0, len(lengths), BATCH):
        tokens = int(lengths[begin : begin + BATCH].sum())
        given = {size: torch.randn(tokens, size).to(precision) for size in (width, inner)}
        began = time.perf_counter()
        for _ in range(config.num_hidden_layers):
            for weight in weights:
                entering, leaving = given[weight.shape[1]], given[weight.shape[0]]
                torch.nn.functional.linear(entering, weight)
                leaving @ weight  # the gradient of what entered
                leaving.t() @ entering  # the gradient of the weight
        took += time.perf_counter() - began
    return took


def shares(work: Callable[[], object]) -> dict[str, float]:
    """Per cent of the time that each kind of operator takes by itself, the largest first."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        work()
    found: Counter[str] = Counter()
    for event in profile.key_averages():
        kind = next((kind for kind, words in KINDS.items() if any(word in named(event.key) for word in words)), "rest")
        found[kind] += event.self_cpu_time_total
    return {kind: 100 * spent / found.total() for kind, spent in found.most_common()}


def named(key: str) -> str:
    """An operator's own name, without its namespace."""
    return key.rpartition("::")[2].lower()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=512)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    show(measure(given.repetitions, given.windows), console())


if __name__ == "__main__":
    main()
