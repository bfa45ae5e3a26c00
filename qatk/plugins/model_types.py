"""What backbones, heads and trainers hand to each other. Torch is imported for checking types only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


HEAD_WEIGHTS = "head.safetensors"
"""The file in a model's folder that holds a head for which the encoder's architecture has no place."""


@dataclass(frozen=True)
class BackboneSpec:
    """What the other parts must know of a backbone.

    Attributes:
        name: as the user wrote it, for messages.
        hidden_size: H, the width of the encoder's states.
        max_length: the most tokens one window may have.
        padding_side: ``"right"`` or ``"left"``; on the left the context comes before the question, as the
            published models with that form were trained.
        pad_id: the padding token's id.
        null_id: the id of the token that stands for "no answer" (CLS; BOS where there is no CLS).
        has_type_ids: whether ``forward`` takes ``token_type_ids``.
        span_layers: makes what the architecture has between states [B, L, H] and start and end scores [B, L, 2],
            untrained; ``None`` where that is one linear layer, as in BERT and most others. No window depends on it.
    """

    name: str
    hidden_size: int
    max_length: int
    padding_side: str
    pad_id: int
    null_id: int
    has_type_ids: bool
    span_layers: Callable[[], nn.Module] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, eq=False)
class Batch:
    """Padded windows on the device; what a span module sees. B windows, L positions.

    Attributes:
        inputs: exactly what the encoder's forward accepts: ``input_ids``, ``attention_mask`` int64[B, L], and
            ``token_type_ids`` where it takes them.
        context_mask: bool[B, L], the context's tokens.
        token_mask: bool[B, L], all tokens but padding.
        null_index: int64[B], position of the "no answer" token, in this padded batch.
        start_target, end_target: int64[B], positions in this padded batch, or ``None``.
    """

    inputs: Mapping[str, Tensor]
    context_mask: Tensor
    token_mask: Tensor
    null_index: Tensor
    start_target: Tensor | None = None
    end_target: Tensor | None = None


@dataclass(frozen=True, eq=False)
class SpanLogits:
    """A span module's forward where the score of a span is a sum.

    Attributes:
        start, end: float[B, L], ``-inf`` where masked.
        null: float[B], on the same scale as start + end.
    """

    start: Tensor
    end: Tensor
    null: Tensor


@dataclass(frozen=True, eq=False)
class PairLogits:
    """A span module's forward where the score of a span is no sum of a start and an end score: K spans of each window.

    A head adds what its loss needs in a subclass. The spans are for prediction: in training there may be none (K = 0).

    Attributes:
        null: float[B], on the same scale as ``score``.
        first, last: int64[B, K], first and last token (inclusive), positions in this padded batch.
        score: float[B, K], ``-inf`` for what is no span.
    """

    null: Tensor
    first: Tensor
    last: Tensor
    score: Tensor
