"""Small decoding problems, and a brute-force decoder written from the description to hold the real one against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from qatk.api import Examples, Features, Predictions, SpanCandidates, SpanScores
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.min_null import MinNullDecoder

NONE = (-1, -1)
INF = float("inf")


@dataclass
class Window:
    """One window: the characters of its tokens, their scores, and the null score."""

    example: int
    chars: Sequence[tuple[int, int]]
    start: Sequence[float]
    end: Sequence[float]
    null: float = 0.0


def examples(contexts: Sequence[str]) -> Examples:
    n = len(contexts)
    return Examples(
        id=[f"q{i}" for i in range(n)],
        question=["?"] * n,
        title=[""] * n,
        context=list(contexts),
        context_index=np.arange(n, dtype=np.int32),
    )


def features(windows: Sequence[Window]) -> Features:
    chars = np.array([pair for w in windows for pair in w.chars], np.int32).reshape(-1, 2)
    return Features(
        example_index=np.array([w.example for w in windows], np.int32),
        token_offsets=np.cumsum([0, *(len(w.chars) for w in windows)]),
        input_ids=np.zeros(len(chars), np.int32),
        type_ids=np.zeros(len(chars), np.int8),
        char_start=np.ascontiguousarray(chars[:, 0]),
        char_end=np.ascontiguousarray(chars[:, 1]),
        null_index=np.zeros(len(windows), np.int32),
    )


def scores(windows: Sequence[Window]) -> SpanScores:
    def flat(rows: list[Sequence[float]]) -> Any:
        return np.array([value for row in rows for value in row], np.float32)

    null = np.array([w.null for w in windows], np.float32)
    return SpanScores(null, flat([w.start for w in windows]), flat([w.end for w in windows]))


def all_candidates(windows: Sequence[Window]) -> SpanScores:
    """The same scores in the other form: every span of every window, backward ones too."""
    rows = [
        (f, i, j, np.float32(w.start[i]) + np.float32(w.end[j]))
        for f, w in enumerate(windows)
        for i in range(len(w.chars))
        for j in range(len(w.chars))
    ]
    columns = [np.array([row[k] for row in rows], np.int32) for k in range(3)]
    candidates = SpanCandidates(*columns, np.array([row[3] for row in rows], np.float32))
    return SpanScores(np.array([w.null for w in windows], np.float32), candidates=candidates)


def decode(
    contexts: Sequence[str],
    windows: Sequence[Window],
    given: SpanScores | None = None,
    *,
    n_best_size: int = 20,
    max_answer_length: int = 30,
    null_threshold: float | Literal["never"] = 0.0,
) -> Predictions:
    options = MinNullOptions(
        n_best_size=n_best_size, max_answer_length=max_answer_length, null_threshold=null_threshold
    )
    return MinNullDecoder(options).decode(examples(contexts), features(windows), given or scores(windows))


def n_best(predictions: Predictions, row: int) -> list[tuple[str, int, int, float]]:
    """Text, characters and score of each of an example's n-best."""
    best = predictions.nbest
    assert best is not None
    among = slice(best.offsets[row], best.offsets[row + 1])
    columns = (best.char_start[among].tolist(), best.char_end[among].tolist(), best.score[among].tolist())
    return list(zip(best.text[among], *columns, strict=True))


def brute_force(
    contexts: Sequence[str], windows: Sequence[Window], n_best_size: int, max_answer_length: int
) -> list[list[tuple[str, int, int, float]]]:
    """Every span of every window, in plain loops."""
    found: list[dict[tuple[int, int], float]] = [{} for _ in contexts]
    for w in windows:
        for i, (begin, _) in enumerate(w.chars):
            for j, (_, end) in enumerate(w.chars[i : i + max_answer_length], i):
                score = float(np.float32(w.start[i]) + np.float32(w.end[j]))
                if begin >= 0 and end > begin and score > -INF:
                    mine = found[w.example]
                    mine[begin, end] = max(score, mine.get((begin, end), -INF))
    ranked = [sorted(mine.items(), key=lambda item: (-item[1], item[0]))[:n_best_size] for mine in found]
    return [
        [(context[begin:end], begin, end, score) for (begin, end), score in mine]
        for context, mine in zip(contexts, ranked, strict=True)
    ]
