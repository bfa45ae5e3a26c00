"""Time a window and peak memory as data grow. Run: python benchmarks/sizes.py, which goes to 100,000 windows.

Each size has a fresh process, which makes windows of generated questions, predicts with a stub in place of an
encoder, decodes and scores the answers. Peak memory is that of the whole process, Python and torch included, until
the answers are decoded. The questions lie in mapped columns, since as Python strings they alone would take more.
"""

from __future__ import annotations

import random
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from types import SimpleNamespace
from typing import Any

import numpy as np
from common import Row, figure, seconds
from features import minilm
from numpy.typing import NDArray
from table import alone
from texts import Texts
from torch import Tensor, nn

from qatk.evaluation.evaluate import evaluate_examples
from qatk.memory import peak_memory
from qatk.plugins.model_types import BackboneSpec
from qatk.types import Examples
from qatk.types.mapped import Spool
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.min_null import MinNullDecoder
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

SMALL, MIDDLE, LARGE = 10_000, 100_000, 1_000_000
TARGET_GROWTH, TARGET_GIB, TARGET_MEMORY_GROWTH = 1.15, 2.0, 1.10
STAGES = ("features", "decoding", "scoring")
"""Those whose time a window must stay flat; prediction is measured too, with a stub, and only shown."""
BATCH_TOKENS = 1 << 15
QUESTIONS_A_CONTEXT = 10


@dataclass(frozen=True)
class Size:
    """What one process found: windows, microseconds a window of each stage, peak memory in GiB."""

    windows: int
    microseconds: dict[str, float]
    gib: float


def growth(repetitions: int = 3) -> list[Row]:
    """Time a window at 10,000 and 100,000 windows, alternating, and the peak memory of the latter."""
    found = {size: [] for size in (SMALL, MIDDLE)}
    for _ in range(repetitions):
        for size, sizes in found.items():
            sizes.append(in_process(size))
    peaks = [size.gib for size in found[MIDDLE]]
    peak = figure("memory, peak resident", f"{MIDDLE:,} windows", "GiB", peaks, target=TARGET_GIB)
    return [*(_growth(stage, found[SMALL], found[MIDDLE]) for stage in STAGES), peak]


def memory(repetitions: int = 1) -> list[Row]:
    """Time a window at 10,000 and 1,000,000 windows; peak memory at 100,000 and 1,000,000: minutes, and gigabytes."""
    found = {size: [in_process(size) for _ in range(repetitions)] for size in (SMALL, MIDDLE, LARGE)}
    small, large = ([size.gib for size in found[size]] for size in (MIDDLE, LARGE))
    ratios = [more / less for more, less in zip(large, small, strict=True)]
    case, against = f"{LARGE:,} windows", f"{MIDDLE:,} windows"
    middle, other = statistics.median(large), statistics.median(small)
    ratio = statistics.median(ratios), min(ratios), max(ratios), TARGET_MEMORY_GROWTH
    return [
        *(_growth(stage, found[SMALL], found[LARGE]) for stage in STAGES),
        figure("memory, peak resident", case, "GiB", large, target=TARGET_GIB),
        Row("memory, peak resident", case, against, "GiB", middle, other, *ratio, at_most=True),
    ]


def _growth(stage: str, small: list[Size], large: list[Size]) -> Row:
    """How many times as long a window takes where there are more."""
    more, less = ([size.microseconds[stage] for size in sizes] for sizes in (large, small))
    ratios = [a / b for a, b in zip(more, less, strict=True)]
    case, against = f"{large[0].windows:,} windows", f"{small[0].windows:,} windows"
    middle, other = statistics.median(more), statistics.median(less)
    ratio = statistics.median(ratios), min(ratios), max(ratios), TARGET_GROWTH
    return Row(f"growth, {stage}", case, against, "\N{MICRO SIGN}s a window", middle, other, *ratio, at_most=True)


def in_process(windows: int) -> Size:
    """One size, in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(stages, windows).result()


def stages(windows: int) -> Size:
    """Featurize, predict, decode and score about so many windows; all but the last once before, on a few."""
    tokenizer, spec = minilm()
    featurizer, decoder = StrideFeaturizer(StrideOptions()), MinNullDecoder(MinNullOptions())
    trainer = TorchTrainer(TorchOptions(batch_tokens=BATCH_TOKENS, precision="fp32"))
    model = trainer.assemble(StubBackbone(spec), LinearHead(LinearOptions()), seed=0)
    few = questions(100, tokenizer)
    warm = featurizer.featurize(few, tokenizer, spec, targets=False)
    decoder.decode(few, warm, trainer.predict(model, warm))
    examples = questions(windows, tokenizer)
    featurizing, features = seconds(lambda: featurizer.featurize(examples, tokenizer, spec, targets=False))
    predicting, scores = seconds(lambda: trainer.predict(model, features))
    decoding, predictions = seconds(lambda: decoder.decode(examples, features, scores))
    gib = peak_memory() / 2**30
    answers = dict(zip(examples.id, predictions.text, strict=True))
    odds = dict(zip(examples.id, predictions.null_odds.tolist(), strict=True))
    scoring, _ = seconds(lambda: evaluate_examples(examples, answers, odds))
    took = {"features": featurizing, "prediction with a stub": predicting, "decoding": decoding, "scoring": scoring}
    return Size(windows, {stage: time / len(features) * 1e6 for stage, time in took.items()}, gib)


class StubBackbone:
    """An encoder that looks tokens up in a narrow table, and costs next to nothing."""

    def __init__(self, spec: BackboneSpec) -> None:
        self._spec = replace(spec, hidden_size=8, has_type_ids=False)

    def spec(self) -> BackboneSpec:
        return self._spec

    def tokenizer(self) -> None:
        return None

    def encoder(self) -> nn.Module:
        return StubEncoder(2**15, self._spec.hidden_size)

    def head_state(self) -> dict[str, Tensor]:
        return {}


class StubEncoder(nn.Embedding):
    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=super().forward(input_ids))


def questions(number: int, tokenizer: Any) -> Examples:
    """Questions of whole words that the tokenizer knows, with SQuAD's lengths; two of three with three answers."""
    words = sorted(word for word in tokenizer.get_vocab() if word.isascii() and word.isalpha())
    contexts = Texts.of(context(words, k) for k in range(-(-number // QUESTIONS_A_CONTEXT)))
    count = np.where(np.arange(number) % 3, 3, 0)
    asked = (" ".join(random.Random(-row).choices(words, k=10)) + "?" for row in range(number))
    asked_of = ((row, k, of_row(contexts, row)) for row in range(number) for k in range(count[row]))
    start = np.fromiter((answer_start(text, row, k) for row, k, text in asked_of), np.int32)
    begin = iter(start)
    text = Texts.of(
        of_row(contexts, row)[next(begin) :].split(" ", 3)[0] for row in range(number) for _ in range(count[row])
    )
    contexts.release()
    return Examples(
        id=Texts.of(f"{row:08d}" for row in range(number)),
        question=Texts.of(asked),
        title=Texts.of("" for _ in range(number)),
        context=contexts,
        context_index=(np.arange(number) // QUESTIONS_A_CONTEXT).astype(np.int32),
        answer_offsets=mapped(np.concatenate([[0], np.cumsum(count)])),
        answer_text=text,
        answer_start=mapped(start),
    )


def mapped(values: NDArray[Any]) -> NDArray[Any]:
    column = Spool(values.dtype.type)
    column.append(values)
    return column.column()


def of_row(contexts: Texts, row: int) -> str:
    if row % 1_000 == 1:
        contexts.release()
    return contexts[row // QUESTIONS_A_CONTEXT]


def context(words: list[str], k: int) -> str:
    chance = random.Random(k)
    return " ".join(chance.choices(words, k=min(330, int(chance.lognormvariate(4.95, 0.42)))))


def answer_start(text: str, row: int, k: int) -> int:
    return text.index(" ", (row * 7919 + k * 104729) % (len(text) // 2)) + 1


if __name__ == "__main__":
    alone(__doc__, growth, repetitions=3)
