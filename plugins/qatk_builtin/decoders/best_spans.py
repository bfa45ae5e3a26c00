"""The best spans of windows by start and end scores: exact, and in numpy over many windows at a time.

A brute-force search scores every start with every end. Here the best end within reach of each start is a sliding
maximum. The K best spans of a window begin at those K places whose best spans are best, because each of these has
a span at least as good as any that begins elsewhere; so only they are expanded. What comes out is what brute force
would find, equal scores and tokens that share characters included.

It is relied on that within a window the characters of context tokens never go backwards, and that tokens which
begin at the same character are neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from qatk.types import Bool, Features, Float32, Int32, Int64, ragged

LOWEST = np.float32(np.finfo(np.float32).min)
TILE_CELLS = 1 << 18
"""About how many spans are looked at together, so that they stay in the cache."""
TILE_WINDOWS = 1 << 12


@dataclass(frozen=True, eq=False)
class Spans:
    """Scored spans.

    Attributes:
        example: int64[m].
        char_start, char_end: int32[m], characters of the example's context, end exclusive.
        score: float32[m].
    """

    example: Int64
    char_start: Int32
    char_end: Int32
    score: Float32

    def __len__(self) -> int:
        return len(self.score)

    def take(self, rows: Int64 | Bool) -> Spans:
        """These spans only, in this order."""
        return Spans(self.example[rows], self.char_start[rows], self.char_end[rows], self.score[rows])


def join(parts: list[Spans]) -> Spans:
    """The spans of all parts, one after the other."""
    return Spans(
        np.concatenate([np.zeros(0, np.int64), *(part.example for part in parts)]),
        np.concatenate([np.zeros(0, np.int32), *(part.char_start for part in parts)]),
        np.concatenate([np.zeros(0, np.int32), *(part.char_end for part in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(part.score for part in parts)]),
    )


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive windows with the scores of their context tokens. B windows, S tokens.

    Attributes:
        example: int64[B], the example of each window.
        first, length: int64[B], where each window's tokens begin below, and how many they are.
        start, end: float32, ``-inf`` outside the context; as many more of it at the end as two windows have tokens.
        char_start, char_end: int32[S].
        odd: bool[B], windows with context tokens that cover no character, or begin or end where the one before does:
            there, different tokens can make the same span.
    """

    example: Int64
    first: Int64
    length: Int64
    start: Float32
    end: Float32
    char_start: Int32
    char_end: Int32
    odd: Bool

    @classmethod
    def cut(cls, features: Features, start: Float32, end: Float32, begin: int, stop: int) -> Block:
        """The windows from ``begin`` up to ``stop``, with scores float32[T] for all tokens of ``features``."""
        tokens, offsets = ragged.ragged_range(features.token_offsets, begin, stop)
        char_start, char_end = features.char_start[tokens], features.char_end[tokens]
        length = np.diff(offsets)
        # A matrix row read from the last window's start may run this far past the end.
        padding = 2 * int(length.max())
        inside = char_start >= 0
        unusual = char_end <= char_start
        unusual[1:] |= (char_start[1:] == char_start[:-1]) | (char_end[1:] == char_end[:-1])
        unusual &= inside
        odd = np.zeros(stop - begin, np.bool_)
        odd[ragged.owners_at(offsets, np.flatnonzero(unusual))] = True
        return cls(
            example=features.example_index[begin:stop].astype(np.int64),
            first=offsets[:-1],
            length=length,
            start=_inside_only(start[tokens], inside, padding),
            end=_inside_only(end[tokens], inside, padding),
            char_start=char_start,
            char_end=char_end,
            odd=odd,
        )

    @property
    def mixed(self) -> Int64:
        """Examples of which :func:`best_spans` gives more than an ordered list: with several windows, or an odd one."""
        several = self.example[1:][self.example[1:] == self.example[:-1]]
        return np.union1d(several, self.example[self.odd])


def _inside_only(scores: Float32, inside: Bool, padding: int) -> Float32:
    kept = np.full(len(scores) + padding, -np.inf, np.float32)
    np.copyto(kept[: len(scores)], scores, where=inside)
    return kept


def best_spans(block: Block, n_best_size: int, max_answer_length: int) -> Spans:
    """Spans among which are the ``n_best_size`` best of each window, of different characters.

    Equal scores go by ``char_start``, then ``char_end``. The spans of a window that is not odd are exactly these, in
    this order; an odd one may give more, in any order, and the same characters more than once.
    """
    parts = []
    for odd in (False, True):
        rows = np.flatnonzero((block.odd == odd) & (block.length > 0))
        # Longest first, so that the windows of a tile are of like length and little of it is padding.
        rows = rows[np.argsort(-block.length[rows], kind="stable")]
        search = _odd_tile if odd else _even_tile
        while len(rows):
            size = _tile_size(int(block.length[rows[0]]), n_best_size, max_answer_length)
            tile = Tile.of(block, rows[:size], max_answer_length)
            parts.append(search(block, tile, n_best_size))
            rows = rows[size:]
    return join(parts)


def _tile_size(length: int, n_best_size: int, max_answer_length: int) -> int:
    """How many windows of up to this length make a tile."""
    spans = min(n_best_size, length) * min(max_answer_length, length)
    return max(1, min(TILE_WINDOWS, TILE_CELLS // (length + spans)))


@dataclass(frozen=True, eq=False)
class Tile:
    """A few windows of like length as matrices, ``-inf`` beyond a window. W windows, L positions, R the longest answer.

    Attributes:
        example: int64[W].
        first: int64[W], the place of each window's first token in the block's columns.
        start: float32[W, L].
        end: float32[W, L + R - 1].
        ends: float32[W, L, R], a view: the scores of the R ends from each position on.
    """

    example: Int64
    first: Int64
    start: Float32
    end: Float32
    ends: Float32

    @classmethod
    def of(cls, block: Block, rows: Int64, max_answer_length: int) -> Tile:
        """These windows of the block, the longest first."""
        first, length = block.first[rows], block.length[rows]
        longest = int(length[0])
        reach = min(max_answer_length, longest)
        end = _matrix(block.end, first, length, longest + reach - 1)
        # A view: row i holds the scores of the ends from i on, and nothing is copied.
        ends = sliding_window_view(end, reach, axis=1)
        return cls(block.example[rows], first, _matrix(block.start, first, length, longest), end, ends)


def _matrix(scores: Float32, first: Int64, length: Int64, width: int) -> Float32:
    """The scores from ``first`` on, [W, width], ``-inf`` beyond each length; the longest comes first."""
    # Every stretch of this width is a row of the view; indexing copies those that are wanted.
    matrix = sliding_window_view(scores, width)[first]
    shortest = int(length[-1])
    # Up to the shortest window every column is inside of all of them.
    np.copyto(matrix[:, shortest:], -np.inf, where=np.arange(shortest, width) >= length[:, None])
    return matrix


def _even_tile(block: Block, tile: Tile, n_best_size: int) -> Spans:
    """The best spans of windows whose tokens all have text of their own, best first."""
    best = tile.start + sliding_maximum(tile.end, tile.ends.shape[2])
    row, column, ahead, score = _expand(tile, *_choose(best, n_best_size))
    order = _best_of_rows(row, score, n_best_size)
    return _spans(block, tile, row[order], column[order], ahead[order], score[order])


def _odd_tile(block: Block, tile: Tile, n_best_size: int) -> Spans:
    """Spans of any windows, among them the best."""
    best = tile.start + sliding_maximum(tile.end, tile.ends.shape[2])
    # What is read beyond a window does no harm: its scores are -inf.
    token = np.minimum(tile.first[:, None] + np.arange(tile.end.shape[1]), len(block.char_start) - 1)
    char_start, char_end = block.char_start[token[:, : best.shape[1]]], block.char_end[token]
    _mend_hollow(tile, char_start, char_end, best)
    # Neighbours that begin at one character are one place, as good as its best token.
    alone = np.ones(best.shape, np.bool_)
    np.not_equal(char_start[:, 1:], char_start[:, :-1], out=alone[:, 1:])
    head = np.flatnonzero(alone)
    together = np.full(best.shape, -np.inf, np.float32)
    together.ravel()[head] = np.maximum.reduceat(best.ravel(), head)
    chosen, floor = _choose(together, n_best_size)
    # What holds for the head of a run of neighbours holds for all of them.
    chosen = np.repeat(chosen.ravel()[head], np.diff(head, append=best.size)).reshape(best.shape)
    spans = _spans(block, tile, *_expand(tile, chosen, floor))
    return spans.take(spans.char_end > spans.char_start)


def _mend_hollow(tile: Tile, char_start: Int32, char_end: Int32, best: Float32) -> None:
    """From a token without text some ends make no text: put the best of its other ends into ``best``, float32[W, L]."""
    row, column = np.nonzero((char_end[:, : best.shape[1]] <= char_start) & (char_start >= 0))
    has_text = sliding_window_view(char_end, tile.ends.shape[2], axis=1)[row, column] > char_start[row, column, None]
    others = np.where(has_text, tile.ends[row, column], -np.inf).max(axis=1)
    best[row, column] = tile.start[row, column] + others


def sliding_maximum(values: Float32, width: int) -> Float32:
    """The maximum of each ``width`` neighbours of a row: [W, L + width - 1] to [W, L], by doubling the reach."""
    reach = 1
    while reach < width:
        step = min(reach, width - reach)
        # Two maxima of `reach` neighbours that lie `step` apart cover `reach + step` of them.
        values = np.maximum(values[:, :-step], values[:, step:])
        reach += step
    return values


def _choose(best: Float32, n_best_size: int) -> tuple[Bool, Float32]:
    """The ``n_best_size`` best cells of each row, of equal ones the first; and the score of the last of them."""
    if best.shape[1] <= n_best_size:
        return best >= LOWEST, np.full(len(best), LOWEST)
    # partition puts the k-th best where a full sort would, at a fraction of its cost.
    floor = np.maximum(np.partition(best, -n_best_size, axis=1)[:, -n_best_size], LOWEST)
    chosen = best >= floor[:, None]
    surplus = np.count_nonzero(chosen, axis=1) - n_best_size
    if (tied := np.flatnonzero(surplus > 0)).size:
        # The last cells that equal the floor are surplus: those from which on no more than that many are left.
        level = best[tied] == floor[tied, None]
        to_come = level[:, ::-1].cumsum(axis=1)[:, ::-1]
        chosen[tied] &= ~level | (to_come > surplus[tied, None])
    return chosen, floor


def _expand(tile: Tile, chosen: Bool, floor: Float32) -> tuple[Int64, Int64, Int64, Float32]:
    """All spans from the chosen starts that reach the floor: row, start column, further tokens, score."""
    length, reach = tile.ends.shape[1:]
    row, column = np.divmod(np.flatnonzero(chosen), length)  # on a flat view, which is faster than nonzero
    score = tile.ends[row, column]
    score += tile.start[row, column, None]
    found = np.flatnonzero(score >= floor[row, None])
    # The place in a flat view of [starts, reach] is both numbers at once.
    which, ahead = np.divmod(found, reach)
    return row[which], column[which], ahead, score.ravel()[found]


def _best_of_rows(row: Int64, score: Float32, n_best_size: int) -> Int64:
    """Positions of the best scores of each row, by row, then best first, then as they came; ``row`` must not fall.

    One sort of plain integers, made of row, falling score and position, is several times faster than ``lexsort``.
    """
    # Where each row begins, and where the last one ends.
    begin = np.searchsorted(row, np.arange(row[-1] + 2 if len(row) else 1))
    bits = int(np.diff(begin).max(initial=1)).bit_length()
    position = np.arange(len(row)) - begin[row]
    # Row, falling score and position side by side in one integer, so that one comparison compares all three.
    keys = np.sort((((row << 32) + falling(score)) << bits) + position)
    # The lowest bits are the position.
    order = (keys & ((1 << bits) - 1)) + begin[row]
    return order[position < n_best_size]


def falling(score: Float32) -> Int64:
    """Integers from 0 up to 2**32 that order finite scores from the best to the worst; 0.0 and -0.0 are equal."""
    # The bits of a float, read as an integer, rise with it from 0 on and fall below 0: there all but the sign flip.
    # Adding 0 turns -0.0 into 0.0, whose bits differ.
    bits = (score + np.float32(0)).view(np.int32)
    return (1 << 31) - (bits ^ (bits >> 31 & 0x7FFFFFFF)).astype(np.int64)


def _spans(block: Block, tile: Tile, row: Int64, column: Int64, ahead: Int64, score: Float32) -> Spans:
    first = tile.first[row] + column
    return Spans(tile.example[row], block.char_start[first], block.char_end[first + ahead], score)
