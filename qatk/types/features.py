"""Token windows as flat columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from qatk.errors import counted
from qatk.types.arrays import Int8, Int32, Int64, check_offsets, freeze, row_numbers
from qatk.types.examples import Examples
from qatk.types.mapped import Spool, release
from qatk.types.ragged import ragged_range, ragged_rows

_EACH = ("example_index", "null_index")
_FLAT = ("input_ids", "type_ids", "char_start", "char_end")
_TARGETS = ("start_target", "end_target")
_SPANS = ("span_start", "span_end")
"""Columns with a value for each window; for each token; for each window with targets; for each span of an answer."""


@dataclass(frozen=True, eq=False)
class Features:
    """Tokenized windows: a feature is one window of one example. Ragged, never padded.

    Attributes:
        example_index: int32[F], the example that each window belongs to; non-decreasing.
        token_offsets: int64[F + 1], where each window begins in the token columns.
        input_ids: int32[T].
        type_ids: int8[T], the token type ids (all 0 for models without them).
        char_start, char_end: int32[T], the characters of the example's context that a token covers (end exclusive);
            both -1 for tokens outside the context.
        null_index: int32[F], the position in its window of the token that stands for "no answer" (CLS).
        start_target, end_target: int32[F], the positions in the window of the answer's first and last token; both are
            ``null_index`` if the window has no answer; ``None`` without targets. Of an answer of several spans, this is
            the first one that lies in the window.
        span_offsets: int64[F + 1], where each window begins in the columns of spans; ``None`` if no answer has several,
            so that ``start_target`` and ``end_target`` say all.
        span_start, span_end: int32[k], the positions in the window of the first and last token of every span of the
            answer that lies wholly in it, in the order of the gold.
        counts: what a user should know about the making of the windows, such as ``questions_cut``.
    """

    example_index: Int32
    token_offsets: Int64
    input_ids: Int32
    type_ids: Int8
    char_start: Int32
    char_end: Int32
    null_index: Int32
    start_target: Int32 | None = None
    end_target: Int32 | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    span_offsets: Int64 | None = None
    span_start: Int32 | None = None
    span_end: Int32 | None = None

    def __post_init__(self) -> None:
        rows, tokens = len(self.example_index), len(self.input_ids)
        freeze(self, "example_index", np.int32)
        if (np.diff(self.example_index) < 0).any():
            raise ValueError("Features.example_index must not decrease")
        check_offsets(self, "token_offsets", rows, tokens)
        freeze(self, "input_ids", np.int32)
        freeze(self, "type_ids", np.int8, tokens)
        freeze(self, "char_start", np.int32, tokens)
        freeze(self, "char_end", np.int32, tokens)
        freeze(self, "null_index", np.int32, rows)
        if (self.start_target is None) != (self.end_target is None):
            raise ValueError("Features needs both start_target and end_target, or neither")
        if self.start_target is not None:
            freeze(self, "start_target", np.int32, rows)
            freeze(self, "end_target", np.int32, rows)
        spans = (self.span_offsets, self.span_start, self.span_end)
        if self.span_offsets is not None and self.span_start is not None and self.span_end is not None:
            check_offsets(self, "span_offsets", rows, len(self.span_start))
            freeze(self, "span_start", np.int32)
            freeze(self, "span_end", np.int32, len(self.span_start))
        elif any(column is not None for column in spans):
            raise ValueError("Features needs span_offsets, span_start and span_end, or none of them")

    def __len__(self) -> int:
        return len(self.example_index)

    def check(self, examples: Examples, *, targets: bool) -> None:
        """Check that these windows belong to these examples, and have targets if required.

        Raises:
            ValueError: if they do not.
        """
        if not len(self):
            raise ValueError(f"no window for {counted(len(examples), 'example')}")
        if self.example_index[0] < 0 or self.example_index[-1] >= len(examples):
            last = int(self.example_index[-1])
            raise ValueError(f"windows of examples up to the {last + 1}th where there are {len(examples)}")
        if targets and not self.has_targets:
            raise ValueError("windows to train on without targets")

    @property
    def lengths(self) -> Int64:
        """int64[F]: the number of tokens in each window."""
        return np.diff(self.token_offsets)

    @property
    def has_targets(self) -> bool:
        """Whether the windows have training targets."""
        return self.start_target is not None

    def release(self) -> None:
        """Free the memory of mapped columns; they are read again when they are used."""
        release(*(getattr(self, column.name) for column in fields(self)))

    def among(self, begin: int, stop: int) -> Features:
        """The windows from ``begin`` up to ``stop``, as views: nothing is copied but their offsets."""
        return self._part(slice(begin, stop), lambda offsets: ragged_range(offsets, begin, stop))

    def take(self, rows: Int64) -> Features:
        """These windows only; ``rows`` must keep the order of the examples."""
        rows = row_numbers(rows, len(self))
        return self._part(rows, lambda offsets: ragged_rows(offsets, rows))

    def _part(self, windows: slice | Int64, ragged: Callable[[Int64], tuple[slice | Int64, Int64]]) -> Features:
        """Some windows; ``ragged`` gives, by the offsets of all, where the values of these lie, and their offsets."""

        def picked(names: Iterable[str], where: slice | Int64) -> dict[str, Any]:
            return {name: getattr(self, name)[where] for name in names}

        tokens, offsets = ragged(self.token_offsets)
        each = (*_EACH, *_TARGETS) if self.has_targets else _EACH
        columns = picked(_FLAT, tokens) | picked(each, windows)
        if self.span_offsets is not None:
            spans, columns["span_offsets"] = ragged(self.span_offsets)
            columns |= picked(_SPANS, spans)
        return Features(token_offsets=offsets, counts=self.counts, **columns)


class FeatureColumns:
    """Builds features in parts, mapped to a temporary file if they are large (:mod:`qatk.types.mapped`).

    Args:
        targets: whether the parts have targets.
        spans: whether they have all spans of each window's answer too.
    """

    def __init__(self, *, targets: bool, spans: bool = False) -> None:
        names = (*_EACH, *_FLAT, *(_TARGETS if targets else ()), *(_SPANS if spans else ()))
        self._columns = {name: Spool[np.generic](np.int8 if name == "type_ids" else np.int32) for name in names}
        self._offsets = {name: Spool(np.int64) for name in ("token_offsets", *(["span_offsets"] if spans else []))}
        self._ends = dict.fromkeys(self._offsets, 0)
        for offsets in self._offsets.values():
            offsets.append(np.zeros(1, np.int64))

    def append(self, part: Features, first_example: int) -> None:
        """Add windows; their ``example_index`` is relative to ``first_example``."""
        for name, column in self._columns.items():
            values = getattr(part, name)
            column.append(values + np.int32(first_example) if name == "example_index" and first_example else values)
        for name, spool in self._offsets.items():
            offsets: Int64 = getattr(part, name)
            spool.append(offsets[1:] + self._ends[name])
            self._ends[name] += int(offsets[-1])

    def features(self) -> Features:
        """All parts together."""
        columns: dict[str, Any] = {name: column.column() for name, column in self._columns.items()}
        columns |= {name: offsets.column() for name, offsets in self._offsets.items()}
        return Features(**columns)
