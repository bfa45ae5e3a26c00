"""The ``conditional`` head: a start, then an end that knows it, and whether there is an answer at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from qatk.api import BackboneSpec, Batch, PairLogits
from qatk_builtin.heads import ConditionalOptions
from qatk_builtin.heads.layers import Verifier, at, linear, log_sigmoid, masked_log_softmax
from qatk_builtin.heads.published import after_joining, to_ours, to_theirs


class ConditionalHead:
    """Spans scored as log P(answerable) + log P(start) + log P(end | start); "no answer" as log P(not answerable).

    Starts and ends are among the tokens of the context, an end not before its start, so that the spans of a window and
    "no answer" share one probability. The end's scores come from a layer that sees the token beside the start (XLNet,
    Yang et al. 2019); that layer, the verifier and following up the best starts in prediction are as in ELECTRA's
    published code (Clark et al. 2020). Training goes by the gold start.

    A checkpoint of ``XLNetForQuestionAnswering``, or of XLM's or FlauBERT's class of that form, is taken over as it
    is: with its own width, activations and norm, and with the null position and ends before the start in its softmaxes.
    """

    def __init__(self, options: ConditionalOptions) -> None:
        self.options = options

    def build(self, spec: BackboneSpec) -> ConditionalSpans:
        """A new module for states of ``spec.hidden_size``."""
        return ConditionalSpans(spec.hidden_size, self.options)


@dataclass(frozen=True, eq=False)
class ConditionalLogits(PairLogits):
    """What the loss needs beside the spans.

    Attributes:
        start: float32[B, L], log-probabilities, ``-inf`` outside the context.
        unanswerable: float32[B], log-odds.
        beside: [B, L, W], what each token brings to the layer that scores ends.
        begun: [B, L, W], what each token brings to it as the start.
    """

    start: Tensor
    unanswerable: Tensor
    beside: Tensor
    begun: Tensor


class ConditionalSpans(nn.Module):
    """See :class:`ConditionalHead`."""

    def __init__(self, hidden_size: int, options: ConditionalOptions) -> None:
        super().__init__()
        self.options = options
        self.dropout = nn.Dropout(options.dropout)
        self.start = linear(hidden_size, 1)
        self.beside = linear(hidden_size, options.width)
        self.begun = linear(hidden_size, options.width, bias=False)  # with beside one layer over both states
        self.end = linear(options.width, 1, bias=False)  # a bias would add the same to all ends
        self.joined: nn.Module = nn.GELU()
        self.verifier = Verifier(hidden_size, options.width)
        self._prefix: str | None = None  # of the names in the published form

    def load_checkpoint(self, state: Mapping[str, Tensor]) -> bool:
        """Take over a published head's weights, or this one's; False, and nothing done, where ``state`` is neither."""
        if {n: v.shape for n, v in state.items()} == {n: v.shape for n, v in self.state_dict().items()}:
            self.load_state_dict(state)
            return True
        size, place = self.start.in_features, self.start.weight
        if (found := to_ours(state, size)) is None:
            return False
        if self._prefix is None:
            self.beside, self.begun = linear(size, size), linear(size, size, bias=False)
            self.joined, self.end = after_joining(size), linear(size, 1)
            self.verifier = Verifier(size, size, score_bias=False)
            self.verifier.activation = nn.Tanh()
            self.to(place.device)
        self._prefix = found[1]
        self.load_state_dict(found[0])
        return True

    def checkpoint_state(self) -> dict[str, Tensor]:
        """The weights under the published names, where they are in the published form."""
        return self.state_dict() if self._prefix is None else to_theirs(self.state_dict(), self._prefix)

    def forward(self, states: Tensor, batch: Batch) -> ConditionalLogits:
        """Score states [B, L, H]: float32. Spans are given outside of training only."""
        states = self.dropout(states)
        start = masked_log_softmax(self.start(states).squeeze(-1), self._candidates(batch))
        unanswerable = self.verifier(states, start, batch)
        beside, begun = self.beside(states), self.begun(states)
        if self.training:
            nothing = start.new_zeros(start.shape[0], 0)
            first, last, score = nothing.long(), nothing.long(), nothing
        else:
            first, last, score = self._follow_up(start, beside, begun, batch)
        return ConditionalLogits(
            null=log_sigmoid(unanswerable),
            first=first,
            last=last,
            score=score + log_sigmoid(-unanswerable)[:, None],
            start=start,
            unanswerable=unanswerable,
            beside=beside,
            begun=begun,
        )

    def loss(self, output: ConditionalLogits, batch: Batch) -> Tensor:
        """Start and end cross entropy, halved, where there is an answer, plus that of answerability, weighted."""
        start, end, answered = batch.targets()
        ends = self._ends(output.beside, at(output.begun, start), start, batch)
        span = -(at(output.start, start) + at(ends, end)).masked_fill(~answered, 0.0) / 2
        verdict = binary_cross_entropy_with_logits(output.unanswerable, (~answered).float(), reduction="none")
        return (span + self.options.answerability_loss * verdict).mean()

    def _candidates(self, batch: Batch) -> Tensor:
        """bool[B, L]: what shares the probability of being the start; in a published head the null position too."""
        if self._prefix is None:
            return batch.context_mask
        return batch.context_mask.scatter(1, batch.null_index[:, None], True)

    def _ends(self, beside: Tensor, begun: Tensor, start: Tensor, batch: Batch) -> Tensor:
        """float32[B, L]: log-probabilities of the ends given one start of each row, in float32 whatever comes in."""
        with torch.autocast(beside.device.type, enabled=False):
            scores = self.end(self.joined(beside.float() + begun.float()[:, None])).squeeze(-1)
        fit = batch.context_mask & (torch.arange(beside.shape[1], device=beside.device) >= start[:, None])
        if self._prefix is None:
            return masked_log_softmax(scores, fit)
        return masked_log_softmax(scores, self._candidates(batch)).masked_fill(~fit, -torch.inf)

    def _follow_up(self, start: Tensor, beside: Tensor, begun: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """First and last tokens, and log-probabilities without answerability's, of the best spans: [B, starts * ends].

        One start after the other, so that memory does not grow with their number.
        """
        width = start.shape[1]
        best, chosen = start.masked_fill(~batch.context_mask, -torch.inf).topk(min(self.options.starts, width))
        ends, scores = [], []
        for k in range(chosen.shape[1]):
            given = self._ends(beside, at(begun, chosen[:, k]), chosen[:, k], batch)
            score, end = given.topk(min(self.options.ends, width))
            scores.append(score + best[:, k, None])
            ends.append(end)
        first = chosen[..., None].expand(-1, -1, ends[0].shape[1]).flatten(1)
        return first, torch.cat(ends, 1), torch.cat(scores, 1)
