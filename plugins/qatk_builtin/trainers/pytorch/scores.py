"""Scores of windows put together from batches of them, in whichever form a head gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object

from qatk.api import Batch, Features, PairLogits, SpanCandidates, SpanLogits, SpanScores, TokenLogits, TokenScores
from qatk.types import Float32, Int64, Spool, ragged_rows, release, zeros
from qatk_builtin.trainers.pytorch.batches import shift_of
from qatk_builtin.trainers.pytorch.device import Engine

_TOKENS = ("start", "end"), ("inside", "begin")
"""What :class:`SpanLogits` and :class:`TokenLogits` have for each token."""


class Collected:
    """The scores of all windows; those of one stretch of them come in any order.

    Args:
        features: the windows.
        engine: with whom the work is shared; each process adds its own batches.
    """

    def __init__(self, features: Features, engine: Engine) -> None:
        self._features, self._engine = features, engine
        self._null = zeros(len(features), np.float32)
        self._tokens: dict[str, Float32] = {}
        self._spans: dict[str, Spool[Any]] = {}
        self._stretch: list[SpanCandidates] = []

    def add(self, rows: Int64, batch: Batch, output: SpanLogits | PairLogits | TokenLogits) -> None:
        """The output for these windows, padded as ``batch`` says."""
        self._null[rows] = output.null.float().cpu().numpy()
        if isinstance(output, PairLogits):
            self._stretch.append(_candidates(rows, batch, output))
            return
        names = _TOKENS[isinstance(output, TokenLogits)]
        places = ragged_rows(self._features.token_offsets, rows)[0]
        for name in names:
            if (scores := getattr(output, name)) is not None:
                self._column(name)[places] = scores[batch.token_mask].float().cpu().numpy()

    def end_stretch(self) -> None:
        """No window up to here is to come; give memory back."""
        if self._stretch:
            for name, column in vars(SpanCandidates.by_window(self._stretch)).items():
                self._spans.setdefault(name, Spool[Any](column.dtype.type)).append(column)
            self._stretch = []
        release(*self._tokens.values())

    def scores(self) -> SpanScores:
        """All of them, those of the other processes too, which must call this as well."""
        null = self._sum(self._null)
        if self._anywhere("inside" in self._tokens):
            inside, begin = self._sum(self._column("inside")), self._anywhere("begin" in self._tokens)
            return SpanScores(null, tokens=TokenScores(inside, self._sum(self._column("begin")) if begin else None))
        if not self._anywhere(bool(self._spans)):
            start, end = (self._sum(self._column(name)) for name in _TOKENS[0])
            return SpanScores(null, start, end)
        spans = [SpanCandidates(**{name: spool.column() for name, spool in self._spans.items()})] if self._spans else []
        if self._engine.several:
            spans = [SpanCandidates.by_window(gather_object(spans))]
        return SpanScores(null, candidates=spans[0])

    def _column(self, name: str) -> Float32:
        """A column with a score for each token."""
        if name not in self._tokens:
            self._tokens[name] = zeros(len(self._features.input_ids), np.float32)
        return self._tokens[name]

    def _anywhere(self, here: bool) -> bool:
        """Whether it is so in any process: one that had no windows does not know the form of the scores."""
        return bool(self._engine.sum(torch.tensor(float(here), device=self._engine.device)).item())

    def _sum(self, scores: Float32) -> Float32:
        """All processes' scores: each has zeros where another process computed."""
        if not self._engine.several:
            return scores
        found: Float32 = self._engine.sum(torch.from_numpy(scores).to(self._engine.device)).cpu().numpy()
        return found


def _candidates(rows: Int64, batch: Batch, output: PairLogits) -> SpanCandidates:
    """The spans of a batch's windows."""
    columns = shift_of(batch), output.first, output.last, output.score.float()
    return SpanCandidates.of_batch(rows, *(column.cpu().numpy() for column in columns))
