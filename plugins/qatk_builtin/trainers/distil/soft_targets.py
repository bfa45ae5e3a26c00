"""Soft targets: how probable a trained model thinks each token to be the start, and the end, of the answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.api import Features, ModelError, SpanCandidates, SpanScores
from qatk.types import Bool, Float32, Float64, Int32, Int64, ragged

NEVER = np.float32(-1e4)
"""The logarithm that stands for a probability of 0 of "no answer", which always has a place in its window."""


@dataclass(frozen=True, eq=False)
class SoftTargets:
    """Log-probabilities of each token of some windows; those of a window's null token are those of "no answer".

    Attributes:
        start, end: float32[T], each of which sums up to a probability of 1 in every window; ``-inf`` where it is 0.
    """

    start: Float32
    end: Float32


def soft_targets(features: Features, scores: SpanScores, name: str) -> SoftTargets:
    """What scores of windows say of their starts and ends.

    What "no answer" scores more than start + end at the null token (a verifier's part) goes to both by halves.

    Raises:
        ModelError: the model ``name`` tags tokens.
    """
    if scores.candidates is not None:
        return _of_candidates(features, scores.candidates, scores.null)
    if scores.start is None or scores.end is None:
        fix = "name a model whose head scores spans, such as linear"
        raise ModelError("it tags tokens, and has no probabilities of starts and ends", where=name, fix=fix)
    null = features.token_offsets[:-1] + features.null_index
    start, end = (column.astype(np.float64) for column in (scores.start, scores.end))
    for column in (start, end):
        column[null] = np.where(np.isfinite(column[null]), column[null], scores.null / 2)
    more = (scores.null - start[null] - end[null]) / 2
    start[null], end[null] = start[null] + more, end[null] + more
    return SoftTargets(_normal(features, start), _normal(features, end))


def _of_candidates(features: Features, spans: SpanCandidates, null_score: Float32) -> SoftTargets:
    """The sums over all spans that begin, or end, at each token."""
    tokens, begin = len(features.input_ids), features.token_offsets[:-1]
    found = []
    for position in (spans.start, spans.end):
        column = np.full(tokens, -np.inf)
        np.logaddexp.at(column, begin[spans.feature] + position, spans.score.astype(np.float64))
        column[begin + features.null_index] = null_score
        found.append(_normal(features, column))
    return SoftTargets(*found)


def _normal(features: Features, scores: Float64) -> Float32:
    """Log-probabilities over the tokens of each window."""
    begin = features.token_offsets[:-1]
    best = np.maximum.reduceat(scores, begin)
    above = scores - np.repeat(best, features.lengths)
    total = np.log(np.add.reduceat(np.exp(above), begin))
    logs: Float32 = (above - np.repeat(total, features.lengths)).astype(np.float32)
    null = begin + features.null_index
    logs[null] = np.maximum(logs[null], NEVER)
    return logs


def mean_targets(parts: list[SoftTargets]) -> SoftTargets:
    """The logarithms of the mean probabilities of several models."""
    if len(parts) == 1:
        return parts[0]
    share = np.log(len(parts))
    columns = ([getattr(part, name) for part in parts] for name in ("start", "end"))
    return SoftTargets(*(np.logaddexp.reduce(np.stack(column), axis=0) - np.float32(share) for column in columns))


def moved(theirs: Features, targets: SoftTargets, ours: Features, examples: Int32) -> SoftTargets:
    """The targets for other windows of the same examples, cut by another tokenizer: characters say which tokens match.

    Of the windows that share some of its context, a window takes the targets of the one that is surest of an answer
    in what they share, as decoders take the least "no answer" of all windows; of those equally sure, of the one that
    shares most. The probability of a start goes to the token that has its first character, that of an end to the token
    with its last one; what begins or ends outside of the window is "no answer" there. ``examples`` int32[F]: the
    example of each of our windows, as theirs count them.
    """
    found = np.full((2, len(ours.input_ids)), -np.inf)
    spans, first = _context_spans(theirs), np.searchsorted(theirs.example_index, examples)
    stops = np.searchsorted(theirs.example_index, examples, "right")
    for row, (low, high) in enumerate(_context_spans(ours)):
        begin, stop = ours.token_offsets[row : row + 2]
        null = ours.null_index[row]
        found[:, begin + null] = 0.0
        near = spans[first[row] : stops[row]]
        shared = np.minimum(near[:, 1], high) - np.maximum(near[:, 0], low)
        nearest = [window for window in np.argsort(-shared, kind="stable") if shared[window] > 0]
        tables = [_seen_from(theirs, targets, int(first[row] + window), ours, row) for window in nearest]
        if tables:
            found[:, begin:stop] = min(tables, key=lambda table: float(table[:, null].sum()))
    return SoftTargets(*(_normal(ours, column) for column in found))


def _seen_from(theirs: Features, targets: SoftTargets, window: int, ours: Features, row: int) -> Float64:
    """float64[2, tokens]: what one of their windows says of the starts and ends of one of ours, which share context."""
    source, place = context_tokens(theirs, window), context_tokens(ours, row)
    begin, stop = ours.token_offsets[row : row + 2]
    found: Float64 = np.full((2, stop - begin), -np.inf)
    begins, ends = tokens_at(ours, place, theirs.char_start[source], theirs.char_end[source])
    inside = (
        (begins < len(place)) & (theirs.char_start[source] >= ours.char_start[place[0]]),
        (ends >= 0) & (theirs.char_end[source] <= ours.char_end[place[-1]]),
    )
    for column, logs, at, fits in zip(found, (targets.start, targets.end), (begins, ends), inside, strict=True):
        np.logaddexp.at(column, place[at[fits]] - begin, logs[source][fits].astype(np.float64))
        column[ours.null_index[row]] = np.log(max(1.0 - np.exp(column).sum(), np.finfo(np.float64).tiny))
    return found


def tokens_at(features: Features, place: Int64, starts: Int32 | Int64, ends: Int32 | Int64) -> tuple[Int64, Int64]:
    """Which of the context's tokens at ``place`` have the first, and which the last, of these ranges of characters.

    Characters between two tokens (blanks) belong to the next one as a start, and to the one before as an end.
    """
    begins: Int64 = np.searchsorted(features.char_end[place], starts, "right")
    stops: Int64 = np.searchsorted(features.char_start[place], ends, "left")
    return begins, stops - 1


def context_tokens(features: Features, window: int) -> Int64:
    """Where the context's tokens of a window lie among all tokens."""
    begin, stop = features.token_offsets[window : window + 2]
    places: Int64 = begin + np.flatnonzero(features.char_start[begin:stop] >= 0)
    return places


def _context_spans(features: Features) -> Int32:
    """int32[F, 2]: the characters that each window has of its context; the first is beyond the last where none."""
    inside: Bool = features.char_start >= 0
    begin = features.token_offsets[:-1]
    low = np.minimum.reduceat(np.where(inside, features.char_start, np.iinfo(np.int32).max), begin)
    high = np.maximum.reduceat(np.where(inside, features.char_end, -1), begin)
    return np.stack([low, high], axis=1).astype(np.int32)


def rows_of(features: Features, column: Float32, rows: Int64) -> Float32:
    """The values of some windows' tokens, one window after the other."""
    found: Float32 = column[ragged.ragged_rows(features.token_offsets, rows)[0]]
    return found
