"""Tools for decoders in plain numpy: the valid spans of a window, and answers made of best spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.types import ragged
from qatk.types.arrays import Float32, Int32, Int64
from qatk.types.examples import Examples
from qatk.types.features import Features
from qatk.types.predictions import NBest, Predictions
from qatk.types.scores import SpanScores


@dataclass(frozen=True, eq=False)
class WindowSpans:
    """The valid spans of one window, in no particular order.

    Attributes:
        char_start, char_end: int32[k], characters of the context, end exclusive.
        tokens: int64[k], the number of tokens in each span.
        score: float32[k], start score plus end score, or the candidate's score.
    """

    char_start: Int32
    char_end: Int32
    tokens: Int64
    score: Float32

    def __len__(self) -> int:
        return len(self.score)


def spans_of_window(features: Features, scores: SpanScores, window: int, max_answer_length: int) -> WindowSpans:
    """List all valid spans of a window, of start and end scores or of candidates.

    A span is valid if both of its tokens are in the context, its start is not after its end, it has at most
    ``max_answer_length`` tokens and at least one character, and its score is above ``-inf``. Memory and time grow with
    the window's length times ``max_answer_length``.

    Args:
        features: all windows.
        scores: of all windows.
        window: the index of the window.
        max_answer_length: in tokens.

    Raises:
        ValueError: for scores of tokens, which are no spans.
    """
    if scores.tokens is not None:
        raise ValueError("scores of tokens are not of spans")
    tokens, _ = ragged.ragged_range(features.token_offsets, window, window + 1)
    char_start, char_end = features.char_start[tokens], features.char_end[tokens]
    if (candidates := scores.candidates) is not None:
        among = candidates.of_windows(window, window + 1)
        first, last, score = candidates.start[among], candidates.end[among], candidates.score[among]
    else:
        assert scores.start is not None
        assert scores.end is not None
        inside = np.flatnonzero(char_start >= 0)
        step = np.arange(min(max_answer_length, len(inside)))
        # Every start with each of the next tokens that still exist: two coordinates that enumerate all spans.
        row, column = np.nonzero(np.arange(len(inside))[:, None] + step < len(inside))
        first, last = inside[row].astype(np.int32), inside[row + column].astype(np.int32)
        score = scores.start[tokens][first] + scores.end[tokens][last]
    length = (last - first).astype(np.int64) + 1
    valid = (length > 0) & (length <= max_answer_length) & (char_start[first] >= 0) & (char_start[last] >= 0)
    valid &= (char_end[last] > char_start[first]) & (score > -np.inf)
    return WindowSpans(char_start[first][valid], char_end[last][valid], length[valid], score[valid])


def answers_of_spans(
    examples: Examples,
    char_start: Int32,
    char_end: Int32,
    score: Float32,
    null_score: Float32,
    *,
    null_threshold: float = 0.0,
    nbest: NBest | None = None,
) -> Predictions:
    """Answer each example with its best span, or with "no answer" if null score - span score exceeds the threshold.

    Args:
        examples: n of them.
        char_start: int32[n], the first character of the best span, -1 if there is none.
        char_end: int32[n], the character after its last one, -1 if there is none.
        score: float32[n], of the best span, ``-inf`` if there is none.
        null_score: float32[n], of "no answer".
        null_threshold: the highest null score - span score at which the span is still the answer.
        nbest: the best spans; ``None`` makes a list of the one of each example.
    """
    kept = null_score.astype(np.float64) - score <= null_threshold
    start, end = (np.where(kept, edge, -1).astype(np.int32) for edge in (char_start, char_end))
    spans = zip(start.tolist(), end.tolist(), strict=True)
    text = [examples.context_of(row)[begin:stop] if begin >= 0 else "" for row, (begin, stop) in enumerate(spans)]
    if nbest is None:
        nbest = nbest_of_one(examples, char_start, char_end, score, null_score)
    return Predictions(text, start, end, score, null_score, nbest)


def nbest_of_one(examples: Examples, char_start: Int32, char_end: Int32, score: Float32, null_score: Float32) -> NBest:
    """The n-best list of a decoder that knows one span of each example, where there is one.

    Args:
        examples: n of them.
        char_start: int32[n], the first character of the span, -1 if there is none.
        char_end: int32[n], the character after its last one, -1 if there is none.
        score: float32[n], of the span.
        null_score: float32[n], of "no answer".
    """
    rows = np.flatnonzero(char_start >= 0)
    start, end, score = char_start[rows], char_end[rows], score[rows]
    spans = zip(rows.tolist(), start.tolist(), end.tolist(), strict=True)
    text = [examples.context_of(row)[begin:stop] for row, begin, stop in spans]
    odds = score.astype(np.float64) - null_score[rows]
    probability = np.exp(-np.logaddexp(0.0, -odds)).astype(np.float32)  # the softmax over both
    return NBest(ragged.offsets_of((char_start >= 0).astype(np.int64)), text, start, end, score, probability)
