"""The ``span-set`` head: every span is right or wrong by itself, and any number of them may be right."""

from __future__ import annotations

import torch
from torch import Tensor

from qatk.api import BackboneSpec, Batch
from qatk_builtin.heads import SpanSetOptions
from qatk_builtin.heads.biaffine import BiaffineLogits, BiaffineSpans


class SpanSetHead:
    """Spans scored as ``biaffine`` scores them, where each that is due should score above "no answer", no other should.

    The loss is ZLPR (Su et al. 2022), a softmax for any number of right classes, with the null score as its threshold.
    A window without an answer has the loss of ``biaffine``; one whose spans are all too long teaches nothing.
    """

    def __init__(self, options: SpanSetOptions) -> None:
        self.options = options

    def build(self, spec: BackboneSpec) -> SpanSetSpans:
        """A new module for states of ``spec.hidden_size``."""
        return SpanSetSpans(spec.hidden_size, self.options)


class SpanSetSpans(BiaffineSpans):
    """See :class:`SpanSetHead`."""

    def loss(self, output: BiaffineLogits, batch: Batch) -> Tensor:
        """log(1 + sum of exp(score - null) of wrong spans) + log(1 + sum of exp(null - score) of right ones)."""
        row, first, last = batch.spans()
        table = output.table - output.null[:, None, None]
        right = torch.zeros_like(table, dtype=torch.bool)
        fits = last - first < table.shape[2]
        right[row[fits], first[fits], (last - first)[fits]] = True
        wrong_ones, right_ones = table.masked_fill(right, -torch.inf), (-table).masked_fill(~right, -torch.inf)
        loss = _log_one_more(wrong_ones) + _log_one_more(right_ones)
        due = torch.zeros_like(output.null, dtype=torch.bool)
        due[row] = True
        return torch.where(due & ~right.flatten(1).any(1), 0.0, loss).mean()


def _log_one_more(scores: Tensor) -> Tensor:
    """float[B]: the logarithm of 1 more than the sum of exponentials of each window."""
    return torch.cat([scores.flatten(1), scores.new_zeros(len(scores), 1)], 1).logsumexp(1)
