"""The ``distil`` trainer: ``torch`` with the soft targets of trained models beside the gold answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from qatk.api import Batch, Features, PairLogits, SpanLogits, TokenLogits, TrainEvent
from qatk.types import Int64
from qatk_builtin.trainers import DistilOptions
from qatk_builtin.trainers.distil.soft_targets import SoftTargets, mean_targets, rows_of
from qatk_builtin.trainers.distil.store import Store, as_stored, digest
from qatk_builtin.trainers.distil.teacher import Teacher
from qatk_builtin.trainers.distil.told import Told
from qatk_builtin.trainers.pytorch.losses import divergence
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.state import Stateful
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

_START, _END = "teacher_start", "teacher_end"


class DistilTrainer(TorchTrainer):
    """Knowledge distillation (Hinton et al. 2015) of start, end and "no answer".

    The loss is that of the head, and the Kullback-Leibler divergence of the student's probabilities from the teachers'
    mean, both at ``temperature`` and times its square. The teachers are asked once; what they said is stored
    (:class:`Store`).
    """

    options: DistilOptions

    @property
    def learns_answers(self) -> bool:
        """Those of teachers, beside masked words alone."""
        return self.options.weight > 0 or super().learns_answers

    @property
    def learns_gold(self) -> bool:
        """Of data without answers, those of teachers are learnt."""
        return self.options.weight == 0 and super().learns_gold

    @property
    def needs_span_scores(self) -> list[str]:
        """Soft targets are of starts and ends."""
        return ["teacher", *super().needs_span_scores]

    def fit(
        self, model: QAModel, train: Features, dev: Features | None, *, seed: int, resume: Path | None = None
    ) -> Iterator[TrainEvent]:
        """Ask the teachers, and train; see :class:`qatk.api.Trainer`.

        Raises:
            QatkError: a subclass of it, where a teacher, or the file of what one told, cannot be read.
            UsageError: the head does not score starts and ends, or as in :class:`TorchTrainer`.
        """
        self.check_training(model, train)
        self._windows = train
        self._targets, self._identity = self._ask(model, train)
        yield from super().fit(model, train, dev, seed=seed, resume=resume)

    def on_start(self, model: QAModel) -> Mapping[str, Stateful]:
        """Keep a digest with the state, so that training goes on with the teachers that it began with.

        Not one of their targets, of which the last bits follow from the hardware.
        """
        return {**super().on_start(model), "teacher": _Same(self._identity)}

    def on_batch(self, batch: Batch, rows: Int64) -> Batch:
        """Give the batch its soft targets."""
        batch = super().on_batch(batch, rows)
        found = {}
        for name, column in ((_START, self._targets.start), (_END, self._targets.end)):
            table = torch.full(batch.token_mask.shape, -torch.inf, device=batch.token_mask.device)
            table[batch.token_mask] = torch.from_numpy(rows_of(self._windows, column, rows)).to(table.device)
            found[name] = table
        return replace(batch, extra={**batch.extra, **found})

    def loss(self, model: QAModel, output: SpanLogits | PairLogits | TokenLogits, batch: Batch) -> Tensor:
        """The head's loss, of which ``weight`` gives way to that of the soft targets."""
        assert isinstance(output, SpanLogits)
        temperature = self.options.temperature
        pairs = (output.start, batch.extra[_START]), (output.end, batch.extra[_END])
        soft = torch.stack([divergence(scores, due, temperature) for scores, due in pairs]).mean()
        return torch.lerp(super().loss(model, output, batch), temperature**2 * soft, self.options.weight)

    def _ask(self, model: QAModel, windows: Features) -> tuple[SoftTargets, str]:
        """The mean of the teachers' targets, out of the store or computed by all processes.

        And a digest of what they follow from.
        """
        examples = self._examples
        if examples is None:
            raise RuntimeError("take_examples comes before fit")
        names = [self.options.teacher] if isinstance(self.options.teacher, str) else self.options.teacher
        store, parts, keys = Store(), [], []
        for name in names:
            teacher: Teacher | Told
            if Told.has_form(name):
                teacher = Told(Path(name))
            else:
                teacher = Teacher(name, self.options.device, model.tokenizer, model.spec)
            held = store.read(key := teacher.identity(examples, windows))
            if self.engine.any(held is None):  # all processes compute, or none: they share a prediction's windows
                store.write(key, held := as_stored(teacher.targets(examples, windows)))
            assert held is not None
            parts.append(held)
            keys.append(key)
            del teacher  # before the next one is loaded
        return mean_targets(parts), digest(key.encode() for key in keys)


class _Same:
    """A digest that a resumed training must find again."""

    def __init__(self, value: str) -> None:
        self.value = value

    def state_dict(self) -> dict[str, str]:
        """The digest."""
        return {"sha256": self.value}

    def load_state_dict(self, state: Mapping[str, str], /) -> None:
        """Compare. Raises ``ValueError`` where it is another."""
        if state["sha256"] != self.value:
            raise ValueError("its teachers, or the windows that they were asked about, were others")
