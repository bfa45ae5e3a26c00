"""Texts that a file says, put where their contexts have them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import attrgetter

import numpy as np

from qatk.errors import PredictionsError
from qatk.evaluation.prediction_files import same_order
from qatk.evaluation.prediction_rows import Said
from qatk.types import Examples, Int32, Predictions, Span, Spans, ragged
from qatk.word_bounds import find_all


def locate(examples: Examples, said: Sequence[Said], null_odds: Mapping[str, float] | None) -> Predictions:
    """What is said of each question as columns, each text where its context has it.

    Args:
        examples: that it is said of.
        said: of each, row by row.
        null_odds: by id; the null scores are these, and the scores 0, or both NaN for ``None``.

    Raises:
        PredictionsError: where a file gives a place at which the context has another text.
    """
    texts = [text for text in said if isinstance(text, str)]
    several = None if len(texts) == len(said) else _spans_of(examples, said)
    if several is None:
        places = (_place(examples, row, text) if text else -1 for row, text in enumerate(texts))
        start = np.fromiter(places, np.int32, len(texts))
    else:
        best = [max(several.of(row), key=_score, default=None) for row in range(len(said))]
        texts = ["" if span is None else span.text for span in best]
        start = np.array([-1 if span is None else span.char_start for span in best], np.int32)
    end = _end(start, texts)
    if null_odds is not None and same_order(null_odds, examples.id):
        odds = np.fromiter(null_odds.values(), np.float64, len(null_odds))
    else:
        odds = np.array([(null_odds or {}).get(name, math.nan) for name in examples.id], np.float64)
    most = np.finfo(np.float32).max
    null_score = np.clip(odds, -most, most).astype(np.float32)
    score = np.where(np.isnan(null_score), null_score, np.float32(0))
    return Predictions(texts, start, end, score, null_score, several=several)


def _score(span: Span) -> float:
    return -math.inf if math.isnan(span.score) else span.score


def _end(start: Int32, texts: Sequence[str]) -> Int32:
    lengths = np.fromiter(map(len, texts), np.int32, len(texts))
    return np.where(start >= 0, start + lengths, np.int32(-1))


def _spans_of(examples: Examples, said: Sequence[Said]) -> Spans:
    each = [_placed(examples, row, [what] if isinstance(what, str) and what else what) for row, what in enumerate(said)]
    flat = [span for spans in each for span in spans]
    start = np.array([span.char_start for span in flat], np.int32)
    return Spans(
        offsets=ragged.offsets_of(np.array([len(spans) for spans in each], np.int64)),
        text=[span.text for span in flat],
        char_start=start,
        char_end=_end(start, [span.text for span in flat]),
        score=np.array([span.score for span in flat], np.float32),
    )


def _placed(examples: Examples, row: int, said: Sequence[str | Span]) -> list[Span]:
    """The spans in the order of the context, those that do not stand in it last; equal texts in different places."""
    placed: list[Span] = []
    for span in said:
        if isinstance(span, str) or span.char_start < 0:
            text, score = (span, math.nan) if isinstance(span, str) else (span.text, span.score)
            taken = [(other.char_start, other.char_end) for other in placed if other.char_start >= 0]
            start = _place(examples, row, text, taken)
            placed.append(Span(text, start, start + len(text) if start >= 0 else -1, score))
            continue
        there = examples.context_of(row)[span.char_start : span.char_start + len(span.text)]
        if there != span.text:
            what = f"question {examples.id[row]!r} is said to have {span.text[:60]!r} at {span.char_start}, where its"
            fix = "places are characters (code points) of the context, from 0 on"
            raise PredictionsError(f"{what} context has {there!r}", fix=fix)
        placed.append(span)
    return sorted((s for s in placed if s.char_start >= 0), key=attrgetter("char_start")) + [
        span for span in placed if span.char_start < 0
    ]


def _place(examples: Examples, row: int, text: str, taken: Sequence[tuple[int, int]] = ()) -> int:
    """Where a context has a text: of several places the one nearest to a gold answer; -1 where it has not.

    Places that overlap one that is taken are left to it, as long as there are others.
    """
    context = examples.context_of(row)
    places = list(find_all(text, context))
    if len(places) < 2:
        return places[0] if places else -1
    free = [at for at in places if not any(at < end and start < at + len(text) for start, end in taken)]
    golds = examples.spans_of(row)

    def distance(at: int) -> int:
        return min((abs(at - start) + abs(at + len(text) - end) for start, end in golds), default=0)

    return min(free or places, key=distance)
