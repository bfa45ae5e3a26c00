"""The ``torch`` runtime: the trainer's own prediction."""

from __future__ import annotations

from qatk.api import Features, ModelError, NoOptions, SpanScores, Trained


class TrainerRuntime:
    """Predicts with the model in the memory of its trainer, as :meth:`qatk.api.Trainer.predict` does."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def needs(self) -> None:
        """No exporter: it opens the trainer's own model."""

    def open(self, trained: Trained) -> Trained:
        """The model as it is. Raises :class:`ModelError` for an exported one."""
        if trained.predict is None:
            raise ModelError("torch cannot open an exported model", fix="leave the runtime out, or name the run")
        return trained

    def predict(self, model: Trained, features: Features) -> SpanScores:
        """The trainer's scores."""
        assert model.predict is not None
        return model.predict(features)
