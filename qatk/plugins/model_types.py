"""What backbones, heads and trainers pass to each other. Torch is imported for type checking only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from qatk.types import Features, SpanScores

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedTokenizerFast


Tokenizer: TypeAlias = "PreTrainedTokenizerFast"
"""A fast tokenizer of ``transformers``. The core itself never imports that library."""
Model: TypeAlias = Any
"""The model of a trainer. Only the trainer knows its type; the core passes it on."""
Logits: TypeAlias = Any
"""The output of a span module: :class:`SpanLogits`, :class:`PairLogits`, :class:`TokenLogits`, or a subclass with more
for the loss."""
Plain: TypeAlias = object
"""A value that JSON can hold; whoever reads one checks its type."""

HEAD_WEIGHTS = "head.safetensors"
"""The file in a model's folder with the weights of a head that the encoder's architecture has no place for."""


@dataclass(frozen=True)
class BackboneSpec:
    """What the other parts need to know about a backbone.

    Attributes:
        name: as the user wrote it, for messages.
        hidden_size: H, the width of the encoder's states.
        max_length: the maximum number of tokens in a window.
        padding_side: ``"right"`` or ``"left"``; with left padding, the context comes before the question, as in the
            published models of that form.
        pad_id: the id of the padding token.
        null_id: the id of the token that stands for "no answer": CLS, or BOS if there is no CLS, or EOS if there is
            neither; EOS also of a model whose tokens see only those before them.
        has_type_ids: whether ``forward`` takes ``token_type_ids``.
        span_layers: makes the untrained layers that the architecture has between states [B, L, H] and start and end
            scores [B, L, 2]; ``None`` if it is one linear layer, as in BERT and most others. Windows do not depend on
            it.
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
    """Padded windows on the device, the input of a span module: B windows of L positions.

    Attributes:
        inputs: the arguments of the encoder's ``forward``: ``input_ids`` and ``attention_mask``, int64[B, L], and
            ``token_type_ids`` if it takes them.
        context_mask: bool[B, L], true for tokens of the context.
        token_mask: bool[B, L], true for all tokens except padding.
        null_index: int64[B], the position of the "no answer" token in the padded window.
        start_target, end_target: int64[B], the positions of the answer's first and last token in the padded window, or
            ``None`` without targets.
        span_target: int64[S, 3], the window, first and last token of every span of the windows' answers; ``None`` if
            none has several, or without targets. See :meth:`spans`.
        extra: what a trainer added for its loss, by name; heads do not read it.
    """

    inputs: Mapping[str, Tensor]
    context_mask: Tensor
    token_mask: Tensor
    null_index: Tensor
    start_target: Tensor | None = None
    end_target: Tensor | None = None
    span_target: Tensor | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)

    def targets(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start and end of the answers, int64[B], and which windows hold one, bool[B].

        Raises:
            ValueError: without targets.
        """
        if self.start_target is None or self.end_target is None:
            raise ValueError("these windows carry no targets to train on")
        return self.start_target, self.end_target, self.start_target != self.null_index

    def spans(self) -> tuple[Tensor, Tensor, Tensor]:
        """All spans of the windows' answers, for heads that learn several: int64[S] each.

        Returns:
            The window, the first token and the last token of each span, as positions in the padded window.

        Raises:
            ValueError: without targets.
        """
        start, end, answered = self.targets()
        if self.span_target is not None:
            row, first, last = self.span_target.unbind(1)
            return row, first, last
        row = answered.nonzero().squeeze(1)
        return row, start[row], end[row]


@dataclass(frozen=True, eq=False)
class SpanLogits:
    """The output of a span module that scores a span as the sum of a start score and an end score.

    Attributes:
        start, end: float[B, L], ``-inf`` at positions where no answer may start or end.
        null: float[B], the score of "no answer", on the same scale as start + end.
    """

    start: Tensor
    end: Tensor
    null: Tensor


@dataclass(frozen=True, eq=False)
class PairLogits:
    """The output of a span module that scores whole spans, K for each window, not as a sum of start and end scores.

    A head adds what its loss needs in a subclass. The spans are used in prediction; in training there may be none (K =
    0).

    Attributes:
        null: float[B], the score of "no answer", on the same scale as ``score``.
        first, last: int64[B, K], the first and last token (inclusive), as positions in the padded window.
        score: float[B, K], ``-inf`` for pairs that are not a span.
    """

    null: Tensor
    first: Tensor
    last: Tensor
    score: Tensor


@dataclass(frozen=True, eq=False)
class TokenLogits:
    """The output of a span module that tags tokens; the component of its head has ``scores=("tokens",)``.

    Attributes:
        null: float[B], the score of "no answer".
        inside: float[B, L], of each token as a part of the answer: what it has more than ``null`` is the log-odds that
            it is one; ``-inf`` at positions that can be none.
        begin: float[B, L], the log-odds that a token of the answer begins a span, and does not go on with the one of
            the token before it; ``None`` if the module does not tell.
    """

    null: Tensor
    inside: Tensor
    begin: Tensor | None


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model as a runtime opens it: in the memory of its trainer, or as files of an exporter.

    Attributes:
        predict: the trainer's own prediction; ``None`` of an exported model.
        folder: the exporter's files; ``None`` of a model in memory.
        spec: of the backbone; ``None`` of a model in memory.
    """

    predict: Callable[[Features], SpanScores] | None = None
    folder: Path | None = None
    spec: BackboneSpec | None = None
