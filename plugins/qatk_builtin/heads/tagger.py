"""The ``tagger`` head: each token of the context is the start of a span, inside of one, or outside."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from qatk.api import BackboneSpec, Batch, TokenLogits
from qatk_builtin.heads import TaggerOptions
from qatk_builtin.heads.layers import at, linear

OUTSIDE, START, INSIDE = range(3)


class TaggerHead:
    """Answers of any number of spans, by a tag for each token.

    A token outside of spans has no score of its own: the null token's stands for it, so that tokens compete with "no
    answer", and a window has a threshold of its own that it learns (as the threshold class of Zhou et al. 2021, ATLOP).

    There is no CRF. Its transitions would forbid "inside" after "outside" alone, and the decoder reads that as a start
    in any case; tokens are then kept by a threshold on their own probabilities, which a best path does not have.
    """

    def __init__(self, options: TaggerOptions) -> None:
        self.options = options

    def build(self, spec: BackboneSpec) -> TaggerSpans:
        """A new module for states of ``spec.hidden_size``."""
        return TaggerSpans(spec.hidden_size, self.options)


@dataclass(frozen=True, eq=False)
class TaggerLogits(TokenLogits):
    """``tags`` float32[B, L, 3] (or 2): the score of each tag, the null score first."""

    tags: Tensor


class TaggerSpans(nn.Module):
    """See :class:`TaggerHead`. ``layer`` maps H to the score of "no answer" and those of the tags in a span."""

    def __init__(self, hidden_size: int, options: TaggerOptions) -> None:
        super().__init__()
        self.options = options
        self.dropout = nn.Dropout(options.dropout)
        self.layer = linear(hidden_size, 3 if options.tags == "bio" else 2)

    def forward(self, states: Tensor, batch: Batch) -> TaggerLogits:
        """Score states [B, L, H]: float32."""
        scores = self.layer(self.dropout(states)).float()
        null = at(scores[..., OUTSIDE], batch.null_index)
        inside = scores[..., START:].logsumexp(-1).masked_fill(~batch.context_mask, -torch.inf)
        begin = scores[..., START] - scores[..., INSIDE] if self.options.tags == "bio" else None
        tags = torch.cat([null[:, None, None].expand(-1, states.shape[1], 1), scores[..., START:]], -1)
        return TaggerLogits(null=null, inside=inside, begin=begin, tags=tags)

    def loss(self, output: TaggerLogits, batch: Batch) -> Tensor:
        """Cross entropy of the tags, the weighted mean over each window's context; then the mean over the windows."""
        due, o = tags_of(batch), self.options
        weight = output.null.new_tensor([1.0, o.start_weight, o.inside_weight])[due] * batch.context_mask
        if o.tags == "io":
            due = due.clamp(max=START)
        each = cross_entropy(output.tags.flatten(0, 1), due.flatten(), reduction="none").view_as(weight)
        return ((each * weight).sum(1) / weight.sum(1).clamp(min=1.0)).mean()


def tags_of(batch: Batch) -> Tensor:
    """int64[B, L]: the tag of every token, by all spans of the windows' answers. Raises ``ValueError`` without."""
    row, first, last = batch.spans()
    size, length = batch.context_mask.shape
    # +1 where a span begins and -1 behind its end: the running sum is above 0 inside of spans.
    steps = torch.zeros(size, length + 1, dtype=torch.int64, device=row.device)
    ones = torch.ones_like(row)
    steps.index_put_((row, first), ones, accumulate=True)
    steps.index_put_((row, last + 1), -ones, accumulate=True)
    tags = INSIDE * (steps.cumsum(1)[:, :-1] > 0).long()
    tags[row, first] = START
    return tags
