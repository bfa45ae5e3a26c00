"""The ``answerability`` head: ``linear``, and beside it a verifier that judges whether there is an answer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from qatk.api import BackboneSpec, Batch, SpanLogits
from qatk_builtin.heads import AnswerabilityOptions
from qatk_builtin.heads.layers import Verifier
from qatk_builtin.heads.linear import LinearSpans


class AnswerabilityHead:
    """The ``linear`` head whose null score is start + end at the null position + ``weight`` times the verifier's.

    The rear verification of Zhang et al. 2021 (Retrospective Reader), with a verifier on the same encoder. Its score is
    the log-odds of "no answer", trained by a loss of its own.
    """

    def __init__(self, options: AnswerabilityOptions) -> None:
        self.options = options

    def build(self, spec: BackboneSpec) -> AnswerabilitySpans:
        """A new module for states of ``spec.hidden_size``."""
        return AnswerabilitySpans(spec.hidden_size, self.options)


@dataclass(frozen=True, eq=False)
class AnswerabilityLogits(SpanLogits):
    """``unanswerable`` float32[B]: the verifier's log-odds."""

    unanswerable: Tensor


class AnswerabilitySpans(nn.Module):
    """See :class:`AnswerabilityHead`."""

    def __init__(self, hidden_size: int, options: AnswerabilityOptions) -> None:
        super().__init__()
        self.options = options
        self.spans = LinearSpans(hidden_size, options)
        self.verifier = Verifier(hidden_size, options.width)

    def forward(self, states: Tensor, batch: Batch) -> AnswerabilityLogits:
        """Score states [B, L, H]: float32, ``-inf`` for tokens that can be no answer."""
        spans = self.spans(states, batch)
        unanswerable = self.verifier(self.spans.dropout(states), spans.start.log_softmax(-1), batch)
        return AnswerabilityLogits(
            spans.start, spans.end, spans.null + self.options.weight * unanswerable, unanswerable
        )

    def loss(self, output: AnswerabilityLogits, batch: Batch) -> Tensor:
        """That of ``linear``, and the verifier's binary cross entropy, weighted."""
        _, _, answered = batch.targets()
        verdict = binary_cross_entropy_with_logits(output.unanswerable, (~answered).float())
        return self.spans.loss(output, batch) + self.options.answerability_loss * verdict
