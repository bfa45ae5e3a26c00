"""Scoring, side by side: qatk against the official way, in one process, alternating. Run: python benchmarks/scoring.py.

Both sides begin with parsed data and end with every official figure, which must be equal to the last digit. The
qatk side is all of ``evaluate_examples``: checks of ids, and finding each answer in its context, included.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import reference_scoring

from qatk.evaluation import evaluate_examples
from qatk.types import Examples

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass
class Case:
    """One set of predictions to score."""

    name: str
    data: dict[str, Any]
    predictions: dict[str, str]
    odds: dict[str, float] | None = None


def read(path: Path) -> Any:
    return json.loads(gzip.decompress(path.read_bytes()))


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
            qas.append({"id": f"{p}-{q}", "question": "what?", "answers": answers})
        paragraphs.append({"context": " ".join(words), "qas": qas})
    return {"data": [{"title": "generated", "paragraphs": paragraphs}]}


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()  # so that neither side pays for the garbage of the other, or for the parsed data
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def compare(case: Case, repetitions: int) -> dict[str, Any]:
    """Time both sides in turn; refuse to report where they disagree."""
    examples = to_examples(case.data)
    reference_times, qatk_times = [], []
    for _ in range(repetitions):
        took, theirs = seconds(lambda: reference_scoring.score(case.data, case.predictions, case.odds))
        reference_times.append(took)
        took, ours = seconds(lambda: dict(evaluate_examples(examples, case.predictions, case.odds).metrics))
        qatk_times.append(took)
        if list(ours.items()) != list(theirs.items()):
            raise SystemExit(f"{case.name}: the figures differ: {ours} and {theirs}")
    ratios = [a / b for a, b in zip(reference_times, qatk_times, strict=True)]
    return {
        "case": case.name,
        "questions": len(examples),
        "reference_s": statistics.median(reference_times),
        "qatk_s": statistics.median(qatk_times),
        "ratio": statistics.median(ratios),
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cases = [invented("generated", generated(12_000))]
    if SHARED.exists():
        cases += [*published(), invented("squad2-mini/train", read(SHARED / "squad2-mini" / "train.json.gz"))]
    rows = [compare(case, arguments.repetitions) for case in cases]
    if arguments.json:
        print(json.dumps({"python": platform.python_version(), "rows": rows}, indent=1))
        return
    print(f"{'case':<20}{'questions':>10}{'reference':>11}{'qatk':>11}{'ratio':>7}  least to most")
    for row in rows:
        times = f"{row['reference_s'] * 1000:>8.1f} ms{row['qatk_s'] * 1000:>8.1f} ms"
        spread = f"{row['ratio_least']:.1f} to {row['ratio_most']:.1f}"
        print(f"{row['case']:<20}{row['questions']:>10,}{times}{row['ratio']:>7.1f}  {spread}")


if __name__ == "__main__":
    main()
