"""Where gold answers lie among the tokens of contexts and of windows: by characters, all answers at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.types import Bool, Examples, Int64, ragged
from qatk_builtin.featurizers.tokens import TokenRows
from qatk_builtin.featurizers.windows import Windows


@dataclass(frozen=True, eq=False)
class GoldSpans:
    """The A gold answers of all examples among the tokens of their contexts.

    Attributes:
        first, last: int64[A], first and last token (inclusive), counted within the context.
        placed: bool[A], whether there are such tokens: an answer of unknown place, or one that no token
            covers, has none.
        exact: bool[A], whether the characters of these tokens are the answer's own, no more and no fewer.
    """

    first: Int64
    last: Int64
    placed: Bool
    exact: Bool


def place_answers(examples: Examples, contexts: TokenRows, context_row: Int64) -> GoldSpans:
    """Find the tokens of every gold answer: the first that ends after its start, the last that starts before its end.

    Tokens that cover no character are passed over, so that no answer starts or ends at one.

    Args:
        examples: with gold.
        contexts: tokens of contexts, spans included.
        context_row: int64[n], which row of ``contexts`` each example has.
    """
    assert examples.answer_offsets is not None
    row = np.repeat(context_row, np.diff(examples.answer_offsets))
    start = examples.answer_start.astype(np.int64)
    end = start + np.fromiter(map(len, examples.answer_text), np.int64, len(start))
    visible = np.flatnonzero(contexts.char_start < contexts.char_end)
    if not len(visible) or not len(start):
        nothing = np.zeros(len(start), np.bool_)
        return GoldSpans(np.zeros_like(start), np.zeros_like(start), nothing, nothing)
    owner = ragged.owners(contexts.offsets)[visible]
    left, right = contexts.char_start[visible], contexts.char_end[visible]
    first, last = ragged.tokens_of(owner, left, right, row, start, end)
    placed = (start >= 0) & (start < end) & (first <= last)
    first, last = (visible[np.clip(k, 0, len(visible) - 1)] for k in (first, last))
    exact = placed & (contexts.char_start[first] == start) & (contexts.char_end[last] == end)
    # From places among all tokens to places within the context.
    base = contexts.offsets[row]
    return GoldSpans(first - base, last - base, placed, exact)


def window_answers(examples: Examples, spans: GoldSpans, windows: Windows) -> Int64:
    """int64[F]: the first answer, in the order of the gold, that lies wholly inside each window; -1 for none."""
    assert examples.answer_offsets is not None
    found = np.full(len(windows.example), -1, np.int64)
    answer, stop = (examples.answer_offsets[windows.example + k] for k in (0, 1))
    # Rounds over the k-th answers of all windows at once; a window that has found one drops out.
    active = np.flatnonzero(answer < stop)
    while len(active):
        k = answer[active]
        inside = spans.placed[k] & (spans.first[k] >= windows.start[active])
        inside &= spans.last[k] < (windows.start + windows.size)[active]
        found[active[inside]] = k[inside]
        answer[active] += 1
        active = active[~inside & (answer < stop)[active]]
    return found


def window_spans(examples: Examples, spans: GoldSpans, windows: Windows) -> tuple[Int64, Int64]:
    """Every span that lies wholly inside each window, by the first of its alternatives that does.

    Returns:
        int64[k], the answers, those of one window after the other in the order of the gold; int64[F + 1], where each
        window's begin.
    """
    assert examples.answer_offsets is not None
    answer, offsets = ragged.ragged_rows(examples.answer_offsets, windows.example)
    window = ragged.owners(offsets)
    inside = spans.placed[answer] & (spans.first[answer] >= windows.start[window])
    inside &= spans.last[answer] < (windows.start + windows.size)[window]
    answer, window = answer[inside], window[inside]
    which = np.zeros(len(answer), np.int32) if examples.answer_span is None else examples.answer_span[answer]
    kept = ragged.begins(window, which) if len(answer) else np.zeros(0, np.bool_)
    counts = np.bincount(window[kept], minlength=len(windows.example))
    return answer[kept], ragged.offsets_of(counts)
