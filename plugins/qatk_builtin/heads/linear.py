"""The ``linear`` head: one linear layer gives a start and an end score for each token."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from qatk.api import BackboneSpec, Batch, SpanLogits
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.layers import linear


class LinearHead:
    """The head of Devlin et al. 2019 (BERT), section 4.2, where tokens of the question may be left out.

    Where transformers' question-answering class has more than one layer there (ModernBERT, BigBird), these.
    """

    def __init__(self, options: LinearOptions) -> None:
        self.options = options

    def build(self, spec: BackboneSpec) -> LinearSpans:
        """A new module for states of ``spec.hidden_size``."""
        return LinearSpans(spec.hidden_size, self.options, None if spec.span_layers is None else spec.span_layers())


class LinearSpans(nn.Module):
    """See :class:`LinearHead`. ``layer`` maps H to 2: the start's score and the end's.

    Args:
        hidden_size: H.
        options: of the head.
        layers: what maps H to 2 in place of one linear layer; its parts have the checkpoint's names.
    """

    def __init__(self, hidden_size: int, options: LinearOptions, layers: nn.Module | None = None) -> None:
        super().__init__()
        self.mask_question = options.mask_question
        self.dropout = nn.Dropout(options.dropout)
        self.layer = linear(hidden_size, 2) if layers is None else layers
        self._prefix = "qa_outputs." if layers is None else ""

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
        start, end, _ = batch.targets()
        return (cross_entropy(output.start, start) + cross_entropy(output.end, end)) / 2

    def load_checkpoint(self, state: Mapping[str, Tensor]) -> bool:
        """Take over the checkpoint's layers; False, and nothing done, where ``state`` is not just these."""
        inner = {name.removeprefix(self._prefix): value for name, value in state.items()}
        named = all(name.startswith(self._prefix) for name in state)
        if not named or {n: v.shape for n, v in inner.items()} != {n: v.shape for n, v in self._weights().items()}:
            return False
        self.layer.load_state_dict(inner)
        return True

    def checkpoint_state(self) -> dict[str, Tensor]:
        """The weights under the names of ``AutoModelForQuestionAnswering``."""
        return {f"{self._prefix}{name}": value for name, value in self._weights().items()}

    def _weights(self) -> dict[str, Tensor]:
        weights: dict[str, Tensor] = self.layer.state_dict()
        return weights
