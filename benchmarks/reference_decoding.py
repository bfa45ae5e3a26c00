"""Decoding the ``run_qa`` way, written from its description: the yardstick for speed and agreement.

Per example and window the 20 best starts are paired with the 20 best ends in two Python loops; the pairs of all
windows are sorted, the 20 best get their text and a softmax, and the best stands against the null score. The
windows' characters come from a padded ``datasets.Dataset``, a row at a time, or are Python objects already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from datasets import Dataset

from qatk.types import Examples, Features, SpanScores

LENGTH = 384
Offsets = list[tuple[int, int] | None]


@dataclass
class Windows:
    """What this way starts from; made before the clock starts.

    Attributes:
        context: of each example.
        windows: of each example, the numbers of its windows.
        start, end: the scores of each window.
        null: null score of each window.
        offsets: characters of each window's tokens, ``None`` outside the context.
    """

    context: list[str]
    windows: list[list[int]]
    start: list[np.ndarray]
    end: list[np.ndarray]
    null: list[np.float32]
    offsets: list[Offsets]

    @classmethod
    def of(cls, examples: Examples, features: Features, scores: SpanScores) -> Windows:
        assert scores.start is not None
        assert scores.end is not None
        windows: list[list[int]] = [[] for _ in range(len(examples))]
        for row, example in enumerate(features.example_index.tolist()):
            windows[example].append(row)
        pairs = zip(features.char_start.tolist(), features.char_end.tolist(), strict=True)
        flat = [pair if pair[0] >= 0 else None for pair in pairs]
        cuts = features.token_offsets.tolist()
        return cls(
            [examples.context_of(row) for row in range(len(examples))],
            windows,
            np.split(scores.start, cuts[1:-1]),
            np.split(scores.end, cuts[1:-1]),
            list(scores.null),
            [flat[a:b] for a, b in pairwise(cuts)],
        )


def dataset(windows: Windows) -> Dataset:
    """The windows as ``datasets.map`` with a padding tokenizer leaves them."""
    columns: dict[str, list[Any]] = {
        name: [[0] * LENGTH] * len(windows.offsets) for name in ("input_ids", "token_type_ids", "attention_mask")
    }
    padded = [offsets + [None] * (LENGTH - len(offsets)) for offsets in windows.offsets]
    return Dataset.from_dict({**columns, "offset_mapping": padded})


def decode_dataset(windows: Windows, rows: Dataset) -> list[dict[str, Any]]:
    """Each window's row is read twice: that way also asks it for ``token_is_max_context``, which is seldom there."""

    def offsets_of(window: int) -> Offsets:
        offsets: Offsets = rows[window]["offset_mapping"]
        rows[window].get("token_is_max_context")
        return offsets

    return decode(windows, offsets_of)


def decode_objects(windows: Windows) -> list[dict[str, Any]]:
    return decode(windows, windows.offsets.__getitem__)


def decode(
    windows: Windows,
    offsets_of: Callable[[int], Offsets],
    n_best_size: int = 20,
    max_answer_length: int = 30,
) -> list[dict[str, Any]]:
    """For each example its answer, null score and n-best, "no answer" among them."""
    decoded = []
    for context, mine in zip(windows.context, windows.windows, strict=True):
        null_score = None
        preliminary: list[dict[str, Any]] = []
        for window in mine:
            offsets = offsets_of(window)
            start_scores, end_scores = windows.start[window], windows.end[window]
            if null_score is None or windows.null[window] < null_score:
                null_score = windows.null[window]
            start_indexes, end_indexes = best(start_scores, n_best_size), best(end_scores, n_best_size)
            for start in start_indexes:
                for end in end_indexes:
                    if offsets[start] is None or offsets[end] is None:
                        continue
                    if end < start or end - start + 1 > max_answer_length:
                        continue
                    preliminary.append(
                        {
                            "offsets": (offsets[start][0], offsets[end][1]),
                            "score": start_scores[start] + end_scores[end],
                            "start_logit": start_scores[start],
                            "end_logit": end_scores[end],
                        }
                    )
        decoded.append(finish(context, preliminary, null_score, n_best_size))
    return decoded


def best(scores: np.ndarray, n_best_size: int) -> list[int]:
    """The places of the best scores."""
    return np.argsort(scores)[-1 : -n_best_size - 1 : -1].tolist()


def finish(context: str, preliminary: list[dict[str, Any]], null_score: Any, n_best_size: int) -> dict[str, Any]:
    """Cut, cut out texts, softmax, and hold the best against the null score."""
    spans = sorted(preliminary, key=lambda span: span["score"], reverse=True)[:n_best_size]
    spans.append({"offsets": (0, 0), "score": null_score})
    for span in spans:
        begin, end = span.pop("offsets")
        span["text"] = context[begin:end]
    scores = np.array([span["score"] for span in spans])
    weights = np.exp(scores - scores.max())
    for span, probability in zip(spans, weights / weights.sum(), strict=True):
        span["probability"] = probability
    answer = "" if null_score > spans[0]["score"] else spans[0]["text"]
    return {"answer": answer, "null": null_score, "spans": spans}
