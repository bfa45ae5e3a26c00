"""Encoder states to span scores. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from qatk.api import AboveZero, Component, Fraction, Options, Positive, hookimpl


class LinearOptions(Options):
    """Options of the ``linear`` head."""

    mask_question: bool = True
    """Score only context tokens and the null position; ``false`` scores all tokens, as the original BERT code does."""
    dropout: Fraction = 0.0
    """Dropout before the scores."""


class ConditionalOptions(Options):
    """Options of the ``conditional`` head."""

    width: Positive = 512
    """Width of the two hidden layers: for the end given the start, and for answerability."""
    starts: Positive = 10
    """Number of starts in each window that prediction follows up."""
    ends: Positive = 5
    """Number of ends for each of these starts."""
    dropout: Fraction = 0.0
    """Dropout before the scores."""
    answerability_loss: AboveZero = 0.5
    """Weight of the answerability loss; the mean cross entropy of start and end has weight 1."""


class BiaffineOptions(Options):
    """Options of the ``biaffine`` head."""

    width: Positive = 128
    """Width of the start and end representations of a token."""
    max_answer_length: Positive = 30
    """Maximum length of a scored span, in tokens; give the decoder the same value. Memory grows with it."""
    candidates: Positive = 64
    """Number of spans in each window that are passed to the decoder; at least its ``n_best_size``."""
    dropout: Fraction = 0.0
    """Dropout before the scores."""


class AnswerabilityOptions(LinearOptions):
    """Options of the ``answerability`` head."""

    width: Positive = 512
    """Width of the classifier's hidden layer."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the classifier's log-odds in the null score, in prediction; 0 ignores the classifier."""
    answerability_loss: AboveZero = 0.5
    """Weight of the classifier's loss; the mean cross entropy of start and end has weight 1."""


class TaggerOptions(Options):
    """Options of the ``tagger`` head."""

    tags: Literal["bio", "io"] = "bio"
    """Tags of a token: the start of a span, inside of one, or outside (bio); or only whether it is in a span (io),
    which cannot tell neighbouring spans apart."""
    start_weight: AboveZero = 10.0
    """Weight of a span's first token in the loss; that of a token outside of spans is 1."""
    inside_weight: AboveZero = 10.0
    """Weight of the other tokens of a span in the loss."""
    dropout: Fraction = 0.0
    """Dropout before the scores."""


class SpanSetOptions(BiaffineOptions):
    """Options of the ``span-set`` head."""


@hookimpl
def qatk_heads() -> Iterable[Component]:
    """Start and end scores, whole spans, a classifier of answerability, tags, and sets of spans."""
    tagger = "each token tagged: start of a span, inside, outside; for several spans"
    span_set = "as biaffine, with any number of spans right; for several spans"
    conditional = "the end scored given the start, with a joint answerability score"
    biaffine = "each span scored as a pair of start and end, up to a length"
    answerability = "linear, plus a classifier of answerability"
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
        Component("tagger", f"{__name__}.tagger:TaggerHead", TaggerOptions, tagger, scores=("tokens",)),
        Component("span-set", f"{__name__}.span_set:SpanSetHead", SpanSetOptions, span_set),
    ]
