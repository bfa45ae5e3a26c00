"""What the ``torch`` trainer minimises: the head's loss, and what its options make of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from qatk.api import Batch, Examples, Features, PairLogits, SpanLogits, TokenLogits, UsageError
from qatk.types import Bool, Int64, of_both_kinds
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.adversary import Adversary
from qatk_builtin.trainers.pytorch.gold_spans import GoldSpans
from qatk_builtin.trainers.pytorch.losses import divergence, span_loss
from qatk_builtin.trainers.pytorch.masking import Masking
from qatk_builtin.trainers.pytorch.model import QAModel

Output = SpanLogits | PairLogits | TokenLogits
_SPANS, _TEACHES_NULL = "gold_spans", "teaches_null"


class Objective:
    """The loss of batches in one training.

    Args:
        options: of the trainer.
        autocast: the precision in which a model is called.
        gold: all right spans of the training windows; ``None`` where the first ones are enough.
        teaches_null: bool[F], which training windows say anything about "no answer"; ``None`` where all do.
        masking: hides words of the training windows; ``None`` where none are to be said.
    """

    def __init__(
        self,
        options: TorchOptions,
        autocast: Callable[[], AbstractContextManager[object]],
        gold: GoldSpans | None,
        masking: Masking | None,
        teaches_null: Bool | None = None,
    ) -> None:
        self._options, self._autocast, self._gold, self._masking = options, autocast, gold, masking
        self._teaches_null = teaches_null
        self._adversary = Adversary(options.adversarial) if options.adversarial else None

    def hiding(self, model: QAModel) -> AbstractContextManager[None]:
        """Around a whole training, its weights to resume from included. Raises as :meth:`Masking.beside`."""
        return nullcontext() if self._masking is None else self._masking.beside(model)

    def begun(self, model: QAModel) -> AbstractContextManager[None]:
        """Around all steps of a training. Raises as :meth:`Adversary.listening`."""
        return nullcontext() if self._adversary is None else self._adversary.listening(model)

    def on_batch(self, batch: Batch, rows: Int64, epoch: int) -> Batch:
        """The batch with the spans that are right, and with the words hidden that this epoch hides."""
        if self._gold is not None:
            batch = replace(batch, extra={**batch.extra, _SPANS: self._gold.of(rows, batch)})
        if self._teaches_null is not None:
            teaches = torch.from_numpy(self._teaches_null[rows]).to(batch.token_mask.device)
            batch = replace(batch, extra={**batch.extra, _TEACHES_NULL: teaches})
        return batch if self._masking is None else self._masking.on_batch(batch, rows, epoch)

    def loss(self, model: QAModel, output: Output, batch: Batch) -> Tensor:
        """The mean over the batch's windows.

        With an adversary, that of the batch and of the batch with moved embeddings, halved. With R-Drop (Wu et al.
        2021), that of two passes with dropout of their own, halved, and the divergence of each from the other.
        """
        loss = plain = self._of(model, output, batch)
        if self._adversary is not None:
            with self._adversary.moved(plain):
                loss = (loss + self._of(model, self._again(model, batch), batch)) / 2
        if self._options.r_drop:
            other = self._again(model, batch)
            loss = (loss + self._of(model, other, batch)) / 2 + self._options.r_drop * _apart(output, other)
        return loss

    def _again(self, model: QAModel, batch: Batch) -> Output:
        with self._autocast():
            output: Output = model(batch)
        return output

    def _of(self, model: QAModel, output: Output, batch: Batch) -> Tensor:
        """The loss of a pass, of which that of hidden words has its share."""
        loss = self._of_spans(model, output, batch)
        if model.masked_words is None:
            return loss
        with self._autocast():
            words = model.masked_words.loss(batch)
        return torch.lerp(loss, words, self._options.masked_words)

    def _of_spans(self, model: QAModel, output: Output, batch: Batch) -> Tensor:
        """The head's loss, in which another takes the place of the cross entropies of start and end."""
        options = self._options
        loss = model.loss(output, batch)
        if not changes_spans(options):
            return loss
        assert isinstance(output, SpanLogits)
        changed = span_loss(
            output,
            batch,
            smoothing=options.label_smoothing,
            impossible_weight=options.impossible_weight,
            spans=batch.extra.get(_SPANS),
            teaches_null=batch.extra.get(_TEACHES_NULL),
        )
        return loss + (changed - span_loss(output, batch)).mean()


def objective_of(
    options: TorchOptions,
    autocast: Callable[[], AbstractContextManager[object]],
    examples: Examples | None,
    train: Features,
    seed: int,
) -> Objective:
    """The objective of a training, with what its options have to know of the training examples.

    Raises:
        UsageError: no article has questions of both kinds, and ``null_from`` asks for some.
    """
    gold = masking = teaches_null = None
    if options.marginal or options.masked_words or options.null_from != "all":
        assert examples is not None, "take_examples comes before fit"
        gold = GoldSpans(examples, train) if options.marginal else None
        masking = Masking(options, examples, train, seed) if options.masked_words else None
        teaches_null = None if options.null_from == "all" else _of_both_kinds(examples)[train.example_index]
    return Objective(options, autocast, gold, masking, teaches_null)


def _of_both_kinds(examples: Examples) -> Bool:
    if not (examples.has_gold and (both := of_both_kinds(examples)).any()):
        what = "no article of the training data has questions with an answer and without one"
        raise UsageError(what, where="trainer.null_from", fix="leave it out")
    return both


def _apart(one: Output, other: Output) -> Tensor:
    """The mean of both divergences, over starts and ends."""
    assert isinstance(one, SpanLogits)
    assert isinstance(other, SpanLogits)
    pairs = (one.start, other.start), (one.end, other.end)
    both = [divergence(*order) for pair in pairs for order in (pair, pair[::-1])]
    return torch.stack(both).mean()


def changes_spans(options: TorchOptions) -> list[str]:
    """The options in use that change the cross entropies of starts and ends."""
    used = {
        "label_smoothing": options.label_smoothing > 0,
        "marginal": options.marginal,
        "impossible_weight": options.impossible_weight != 1,
        "null_from": options.null_from != "all",
    }
    return [name for name, is_used in used.items() if is_used]
