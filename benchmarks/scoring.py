"""Scoring, side by side: qatk against the official way, in one process, alternating. Run: python benchmarks/scoring.py.

Both sides begin with parsed data and end with every official figure, which must be equal to the last digit. The
qatk side is all of ``evaluate_examples``: checks of ids, and finding each answer in its context, included.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import reference_scoring
from common import Row, Timed, alternate, mini_or_generated, read, speedup, to_examples
from shared_data import SHARED
from table import alone

from qatk.evaluation.evaluate import evaluate_examples

TARGET = 5


@dataclass
class Case:
    """One set of predictions to score."""

    name: str
    data: dict[str, Any]
    predictions: dict[str, str]
    odds: dict[str, float] | None = None


def published() -> Iterator[Case]:
    """What published systems answered."""
    parity = SHARED / "parity"
    for name, entry in json.loads((parity / "expected.json").read_text()).items():
        odds = read(SHARED / entry["null_odds"]) if "null_odds" in entry else None
        yield Case(name, read(SHARED / entry["data"]), read(parity / f"{name}.predictions.json.gz"), odds)


def invented(name: str, data: dict[str, Any]) -> Case:
    """Seeded predictions: half right, a quarter a stretch of the context, a quarter nothing; odds in steps of 1/8."""
    chance = random.Random(0)
    predictions, odds = {}, {}
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            words = paragraph["context"].split()
            for qa in paragraph["qas"]:
                start = chance.randrange(len(words))
                stretch = " ".join(words[start : start + chance.randint(1, 6)])
                right = qa["answers"][0]["text"] if qa["answers"] else ""
                predictions[qa["id"]] = chance.choice([right, right, stretch, ""])
                odds[qa["id"]] = round(chance.gauss(0, 4) * 8) / 8
    return Case(name, data, predictions, odds)


def measure(repetitions: int = 9) -> list[Row]:
    """A row for each case."""
    cases = [invented(*mini_or_generated())]
    if (SHARED / "parity" / "expected.json").exists():
        cases += published()
    return [compare(case, repetitions) for case in cases]


def compare(case: Case, repetitions: int) -> Row:
    """Time both sides in turn; refuse to report where they disagree."""
    examples = to_examples(case.data)
    sides = {
        "reference": lambda: reference_scoring.score(case.data, case.predictions, case.odds),
        "qatk": lambda: dict(evaluate_examples(examples, case.predictions, case.odds).metrics),
    }
    theirs, ours = sides["reference"](), sides["qatk"]()
    if list(ours.items()) != list(theirs.items()):
        raise SystemExit(f"{case.name}: the figures differ: {ours} and {theirs}")
    times = {side: Timed(took, len(examples)) for side, took in alternate(sides, repetitions).items()}
    unit, against = "questions", "the official way"
    return speedup("scoring", case.name, unit, times["qatk"], times["reference"], against, target=TARGET)


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=9)
