"""txtai's ``Questions`` pipeline, over whole texts, with "no answer" and without truncation. It does not need txtai."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qatk.inference.model import AnsweringModel, load_model


class Questions:
    """Answers questions about contexts, as ``txtai.pipeline.Questions`` is called.

    Args:
        model: what :func:`qatk.load_model` takes, or a loaded model.
    """

    def __init__(self, model: str | Path | AnsweringModel) -> None:
        self.model = model if isinstance(model, AnsweringModel) else load_model(model)

    def __call__(self, questions: Sequence[str], contexts: Sequence[str]) -> list[str | None]:
        """The answer to each question about the context in its place; ``None`` for "no answer" and blank contexts."""
        asked = [row for row, context in enumerate(contexts) if context and context.strip()]
        replies = self.model.answers([questions[row] for row in asked], [contexts[row] for row in asked], top_k=1)
        answers: list[str | None] = [None] * len(questions)
        for row, reply in zip(asked, replies, strict=True):
            answers[row] = reply.text or None
        return answers
