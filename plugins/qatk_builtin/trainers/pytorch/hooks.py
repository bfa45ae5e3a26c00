"""What a subclass of :class:`~qatk_builtin.trainers.pytorch.trainer.TorchTrainer` overrides, in a few lines each."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.optim import Optimizer

from qatk.api import Batch, PairLogits, SpanLogits, TokenLogits
from qatk.types import Int64
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.averages import LatestWeights, MovingAverage, average_of
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.optimizer import adamw
from qatk_builtin.trainers.pytorch.state import Stateful


class TrainingHooks:
    """What the loop asks of a trainer. Each hook does the plain thing until it is overridden.

    Attributes:
        epoch: the epoch whose batches are made, counted from 0; the loop sets it before the first of them.
    """

    epoch = 0
    _average: MovingAverage | LatestWeights | None = None

    def __init__(self, options: TorchOptions) -> None:
        self.options = options

    def optimizer(self, model: QAModel) -> Optimizer:
        """The optimizer; called once, as training begins or resumes, after :meth:`on_start`.

        The learning rate of each group is the peak of its schedule. On a GPU, losses are read late, without waiting for
        the device, only where all groups are ``fused``.
        """
        return adamw(model, self.options)

    def on_batch(self, batch: Batch, rows: Int64) -> Batch:
        """Called for every training batch as it is made, on a GPU in another thread; the batch to train on.

        ``rows`` are its windows among those that training was given. What a loss needs beside the windows goes into
        ``extra``. What it draws at random must follow from a seed, ``epoch`` and ``rows`` alone, by a generator of its
        own: on a GPU it is called ahead of its step, and for some batches again.
        """
        return batch

    def loss(self, model: QAModel, output: SpanLogits | PairLogits | TokenLogits, batch: Batch) -> Tensor:
        """What to minimise: the mean over the batch's windows, a scalar; ``output`` is what the head gave for them."""
        return model.loss(output, batch)

    def on_start(self, model: QAModel) -> Mapping[str, Stateful]:
        """Called once, as training begins or resumes, with the model's weights in place.

        Returns:
            What must outlive an interruption, by name: it is saved with the state of the training, and restored on
            resume, right after this call.
        """
        self._average = average_of(model, self.options)
        return {} if self._average is None else {"average": self._average}

    def on_step(self, model: QAModel) -> None:
        """Called after each optimizer step, without gradients being recorded."""
        if self._average is not None:
            self._average.after_step(model)

    def weights(self, model: QAModel) -> Mapping[str, Tensor] | None:
        """The weights to evaluate and to save at an epoch's end; ``None``: the model's own.

        Others, under the names of ``model.state_dict()``, are in the model while the epoch is evaluated and saved, and
        after the last one; training goes on from its own.
        """
        return None if self._average is None else self._average.weights(model)
