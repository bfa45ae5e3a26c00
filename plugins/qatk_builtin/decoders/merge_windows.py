"""The ``merge-windows`` decoder: windows that overlap are put together to one before the best span is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qatk.api import Examples, Features, Predictions, SpanCandidates, SpanScores
from qatk.types import Float32, Int64, Spool, ragged, release
from qatk_builtin.decoders import MergeWindowsOptions
from qatk_builtin.decoders.candidates import check_candidates
from qatk_builtin.decoders.min_null import MinNullDecoder, blocks, check_scores, refuse_tokens
from qatk_builtin.decoders.overlap import Overlap, combined


class MergeWindowsDecoder(MinNullDecoder):
    """As ``min-null``, after the windows of each example are merged into one.

    A token that several windows hold gets one start and one end score, made of all of them as ``combine`` says. A
    window that scored it ``-inf`` does not count; where all did, it stays ``-inf``. A span may then reach from one
    window into the next. Of scored spans, those of the same tokens are combined in the same way.

    Tokens are the same where they are of the same example and cover the same characters; of neighbours that all cover
    the same characters, the first is that of the other window's first, and so on. The null score stays the minimum over
    windows. Where every example has one window, this is ``min-null``.
    """

    def __init__(self, options: MergeWindowsOptions) -> None:
        super().__init__(options)
        self.combine = options.combine

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        """One prediction an example; see :class:`qatk.api.Decoder`. Raises as ``min-null`` does."""
        scores.check(features)
        refuse_tokens(scores)
        if scores.candidates is not None:
            check_candidates(examples, features, scores.candidates)
        merged = merge_windows(features, self.compared(features, scores), self.combine)
        check_scores(examples, *merged)
        return self.answered(examples, *merged)


def merge_windows(features: Features, scores: SpanScores, combine: str) -> tuple[Features, SpanScores]:
    """One window for each example that has any, of its context tokens alone, with their combined scores.

    Args:
        features: windows; may be memory-mapped, as what comes out is where it is large.
        scores: theirs, in either form.
        combine: ``max``, ``mean`` or ``edge``.
    """
    columns = _Columns()
    for begin, stop in blocks(features.example_index, features.token_offsets):
        columns.append(_merge_block(features, scores, begin, stop, combine))
        release(features.char_start, features.char_end, *(c for c in (scores.start, scores.end) if c is not None))
    return columns.merged(scores)


Columns = dict[str, Any]
"""Arrays by name."""


@dataclass(frozen=True, eq=False)
class _Block:
    """The merged windows of a few examples, W of them.

    Attributes:
        windows: columns of W rows: ``example_index``, ``length`` in tokens, ``null``.
        tokens: columns of all their tokens: ``char_start``, ``char_end``, and ``start``, ``end`` where they are scored.
        spans: the columns of :class:`qatk.api.SpanCandidates` where spans are scored, windows counted from 0.
    """

    windows: Columns
    tokens: Columns
    spans: Columns


class _Columns:
    """Merged windows, block after block."""

    def __init__(self) -> None:
        self._spools: dict[str, Spool[Any]] = {}
        self._windows = 0

    def append(self, block: _Block) -> None:
        """Add the next examples' windows."""
        spans = {f"span.{name}": values for name, values in block.spans.items()}
        if spans:
            spans["span.feature"] = spans["span.feature"] + np.int32(self._windows)
        for name, values in (block.windows | block.tokens | spans).items():
            self._spools.setdefault(name, Spool(values.dtype.type)).append(values)
        self._windows += len(block.windows["length"])

    def merged(self, scores: SpanScores) -> tuple[Features, SpanScores]:
        """All windows, and their scores in the form that ``scores`` have."""
        found: Columns = {name: spool.column() for name, spool in self._spools.items()}

        def column(name: str, kind: type = np.int32) -> Any:
            return found.get(name, np.zeros(0, kind))

        tokens = len(column("char_start"))
        features = Features(
            example_index=column("example_index"),
            token_offsets=ragged.offsets_of(column("length", np.int64)),
            input_ids=np.zeros(tokens, np.int32),
            type_ids=np.zeros(tokens, np.int8),
            char_start=column("char_start"),
            char_end=column("char_end"),
            null_index=np.zeros(self._windows, np.int32),
        )
        null = column("null", np.float32)
        if scores.candidates is None:
            return features, SpanScores(null, column("start", np.float32), column("end", np.float32))
        spans = {name: column(f"span.{name}") for name in ("feature", "start", "end")}
        return features, SpanScores(null, candidates=SpanCandidates(**spans, score=column("span.score", np.float32)))


def _merge_block(features: Features, scores: SpanScores, begin: int, stop: int, combine: str) -> _Block:
    """Merge the windows from ``begin`` up to ``stop``, which are whole examples."""
    overlap = Overlap.of(features, begin, stop)
    owners = features.example_index[begin:stop]
    # Windows are in the order of examples: each run of equal owners is one example.
    first = np.flatnonzero(ragged.begins(owners))
    tokens, _ = ragged.ragged_range(features.token_offsets, begin, stop)
    kept = overlap.place[overlap.first]
    columns = {name: getattr(features, name)[tokens][kept] for name in ("char_start", "char_end")}
    row = np.searchsorted(owners[first], overlap.example)
    length = np.bincount(row, minlength=len(first))
    spans: Columns = {}
    if scores.candidates is None:
        for name in ("start", "end"):
            values = getattr(scores, name)[tokens][overlap.place]
            columns[name] = combined(values, overlap.weight, overlap.token, len(kept), combine)
    else:
        spans = _merge_spans(_places(features, scores.candidates, begin, stop), overlap, combine)
        spans["feature"] = row[spans["start"]].astype(np.int32)
        # Tokens were numbered through all examples of the block; from here on each example counts its own.
        shift = (np.cumsum(length) - length)[spans["feature"]]
        spans |= {name: (spans[name] - shift).astype(np.int32) for name in ("start", "end")}
    null = np.minimum.reduceat(scores.null[begin:stop], first)
    return _Block({"example_index": owners[first], "length": length, "null": null}, columns, spans)


def _places(features: Features, spans: SpanCandidates, begin: int, stop: int) -> tuple[Int64, Int64, Float32]:
    """Where the spans of the windows from ``begin`` up to ``stop`` start and end among their tokens; and the scores."""
    among = spans.of_windows(begin, stop)
    base = features.token_offsets[spans.feature[among]] - features.token_offsets[begin]
    return base + spans.start[among], base + spans.end[among], spans.score[among]


def _merge_spans(spans: tuple[Int64, Int64, Float32], overlap: Overlap, combine: str) -> Columns:
    """Spans of different tokens, with their combined scores; start and end are the numbers of tokens in ``overlap``."""
    first, last, score = spans
    size = max(int(column.max(initial=-1)) for column in (*spans[:2], overlap.place)) + 1
    # A table from place to token: one look-up a span instead of a search.
    token, weight = np.full(size, -1, np.int64), np.zeros(size)
    token[overlap.place], weight[overlap.place] = overlap.token, overlap.weight
    valid = (token[first] >= 0) & (token[last] >= 0) & (first <= last)
    first, last, score = first[valid], last[valid], score[valid]
    # lexsort sorts by the last key first, so that spans of the same tokens come side by side.
    order = np.lexsort((token[last], token[first]))
    begins = ragged.begins(token[first][order], token[last][order])
    span = np.empty(len(order), np.int64)
    span[order] = np.cumsum(begins) - 1
    nearer = np.minimum(weight[first], weight[last])
    one = order[begins]
    return {
        "start": token[first][one],
        "end": token[last][one],
        "score": combined(score, nearer, span, len(one), combine),
    }
