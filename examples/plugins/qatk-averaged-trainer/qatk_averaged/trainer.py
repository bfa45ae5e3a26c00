"""The ``averaged`` trainer. Only this module imports torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from qatk.api import Batch, PairLogits, SpanLogits, UsageError
from qatk_averaged import AveragedOptions
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer


class AveragedTrainer(TorchTrainer):
    """Label smoothing (Szegedy et al. 2016) and an exponential moving average of the weights."""

    options: AveragedOptions

    def loss(self, model: QAModel, output: SpanLogits | PairLogits, batch: Batch) -> Tensor:
        """The head's loss, a share of which gives way to that of an even distribution."""
        if not isinstance(output, SpanLogits):
            raise UsageError("averaged smooths start and end scores, but this head scores whole spans")
        even = (even_loss(output.start) + even_loss(output.end)) / 2
        return torch.lerp(super().loss(model, output, batch), even, self.options.smoothing)

    def on_start(self, model: QAModel) -> dict[str, AveragedModel]:
        """Begin the average; it is saved and restored with the state of the training."""
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(self.options.decay))
        return {"average": self.average}

    def on_step(self, model: QAModel) -> None:
        """Take the step's weights into the average."""
        self.average.update_parameters(model)

    def weights(self, model: QAModel) -> dict[str, Tensor]:
        """Evaluate and save the average."""
        return self.average.module.state_dict()


def even_loss(scores: Tensor) -> Tensor:
    """The mean cross entropy of scores [B, L] where each scored token is as likely; those masked (``-inf``) are out."""
    scored = scores.isfinite()
    logs = scores.log_softmax(1).masked_fill(~scored, 0.0)
    return (-logs.sum(1) / scored.sum(1)).mean()
