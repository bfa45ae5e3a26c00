"""Decoding the ``run_qa`` way, written from its description: the yardstick for speed and agreement.

Per example and window the 20 best starts are paired with the 20 best ends in two Python loops; the pairs of all
windows are sorted, the 20 best get their text and a softmax, and the best stands against the null score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qatk.types import Examples, Features, Float32, SpanScores

Offsets = list[tuple[int, int] | None]


@dataclass
class Window:
    """One window in the form that this way likes best: its scores, and its tokens' characters as Python objects."""

    start: Float32
    end: Float32
    null: np.float32
    offsets: Offsets


def windows(examples: Examples, features: Features, scores: SpanScores) -> list[list[Window]]:
    """The windows of each example. Made before the clock starts, as are the columns of qatk."""
    assert scores.start is not None
    assert scores.end is not None
    made: list[list[Window]] = [[] for _ in range(len(examples))]
    for row, example in enumerate(features.example_index.tolist()):
        tokens = slice(features.token_offsets[row], features.token_offsets[row + 1])
        pairs = zip(features.char_start[tokens].tolist(), features.char_end[tokens].tolist(), strict=True)
        offsets: Offsets = [pair if pair[0] >= 0 else None for pair in pairs]
        made[example].append(Window(scores.start[tokens], scores.end[tokens], scores.null[row], offsets))
    return made


def decode(
    contexts: list[str], windows: list[list[Window]], n_best_size: int = 20, max_answer_length: int = 30
) -> list[tuple[str, float, list[dict[str, Any]]]]:
    """For each example its answer, its null odds and its n-best, "no answer" among them."""
    return [
        decode_one(context, mine, n_best_size, max_answer_length)
        for context, mine in zip(contexts, windows, strict=True)
    ]


def decode_one(
    context: str, windows: list[Window], n_best_size: int, max_answer_length: int
) -> tuple[str, float, list[dict[str, Any]]]:
    """One example."""
    null_score = None
    preliminary: list[dict[str, Any]] = []
    for window in windows:
        if null_score is None or window.null < null_score:
            null_score = window.null
        start_indexes = np.argsort(window.start)[-1 : -n_best_size - 1 : -1].tolist()
        end_indexes = np.argsort(window.end)[-1 : -n_best_size - 1 : -1].tolist()
        for start in start_indexes:
            for end in end_indexes:
                if window.offsets[start] is None or window.offsets[end] is None:
                    continue
                if end < start or end - start + 1 > max_answer_length:
                    continue
                preliminary.append(
                    {
                        "offsets": (window.offsets[start][0], window.offsets[end][1]),
                        "score": window.start[start] + window.end[end],
                        "start_logit": window.start[start],
                        "end_logit": window.end[end],
                    }
                )
    best = sorted(preliminary, key=lambda span: span["score"], reverse=True)[:n_best_size]
    best.append({"offsets": (0, 0), "score": null_score})
    for span in best:
        offsets = span.pop("offsets")
        span["text"] = context[offsets[0] : offsets[1]]
    if len(best) == 1:
        best.insert(0, {"text": "empty", "score": 0.0})
    scores = np.array([span["score"] for span in best])
    weights = np.exp(scores - scores.max())
    for span, probability in zip(best, weights / weights.sum(), strict=True):
        span["probability"] = probability
    top = next((span for span in best if span["text"]), best[0])
    odds = null_score - top["score"]
    return ("" if odds > 0 else top["text"]), float(odds), [{**span, "score": float(span["score"])} for span in best]
