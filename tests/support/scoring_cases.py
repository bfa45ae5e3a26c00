"""What the tests of scoring share: examples from bare gold answers, and the reference."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from typing import Any

import numpy as np

from qatk.types import Examples, Predictions
from repository import ROOT

REFERENCE: dict[str, Any] = runpy.run_path(str(ROOT / "benchmarks" / "reference_scoring.py"))


def examples_of(golds: Sequence[Sequence[str]], questions: Sequence[str] | None = None) -> Examples:
    """A question ``q0``, ``q1`` ... for each list of gold answers; its context is made of them."""
    flat = [text for gold in golds for text in gold]
    n = len(golds)
    return Examples(
        id=[f"q{i}" for i in range(n)],
        question=questions or ["?"] * n,
        title=[""] * n,
        context=["An answer: " + " | ".join(gold) for gold in golds],
        context_index=np.arange(n, dtype=np.int32),
        answer_offsets=np.cumsum([0, *map(len, golds)]),
        answer_text=flat,
        answer_start=np.full(len(flat), -1, np.int32),
    )


def without_gold(n: int) -> Examples:
    return Examples([f"q{i}" for i in range(n)], ["?"] * n, [""] * n, ["c"], np.zeros(n, np.int32))


def squad_json(golds: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The same questions as :func:`examples_of`, in SQuAD form."""
    qas = [
        {"id": f"q{i}", "question": "?", "answers": [{"text": text, "answer_start": 0} for text in gold]}
        for i, gold in enumerate(golds)
    ]
    return {"data": [{"title": "", "paragraphs": [{"context": "", "qas": qas}]}]}


def predictions_of(texts: Sequence[str], odds: Sequence[float] | None = None) -> Predictions:
    nowhere = np.full(len(texts), -1, np.int32)
    null = np.full(len(texts), np.nan, np.float32) if odds is None else np.array(odds, np.float32)
    return Predictions(texts, nowhere, nowhere, np.zeros(len(texts), np.float32), null)
