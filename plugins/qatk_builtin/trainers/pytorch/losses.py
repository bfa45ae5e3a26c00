"""Losses over the starts and ends of answers, beside the cross entropy that heads have."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from qatk.api import Batch, SpanLogits

REACH = 3
"""Tokens to either side of a target that label smoothing gives a share to."""


def divergence(scores: Tensor, due: Tensor, temperature: float = 1.0) -> Tensor:
    """The mean over windows of the Kullback-Leibler divergence of some scores from those that are due.

    Args:
        scores: float[B, L]; what they mask (``-inf``) takes no part, and the rest of what is due makes up 1.
        due: float[B, L], scores or log-probabilities.
        temperature: divides both before the softmax.
    """
    scored = scores.isfinite()
    ours = log_softmax(scores.float() / temperature, 1)
    theirs = log_softmax(due.float().masked_fill(~scored, -torch.inf) / temperature, 1)
    there = scored & theirs.isfinite()
    # Twice: what is infinite has no part in gradients either.
    gap = theirs.masked_fill(~there, 0.0) - ours.masked_fill(~there, 0.0)
    return (theirs.masked_fill(~there, -torch.inf).exp() * gap).sum(1).mean()


def span_loss(
    output: SpanLogits,
    batch: Batch,
    *,
    smoothing: float = 0.0,
    impossible_weight: float = 1.0,
    spans: Tensor | None = None,
    teaches_null: Tensor | None = None,
) -> Tensor:
    """float[B]: the cross entropies of start and end, halved, as options change them.

    Args:
        output: the scores.
        batch: with targets.
        smoothing: the share that the tokens beside the targets of an answer get.
        impossible_weight: of windows without an answer.
        teaches_null: bool[B], whether a window says anything about "no answer": the spans of one that does not compete
            among themselves alone, and without an answer it weighs nothing; by default all do.
        spans: int64[S, 3], window, first and last token of all spans that are right; by default the targets alone.
    """
    start_due, end_due, answered = batch.targets()
    scores = [output.start.float(), output.end.float()]
    if teaches_null is not None:
        hidden = torch.zeros_like(batch.token_mask).scatter(1, batch.null_index[:, None], True)
        hidden &= (answered & ~teaches_null)[:, None]
        scores = [column.masked_fill(hidden, -torch.inf) for column in scores]
    start, end = (log_softmax(column, 1) for column in scores)
    pairs = (start, start_due), (end, end_due)
    if spans is None:
        loss = -torch.stack([logs.gather(1, target[:, None]).squeeze(1) for logs, target in pairs]).mean(0)
    else:
        loss = _marginal(start, end, spans)
    if smoothing:
        near = torch.stack([_near(logs, target, batch) for logs, target in pairs]).mean(0)
        loss = torch.where(answered, torch.lerp(loss, near, smoothing), loss)
    weight = impossible_weight if teaches_null is None else impossible_weight * teaches_null
    return torch.where(answered, loss, weight * loss)


def _marginal(start: Tensor, end: Tensor, spans: Tensor) -> Tensor:
    """Minus the logarithm of the probability of all right spans together, halved (Clark and Gardner 2018)."""
    row, first, last = spans.unbind(1)
    scores = start[row, first] + end[row, last]
    best = scores.detach().new_full(start.shape[:1], -torch.inf).scatter_reduce(0, row, scores.detach(), "amax")
    total = torch.zeros_like(best).index_add(0, row, (scores - best[row]).exp())
    return -(total.log() + best) / 2


def _near(logs: Tensor, target: Tensor, batch: Batch) -> Tensor:
    """float[B]: the cross entropy of the context's tokens beside a target, each next one half as likely."""
    far = (torch.arange(logs.shape[1], device=logs.device) - target[:, None]).abs()
    fits = batch.context_mask & logs.isfinite() & (far > 0) & (far <= REACH)
    share = torch.where(fits, 0.5**far, 0.0)
    own = logs.gather(1, target[:, None]).squeeze(1)
    total = share.sum(1)
    mean = (share * logs.masked_fill(~fits, 0.0)).sum(1) / total.clamp(min=1e-9)
    return -torch.where(total > 0, mean, own)
