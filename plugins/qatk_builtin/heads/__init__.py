"""Encoder states to span scores. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from qatk.api import AboveZero, Component, Fraction, Options, Positive, hookimpl


class LinearOptions(Options):
    """Options of the ``linear`` head."""

    mask_question: bool = True
    """Only context tokens and the null position are scored; ``false`` gives the plain BERT behaviour."""
    dropout: Fraction = 0.0
    """Dropout before the scores."""


class ConditionalOptions(Options):
    """Options of the ``conditional`` head."""

    width: Positive = 512
    """Width of the layer that looks at a token beside the start, and of the one that judges answerability."""
    starts: Positive = 10
    """How many starts of each window are followed up in prediction."""
    ends: Positive = 5
    """How many ends each of these starts gives spans with."""
    dropout: Fraction = 0.0
    """Dropout before the scores."""
    answerability_loss: AboveZero = 0.5
    """The weight of answerability in the loss, beside the mean of the start's and the end's cross entropy."""


class BiaffineOptions(Options):
    """Options of the ``biaffine`` head."""

    width: Positive = 128
    """Width of what a token is as a start, and as an end."""
    max_answer_length: Positive = 30
    """The longest span that is scored, in tokens; give the decoder the same. Memory grows with it."""
    candidates: Positive = 64
    """How many spans of each window are left to the decoder; no fewer than its ``n_best_size``."""
    dropout: Fraction = 0.0
    """Dropout before the scores."""


class AnswerabilityOptions(LinearOptions):
    """Options of the ``answerability`` head."""

    width: Positive = 512
    """Width of the verifier's layer."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """What the verifier counts beside the null score in prediction; 0 leaves it out."""
    answerability_loss: AboveZero = 0.5
    """The verifier's weight in the loss, beside the mean of the start's and the end's cross entropy."""


@hookimpl
def qatk_heads() -> Iterable[Component]:
    """Start and end scores; spans whose score is more than a sum; a verifier."""
    conditional = "the end scored given the start, with a joint answerability score"
    biaffine = "each span scored as a pair of start and end, up to a length"
    answerability = "linear, and a verifier's score for no answer"
    return [
        Component(
            "linear",
            f"{__name__}.linear:LinearHead",
            LinearOptions,
            "one linear layer: start and end scores",
            formerly=("bert",),
        ),
        Component("conditional", f"{__name__}.conditional:ConditionalHead", ConditionalOptions, conditional),
        Component("biaffine", f"{__name__}.biaffine:BiaffineHead", BiaffineOptions, biaffine),
        Component("answerability", f"{__name__}.answerability:AnswerabilityHead", AnswerabilityOptions, answerability),
    ]
