"""Windows over contexts: where they lie, and their tokens spliced from flat columns without a loop over tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.api import advance
from qatk.types import Int8, Int32, Int64, ragged
from qatk_builtin.featurizers.pair_template import PairTemplate
from qatk_builtin.featurizers.tokens import TokenRows

CHUNK = 1024
"""Windows spliced at a time, so that the index arrays stay in the cache."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Where F windows lie.

    Attributes:
        example: int64[F], non-decreasing.
        start: int64[F], the first context token, counted within the context.
        size: int64[F], how many context tokens.
    """

    example: Int64
    start: Int64
    size: Int64

    def take(self, rows: Int64) -> Windows:
        """These windows only."""
        return Windows(self.example[rows], self.start[rows], self.size[rows])


@dataclass(frozen=True, eq=False)
class Source:
    """What windows are spliced from. n examples.

    Attributes:
        contexts, questions: tokens of distinct contexts and questions.
        context_row, question_row: int64[n], which of them each example has.
        question_size: int64[n], how many tokens of its question each example keeps.
        template: how they are joined.
    """

    contexts: TokenRows
    questions: TokenRows
    context_row: Int64
    question_row: Int64
    question_size: Int64
    template: PairTemplate


def plan_windows(context_size: Int64, room: Int64, doc_stride: int) -> Windows:
    """Lay windows over contexts as ``tokenizers`` does: window k starts at ``k * (room - doc_stride)``.

    The last window is the first that reaches the context's end; an empty context has one empty window.

    Args:
        context_size: int64[n], tokens of each example's context.
        room: int64[n], context tokens that a window of each example holds; more than ``doc_stride``.
        doc_stride: context tokens that two neighbouring windows share.
    """
    step = room - doc_stride
    # // rounds down, so the negated quotient rounds up: the steps that the tokens beyond the first window take.
    count = 1 + np.maximum(0, -((room - context_size) // step))
    offsets = ragged.offsets_of(count)
    example = ragged.owners(offsets)
    start = ragged.positions(offsets) * step[example]
    return Windows(example, start, np.minimum(context_size[example] - start, room[example]))


def place_of(source: Source, windows: Windows, piece: int) -> Int64:
    """int64[F]: the position within each window at which a piece of the template starts."""
    place: Int64 = _piece_sizes(source, windows)[:, :piece].sum(1)
    return place


def splice(source: Source, windows: Windows) -> tuple[Int64, Int32, Int8, Int32, Int32]:
    """The token columns of the windows: offsets, input ids, type ids, first and last characters.

    Contexts, questions and special tokens form one pool; each window is a few stretches of that pool.
    """
    contexts, questions = source.contexts, source.questions
    specials = np.array([i for piece in source.template.pieces for i in piece.ids], np.int32)
    # Stretches are copied from one flat array, in which questions follow contexts and special tokens both.
    pool = np.concatenate([contexts.ids, questions.ids, specials])
    nowhere = np.full(len(pool) - len(contexts.ids), -1, np.int32)
    starts, ends = (np.concatenate([column, nowhere]) for column in (contexts.char_start, contexts.char_end))
    offsets = ragged.offsets_of(_piece_sizes(source, windows).sum(1))
    ids, char_start, char_end = (np.empty(offsets[-1], np.int32) for _ in range(3))
    types = np.empty(offsets[-1], np.int8)
    piece_types = np.array([piece.type_id for piece in source.template.pieces], np.int8)
    for low in range(0, len(windows.example), CHUNK):
        part = windows.take(np.arange(low, min(low + CHUNK, len(windows.example))))
        sizes = _piece_sizes(source, part).ravel()
        begins = _piece_begins(source, part).ravel()
        among = slice(offsets[low], offsets[low + len(part.example)])
        positions = ragged.ranges(begins, sizes)
        for column, out in ((pool, ids), (starts, char_start), (ends, char_end)):
            np.take(column, positions, out=out[among], mode="clip")  # "raise" would buffer the output
        # All windows have the same pieces: their types repeat, each as often as the piece has tokens.
        types[among] = np.repeat(np.tile(piece_types, len(part.example)), sizes)
        advance("splicing windows", low + len(part.example), len(windows.example))
    return offsets, ids, types, char_start, char_end


def _piece_sizes(source: Source, windows: Windows) -> Int64:
    """int64[F, pieces]: the tokens of each piece of each window."""
    sizes = np.empty((len(windows.example), len(source.template.pieces)), np.int64)
    for k, piece in enumerate(source.template.pieces):
        if piece.kind == "special":
            sizes[:, k] = len(piece.ids)
        else:
            sizes[:, k] = windows.size if piece.kind == "context" else source.question_size[windows.example]
    return sizes


def _piece_begins(source: Source, windows: Windows) -> Int64:
    """int64[F, pieces]: where each piece of each window begins in the pool."""
    begins = np.empty((len(windows.example), len(source.template.pieces)), np.int64)
    questions_at = len(source.contexts.ids)
    special_at = questions_at + len(source.questions.ids)
    for k, piece in enumerate(source.template.pieces):
        if piece.kind == "special":
            begins[:, k] = special_at
            special_at += len(piece.ids)
        elif piece.kind == "context":
            begins[:, k] = source.contexts.offsets[source.context_row[windows.example]] + windows.start
        else:
            begins[:, k] = questions_at + source.questions.offsets[source.question_row[windows.example]]
    return begins
