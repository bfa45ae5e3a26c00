"""The ``linear`` head: one linear layer gives a start and an end score for each token."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from qatk.api import BackboneSpec, Batch, SpanLogits
from qatk_builtin.heads import LinearOptions

_INIT_STD = 0.02  # as BERT initialises its own layers


class LinearHead:
    """The head of Devlin et al. 2019 (BERT), section 4.2, where tokens of the question may be left out."""

    def __init__(self, options: LinearOptions) -> None:
        self.options = options

    def build(self, spec: BackboneSpec) -> LinearSpans:
        """A new module for states of ``spec.hidden_size``."""
        return LinearSpans(spec.hidden_size, self.options)


class LinearSpans(nn.Module):
    """See :class:`LinearHead`. ``layer`` maps H to 2: the start's score and the end's."""

    def __init__(self, hidden_size: int, options: LinearOptions) -> None:
        super().__init__()
        self.mask_question = options.mask_question
        self.dropout = nn.Dropout(options.dropout)
        self.layer = nn.Linear(hidden_size, 2)
        nn.init.normal_(self.layer.weight, std=_INIT_STD)
        nn.init.zeros_(self.layer.bias)

    def forward(self, states: Tensor, batch: Batch) -> SpanLogits:
        """Score states [B, L, H]: float32, ``-inf`` for tokens that can be no answer.

        The score of "no answer" is start + end at the null position, which keeps its own scores among the others.
        """
        start, end = self.layer(self.dropout(states)).float().unbind(-1)
        null = batch.null_index[:, None]
        hidden = ~batch.token_mask
        if self.mask_question:
            hidden = (~batch.context_mask).scatter(1, null, False)
        return SpanLogits(
            start=start.masked_fill(hidden, -torch.inf),
            end=end.masked_fill(hidden, -torch.inf),
            null=(start.gather(1, null) + end.gather(1, null)).squeeze(1),
        )

    def loss(self, output: SpanLogits, batch: Batch) -> Tensor:
        """Cross entropies of the start and of the end, each over the tokens that are scored; their mean."""
        if batch.start_target is None or batch.end_target is None:
            raise ValueError("these windows carry no targets to train on")
        return (cross_entropy(output.start, batch.start_target) + cross_entropy(output.end, batch.end_target)) / 2

    def load_checkpoint(self, state: Mapping[str, Tensor]) -> bool:
        """Take over ``qa_outputs``; False, and nothing done, where ``state`` is not just such a layer."""
        weight, bias = state.get("qa_outputs.weight"), state.get("qa_outputs.bias")
        if len(state) != 2 or weight is None or bias is None or weight.shape != self.layer.weight.shape:
            return False
        self.layer.load_state_dict({"weight": weight, "bias": bias})
        return True

    def checkpoint_state(self) -> dict[str, Tensor]:
        """The weights under the names of ``AutoModelForQuestionAnswering``."""
        return {f"qa_outputs.{name}": value for name, value in self.layer.state_dict().items()}
