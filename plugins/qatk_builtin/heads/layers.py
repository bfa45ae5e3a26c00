"""What the heads share: layers as BERT begins them, scores where some positions are masked, a verifier, targets."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from qatk.api import Batch

_INIT_STD = 0.02  # as BERT initialises its own layers
_NOWHERE = -1e30


def linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer with small random weights and zero bias."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.normal_(layer.weight, std=_INIT_STD)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def masked_log_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Log-probabilities over the positions [B, L] of ``mask``, ``-inf`` elsewhere, and everywhere in a row without any.

    Gradients are finite in any case.
    """
    return scores.float().masked_fill(~mask, _NOWHERE).log_softmax(-1).masked_fill(~mask, -torch.inf)


def log_sigmoid(odds: Tensor) -> Tensor:
    """The logarithm of the probability that log-odds stand for."""
    # An exported graph has log(sigmoid(x)) for it, and ONNX Runtime's sigmoid is 0 from some -18 on.
    return -softplus(-odds) if torch.compiler.is_exporting() else logsigmoid(odds)


def at(values: Tensor, index: Tensor) -> Tensor:
    """The values [B, L] or states [B, L, H] at one position of each row: [B] or [B, H]."""
    return values[torch.arange(values.shape[0], device=values.device), index]


class Verifier(nn.Module):
    """Whether a window holds an answer, from its null token and from where the starts seem to be.

    A layer over the state at the null position and the mean of the states weighted by the probabilities of their
    being the start: the answerability classifier of ELECTRA (Clark et al. 2020, its published code).
    """

    def __init__(self, hidden_size: int, width: int, *, score_bias: bool = True) -> None:
        super().__init__()
        self.layer, self.score = linear(2 * hidden_size, width), linear(width, 1, bias=score_bias)
        self.activation: nn.Module = nn.GELU()

    def forward(self, states: Tensor, start: Tensor, batch: Batch) -> Tensor:
        """float32[B], the log-odds of "no answer".

        Args:
            states: [B, L, H].
            start: float[B, L], log-probabilities of the starts, ``-inf`` where masked.
            batch: for the null positions.
        """
        hidden = states.masked_fill(~batch.token_mask[..., None], 0)
        about = (start.exp()[:, None].to(hidden.dtype) @ hidden).squeeze(1)
        seen = torch.cat([at(hidden, batch.null_index), about], -1)
        odds: Tensor = self.score(self.activation(self.layer(seen)))
        return odds.float().squeeze(-1)
