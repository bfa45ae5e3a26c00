"""What training goes on from: optimizer, scaler, the objects of the hooks, and the weights that the optimizer has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from torch import Tensor
from torch.amp import GradScaler
from torch.optim import Optimizer

from qatk.api import ModelError
from qatk_builtin.trainers.pytorch.checkpoint import TRAINING, Interrupted, load_model, load_training, save_training
from qatk_builtin.trainers.pytorch.course import Course
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.sharding import shards_of


class Stateful(Protocol):
    """An object whose state can be saved and put back, such as any ``nn.Module``.

    The state is made of tensors, numbers, strings and containers of these: all that ``torch.load`` takes on trust.
    """

    def state_dict(self) -> Mapping[str, Any]:
        """The state, by name."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> object:
        """Put a state back."""
        ...


@dataclass
class TrainingState:
    """The state of one training.

    Attributes:
        model: in training.
        optimizer, scaler: of its weights.
        objects: what the hooks keep beside them, by name.
        step: optimizer steps taken.
        raw: the optimizer's weights, while others are in the model; ``None`` while they are in the model themselves.
        course: where the training stands.
    """

    model: QAModel
    optimizer: Optimizer
    scaler: GradScaler
    objects: Mapping[str, Stateful]
    step: int = 0
    raw: dict[str, Tensor] | None = None
    course: Course = field(default_factory=Course)

    def swap_in(self, weights: Mapping[str, Tensor] | None) -> None:
        """Put the weights to evaluate into the model, the optimizer's aside; ``None`` leaves those that are there."""
        if weights is not None:
            self.raw = {name: value.clone() for name, value in self.model.state_dict().items()}
            self.model.load_state_dict(weights)

    def swap_back(self) -> None:
        """Put the optimizer's weights back into the model."""
        if self.raw is not None:
            self.model.load_state_dict(self.raw)
            self.raw = None

    def kept(self) -> Interrupted:
        """What is saved of it beside the model."""
        kept: Interrupted = {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "course": self.course.plain(),
        }
        if self.objects:
            kept["objects"] = {name: value.state_dict() for name, value in self.objects.items()}
        if self.raw is not None or not self.model.saved_in_full:
            kept["raw"] = self.raw or self.model.state_dict()
        return kept

    def save(self, folder: Path) -> None:
        """Write it beside the saved model. Raises :class:`StorageError`."""
        shards = shards_of(self.model)
        kept = self.kept() if shards is None else shards.gather(self.kept)
        if kept is not None:
            save_training(folder, cast(Interrupted, kept))

    def restore(self, saved: Interrupted, folder: Path) -> None:
        """Put back all but the weights of what :func:`load_weights` gave for a folder.

        Raises:
            ModelError: it is the state of another training.
        """
        objects = saved.get("objects", {})
        if not isinstance(objects, Mapping):
            raise ModelError(f"{TRAINING} is of another training", where=str(folder))
        if objects.keys() != self.objects.keys():
            there, wanted = (", ".join(sorted(names)) or "nothing" for names in (objects, self.objects))
            message = f"{TRAINING} keeps {there} beside the optimizer, but the hook on_start gives {wanted}"
            raise ModelError(message, where=str(folder))
        try:
            if (shards := shards_of(self.model)) is not None:
                saved = shards.cut(saved, self.optimizer)
                objects = saved.get("objects", {})
            self.optimizer.load_state_dict(saved["optimizer"])
            self.scaler.load_state_dict(saved["scaler"])
            for name, value in self.objects.items():
                value.load_state_dict(objects[name])
            self.course = Course.of(saved.get("course", {}))
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f"{TRAINING} is of another training: {error}", where=str(folder)) from error
        self.step = int(saved["step"])


def load_weights(model: QAModel, folder: Path) -> Interrupted:
    """Give the model the weights that training stopped with; all that was saved of it.

    Raises:
        ModelError: there is no training to resume, or it is of another model.
    """
    if not model.adapted:
        load_model(model, folder)
    saved = load_training(folder)
    if "raw" in saved:
        try:
            model.load_state_dict(saved["raw"])
        except (RuntimeError, TypeError, AttributeError) as error:
            raise ModelError(f"{TRAINING} is of another model: {error}", where=str(folder)) from error
    return saved
