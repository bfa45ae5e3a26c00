"""The ``biaffine`` head: every span up to a length gets a score of its own, of its start and its end together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from qatk.api import BackboneSpec, Batch, PairLogits
from qatk_builtin.heads import BiaffineOptions
from qatk_builtin.heads.layers import at, linear


class BiaffineHead:
    """Start score + end score + a bilinear form of what the two tokens are as start and as end.

    After Dozat & Manning 2017, who scored dependencies so, and Yu et al. 2020, who scored entities. Spans lie in the
    context and have at most ``max_answer_length`` tokens. All of a window's spans and "no answer" compete in one
    softmax. A window whose answer is longer than that teaches nothing.
    """

    def __init__(self, options: BiaffineOptions) -> None:
        self.options = options

    def build(self, spec: BackboneSpec) -> BiaffineSpans:
        """A new module for states of ``spec.hidden_size``."""
        return BiaffineSpans(spec.hidden_size, self.options)


@dataclass(frozen=True, eq=False)
class BiaffineLogits(PairLogits):
    """``table`` float32[B, L, R]: the score of the span from each token over 0 to R - 1 more, ``-inf`` for none."""

    table: Tensor


class BiaffineSpans(nn.Module):
    """See :class:`BiaffineHead`."""

    def __init__(self, hidden_size: int, options: BiaffineOptions) -> None:
        super().__init__()
        self.options = options
        self.dropout = nn.Dropout(options.dropout)
        self.edges = linear(hidden_size, 2)
        self.null = linear(hidden_size, 1)
        self.as_start, self.as_end = linear(hidden_size, options.width), linear(hidden_size, options.width)
        self.form = linear(options.width, options.width, bias=False)

    def forward(self, states: Tensor, batch: Batch) -> BiaffineLogits:
        """Score states [B, L, H]: float32. The best spans are picked outside of training only."""
        states = self.dropout(states.masked_fill(~batch.token_mask[..., None], 0))
        reach = self.options.max_answer_length
        if not torch.compiler.is_exporting():  # an exported graph has one reach for windows of every length
            reach = min(reach, states.shape[1])
        start, end = self.edges(states).float().unbind(-1)
        pair = banded_products(self.form(gelu(self.as_start(states))), gelu(self.as_end(states)), reach).float()
        table = start[..., None] + ahead(end, reach) + pair
        open_spans = batch.context_mask[..., None] & ahead(batch.context_mask, reach)
        table = table.masked_fill(~open_spans, -torch.inf)
        kept = 0 if self.training else min(self.options.candidates, table[0].numel())
        score, place = table.flatten(1).topk(kept)
        first = place // reach
        null = self.null(at(states, batch.null_index)).float().squeeze(-1)
        return BiaffineLogits(null=null, first=first, last=first + place % reach, score=score, table=table)

    def loss(self, output: BiaffineLogits, batch: Batch) -> Tensor:
        """Cross entropy over all spans and "no answer"; 0 for windows whose answer is too long to be among them."""
        start, end, answered = batch.targets()
        reach = output.table.shape[2]
        more = (end - start).clamp(0, reach - 1)
        right = torch.where(answered, at(at(output.table, start), more), output.null)
        total = torch.cat([output.table.flatten(1), output.null[:, None]], 1).logsumexp(1)
        return torch.where(answered & (end - start >= reach), 0.0, total - right).mean()


def ahead(values: Tensor, reach: int) -> Tensor:
    """A view [B, L, R] of values [B, L]: those of a position and of the R - 1 after it, 0 beyond the last."""
    return pad(values, (0, reach - 1)).unfold(1, reach, 1)


def banded_products(left: Tensor, right: Tensor, reach: int) -> Tensor:
    """[B, L, R]: of [B, L, W] each, the product of ``left`` at a position with ``right`` there and R - 1 on.

    Positions beyond the last give 0. In blocks of R positions against the 2R from their first on: memory grows with
    L * R, not with the square of L (the sliding chunks of Longformer, Beltagy et al. 2020).
    """
    batch, length, width = left.shape
    if torch.compiler.is_exporting():  # the shapes of blocks are no function that an exporter can invert
        place = torch.arange(length, device=left.device)[:, None] + torch.arange(reach, device=left.device)
        return pad(left @ right.mT, (0, reach - 1)).gather(2, place.expand(batch, -1, -1))
    # Rounded up.
    count = -(-length // reach)
    missing = count * reach - length
    rows = pad(left, (0, 0, 0, missing)).reshape(batch, count, reach, width)
    columns = pad(right, (0, 0, 0, missing + reach)).unfold(1, 2 * reach, reach)
    squares = (rows @ columns).flatten(2)  # row r of a block has its products from column r on
    skewed = pad(squares, (0, reach)).reshape(batch, count, reach, 2 * reach + 1)
    return skewed[..., :reach].reshape(batch, count * reach, reach)[:, :length]
