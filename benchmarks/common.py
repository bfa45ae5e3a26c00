"""What all benchmarks share: data, the clock, and the row of the table."""

from __future__ import annotations

import gc
import gzip
import json
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from shared_data import MINI

from qatk.types import Examples


@dataclass(frozen=True)
class Row:
    """A line of the table: qatk beside what it is compared with, and the figure that has a target.

    Attributes:
        what: what is done.
        case: on which data.
        against: what qatk is compared with.
        unit: of ``qatk`` and ``reference``, which are medians.
        value: the median of the ratios of each repetition (or the one figure that has a target); least and most.
        target: what ``value`` must reach; ``None`` for a row that only informs.
        at_most: ``value`` must be at most the target, not at least.
        reached: the verdict; ``None`` without a target.
        note: what a reader must know.
    """

    what: str
    case: str
    against: str
    unit: str
    qatk: float
    reference: float
    value: float
    least: float
    most: float
    target: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def reached(self) -> bool | None:
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


@dataclass(frozen=True)
class Timed:
    """What one side took, and for how many questions, sequences and so on."""

    seconds: Sequence[float]
    count: int

    @property
    def rate(self) -> float:
        """A second."""
        return self.count / statistics.median(self.seconds)

    def times_as_fast(self, other: Timed) -> list[float]:
        """As another side, in each repetition."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return [(theirs / other.count) / (mine / self.count) for mine, theirs in pairs]


def speedup(what: str, case: str, unit: str, qatk: Timed, reference: Timed, against: str, **rest: Any) -> Row:
    """A row of rates, whose value says how many times as fast qatk is."""
    return _row(what, case, f"{unit}/s", against, qatk.rate, reference.rate, qatk.times_as_fast(reference), rest)


def duration(what: str, case: str, qatk: Timed, reference: Timed, against: str, **rest: Any) -> Row:
    """A row of seconds, whose value says how many times as long qatk takes; its target is an upper one."""
    mine, theirs = statistics.median(qatk.seconds), statistics.median(reference.seconds)
    ratios = reference.times_as_fast(qatk)
    return _row(what, case, "s", against, mine, theirs, ratios, {"at_most": True, **rest})


def figure(what: str, case: str, unit: str, values: Sequence[float], **rest: Any) -> Row:
    """A row whose figure has an upper target itself, compared with nothing."""
    middle = statistics.median(values)
    return _row(what, case, unit, "", middle, float("nan"), values, {"at_most": True, **rest})


def _row(
    what: str,
    case: str,
    unit: str,
    against: str,
    qatk: float,
    reference: float,
    values: Sequence[float],
    rest: Mapping[str, Any],
) -> Row:
    middle = statistics.median(values)
    return Row(what, case, against, unit, qatk, reference, middle, min(values), max(values), **rest)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()  # so that neither side pays for the garbage of the other, or for the parsed data
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def alternate(sides: Mapping[str, Callable[[], Any]], repetitions: int) -> dict[str, list[float]]:
    """Seconds of each side, which are run in turn."""
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repetitions):
        for side, work in sides.items():
            times[side].append(seconds(work)[0])
    return times


def read(path: Path) -> Any:
    return json.loads(gzip.decompress(path.read_bytes()))


def mini_or_generated() -> tuple[str, dict[str, Any]]:
    """The mini training set where it is at hand, else a stand-in of its size; with its name."""
    return ("squad2-mini/train", read(MINI)) if MINI.exists() else ("generated", generated(12_000))


def generated(questions: int) -> dict[str, Any]:
    """A stand-in of random words with SQuAD v2's proportions: 10 questions a context, half without an answer."""
    chance = random.Random(1)
    vocabulary = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(1, 9))) for _ in range(5000)]
    paragraphs = []
    for p in range(-(-questions // 10)):
        words = [chance.choice(["the", "a", *chance.choices(vocabulary, k=8)]) for _ in range(120)]
        qas = []
        for q in range(10):
            spans = [(start := chance.randrange(110), start + chance.randint(1, 5)) for _ in range(3 * (q % 2))]
            answers = [
                {"text": " ".join(words[a:b]), "answer_start": len(" ".join([*words[:a], ""]))} for a, b in spans
            ]
            question = " ".join(chance.choices(vocabulary, k=8)) + "?"
            qas.append({"id": f"{p}-{q}", "question": question, "answers": answers})
        paragraphs.append({"context": " ".join(words), "qas": qas})
    return {"data": [{"title": "generated", "paragraphs": paragraphs}]}


def to_examples(data: dict[str, Any]) -> Examples:
    paragraphs = [(article["title"], p) for article in data["data"] for p in article["paragraphs"]]
    asked = [(title, i, qa) for i, (title, p) in enumerate(paragraphs) for qa in p["qas"]]
    answers = [answer for _, _, qa in asked for answer in qa["answers"]]
    return Examples(
        id=[qa["id"] for _, _, qa in asked],
        question=[qa["question"] for _, _, qa in asked],
        title=[title for title, _, _ in asked],
        context=[p["context"] for _, p in paragraphs],
        context_index=np.array([i for _, i, _ in asked], np.int32),
        answer_offsets=np.cumsum([0, *(len(qa["answers"]) for _, _, qa in asked)]),
        answer_text=[answer["text"] for answer in answers],
        answer_start=np.array([answer["answer_start"] for answer in answers], np.int32),
    )
