"""Encoder and span module as one module."""

from __future__ import annotations

import inspect
from typing import Any, cast

import torch
from torch import Tensor, nn

from qatk.api import BackboneSpec, Batch, PairLogits, SpanLogits, SpanModule, Tokenizer, TokenLogits, UsageError
from qatk_builtin.trainers.pytorch.masked_words import MaskedWords
from qatk_builtin.trainers.pytorch.packing import PackedBatch, Packing
from qatk_builtin.trainers.pytorch.returns import checked_loss, checked_output


class QAModel(nn.Module):
    """An encoder with a span module on top.

    Attributes:
        encoder, head: the two modules.
        tokenizer: saved beside the weights.
        spec: what the batches must look like.
        packing: how the encoder runs without padding; ``None`` where it does not.
        shards: while its weights are cut over several processes, what ``sharding`` knows of them.
        adapted: whether adapters lie beside weights of the encoder, while a training lasts.
        masked_words: what learns to say hidden words, while a training with them lasts; it is not saved.
        head_begins: ``untrained``, ``checkpoint`` where the head took over its weights, or ``without weights``.
    """

    head_begins = "untrained"
    shards: object = None

    def __init__(self, encoder: nn.Module, head: nn.Module, tokenizer: Tokenizer, spec: BackboneSpec) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.tokenizer, self.spec = tokenizer, spec
        for name, parameter in encoder.named_parameters():
            if "pooler" in name:  # takes no part in the states, and would keep several processes waiting for gradients
                parameter.requires_grad_(False)
        self.packing: Packing | None = None
        self.adapted = False
        self.masked_words: MaskedWords | None = None
        self._marks_question = "global_attention_mask" in inspect.signature(encoder.forward).parameters
        self._counts_positions = spec.padding_side == "left" and _takes_positions(encoder)

    def forward(self, batch: Batch) -> SpanLogits | PairLogits | TokenLogits:
        """Scores of a padded batch; padding has no influence on them, on whichever side it is.

        The head computes in float32 whatever the encoder does: in bf16 scores above 4 come in steps of 1/32.
        """
        states = self._states(batch)
        with torch.autocast(states.device.type, enabled=False):
            return checked_output(self.head, self.head(states.float(), batch), batch)

    def _states(self, batch: Batch) -> Tensor:
        if self.packing is not None and self.packing.suits(batch, self.training):
            return self.packing.states(self.encoder, cast(PackedBatch, batch))
        return self.padded_states(batch)

    def padded_states(self, batch: Batch) -> Tensor:
        """The encoder's states [B, L, H], computed with padding."""
        inputs = dict(batch.inputs)
        if self._counts_positions:
            inputs["position_ids"] = (inputs["attention_mask"].cumsum(1) - 1).clamp(min=0)
        if self._marks_question:
            inputs["global_attention_mask"] = self._before_separator(inputs["input_ids"])
        states: Tensor = self.encoder(**inputs).last_hidden_state
        return states

    def freeze_idle(self, batch: Batch) -> None:
        """Freeze the weights of the encoder that have no part in its states, such as those that see entities (LUKE).

        They learn nothing, and several processes would wait for their gradients.
        """
        idle = [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]
        with torch.compiler.set_stance("force_eager"):
            for training in (True, False):  # what a mode leaves out at random or by itself is not idle
                states = self.train(training).padded_states(batch)
                if idle and states.requires_grad:
                    found = torch.autograd.grad(states.sum(), idle, allow_unused=True)
                    idle = [parameter for parameter, gradient in zip(idle, found, strict=True) if gradient is None]
        for parameter in idle:
            parameter.requires_grad_(False)

    def _before_separator(self, ids: Tensor) -> Tensor:
        """int64[B, L]: CLS and the question, to which all attend, as ``LongformerForQuestionAnswering`` has it."""
        config: Any = self.encoder.config
        first = (ids == config.sep_token_id).int().argmax(1, keepdim=True)
        before: Tensor = torch.arange(ids.shape[1], device=ids.device) < first
        return before.long()

    @property
    def saved_in_full(self) -> bool:
        """Whether what is saved of the model has all weights that training goes on with."""
        return not self.adapted and self.masked_words is None

    def word_embeddings(self, option: str) -> nn.Embedding:
        """The encoder's table of words. Raises :class:`UsageError`, of an option, where it does not name any."""
        if (table := table_of_words(self.encoder)) is not None:
            return table
        what = f"{option} needs the encoder's word embeddings, and {type(self.encoder).__name__} does not name its own"
        raise UsageError(what, where="trainer", fix="leave it out")

    def loss(self, output: SpanLogits | PairLogits | TokenLogits, batch: Batch) -> Tensor:
        """The head's mean loss, a scalar."""
        return checked_loss(self.head, cast(SpanModule, self.head).loss(output, batch))


def table_of_words(encoder: nn.Module) -> nn.Embedding | None:
    """The word embeddings of an encoder; ``None`` where it does not name any."""
    named = getattr(encoder, "get_input_embeddings", None)
    table = None if named is None else named()
    return table if isinstance(table, nn.Embedding) else None


def _takes_positions(encoder: nn.Module) -> bool:
    """Whether positions can be told to an encoder. RoBERTa and its kin, whose table has a padding row, count them."""
    tables = (module for name, module in encoder.named_modules() if name.endswith("position_embeddings"))
    counts_itself = any(getattr(table, "padding_idx", None) is not None for table in tables)
    return "position_ids" in inspect.signature(encoder.forward).parameters and not counts_itself
