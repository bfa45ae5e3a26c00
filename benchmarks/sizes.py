"""Time a window and peak memory as data grow. Run: python benchmarks/sizes.py, which goes to 100,000 windows.

Each size has a fresh process, which makes windows of generated questions, takes invented scores in place of a
model's, decodes them and scores the answers. Peak memory is that of the whole process, Python and torch included,
until the answers are decoded.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from common import Row, figure, seconds
from features import minilm
from table import alone

from qatk.evaluation import evaluate_examples
from qatk.types import Examples, Features, SpanScores
from qatk_builtin.bert import MinNullOptions, StrideOptions
from qatk_builtin.bert.min_null import MinNullDecoder
from qatk_builtin.bert.stride import StrideFeaturizer

SMALL, MIDDLE, LARGE = 10_000, 100_000, 1_000_000
TARGET_GROWTH, TARGET_GIB, TARGET_MEMORY_GROWTH = 1.15, 2.0, 1.10
STAGES = ("features", "decoding", "scoring")
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
    """The same for 100,000 and 1,000,000 windows: minutes, and gigabytes."""
    found = {size: [in_process(size) for _ in range(repetitions)] for size in (MIDDLE, LARGE)}
    small, large = ([size.gib for size in found[size]] for size in (MIDDLE, LARGE))
    ratios = [more / less for more, less in zip(large, small, strict=True)]
    case, against = f"{LARGE:,} windows", f"{MIDDLE:,} windows"
    middle, other = statistics.median(large), statistics.median(small)
    ratio = statistics.median(ratios), min(ratios), max(ratios), TARGET_MEMORY_GROWTH
    return [
        *(_growth(stage, found[MIDDLE], found[LARGE]) for stage in STAGES),
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
    """Featurize, decode and score about so many windows; the first two once before, on a few, to warm up."""
    tokenizer, spec = minilm()
    featurizer, decoder = StrideFeaturizer(StrideOptions()), MinNullDecoder(MinNullOptions())
    few = questions(100, tokenizer)
    warm = featurizer.featurize(few, tokenizer, spec, targets=False)
    decoder.decode(few, warm, stub_scores(warm))
    examples = questions(windows, tokenizer)
    featurizing, features = seconds(lambda: featurizer.featurize(examples, tokenizer, spec, targets=False))
    scores = stub_scores(features)
    decoding, predictions = seconds(lambda: decoder.decode(examples, features, scores))
    gib = peak_gib()
    answers = dict(zip(examples.id, predictions.text, strict=True))
    odds = dict(zip(examples.id, predictions.null_odds.tolist(), strict=True))
    scoring, _ = seconds(lambda: evaluate_examples(examples, answers, odds))
    took = zip(STAGES, (featurizing, decoding, scoring), strict=True)
    return Size(windows, {stage: time / len(features) * 1e6 for stage, time in took}, gib)


def questions(number: int, tokenizer: object) -> Examples:
    """Questions of whole words that the tokenizer knows, with SQuAD's lengths; two of three with three answers."""
    chance = random.Random(number)
    words = sorted(word for word in tokenizer.get_vocab() if word.isascii() and word.isalpha())  # type: ignore[attr-defined]
    contexts, text, start, counts = [], [], [], []
    for row in range(number):
        if row % QUESTIONS_A_CONTEXT == 0:
            contexts.append(" ".join(chance.choices(words, k=min(330, int(chance.lognormvariate(4.95, 0.42))))))
        counts.append(3 if row % 3 else 0)
        for _ in range(counts[-1]):
            begin = contexts[-1].index(" ", chance.randrange(len(contexts[-1]) // 2)) + 1
            start.append(begin)
            text.append(contexts[-1][begin:].split(" ", 3)[0])
    return Examples(
        id=[f"{row:08d}" for row in range(number)],
        question=[" ".join(chance.choices(words, k=10)) + "?" for _ in range(number)],
        title=[""] * number,
        context=contexts,
        context_index=(np.arange(number) // QUESTIONS_A_CONTEXT).astype(np.int32),
        answer_offsets=np.cumsum([0, *counts]),
        answer_text=text,
        answer_start=np.array(start, np.int32),
    )


def stub_scores(features: Features) -> SpanScores:
    """Random scores in place of a model's, without copies of them beside."""
    chance = np.random.default_rng(0)
    start = chance.standard_normal(len(features.input_ids), np.float32)
    end = chance.standard_normal(len(features.input_ids), np.float32)
    outside = features.char_start < 0
    start[outside], end[outside] = -np.inf, -np.inf
    return SpanScores(chance.standard_normal(len(features), np.float32), start, end)


def peak_gib() -> float:
    """The most memory that this process ever had; what it was started from does not count, where Linux tells."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


if __name__ == "__main__":
    alone(__doc__, growth, repetitions=3)
