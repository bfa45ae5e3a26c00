"""The options of the ``augment`` dataset."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from qatk.api import DatasetPart, Natural, Options

Share = Annotated[float, Field(ge=0, le=10)]


class AugmentOptions(Options):
    """Options of the ``augment`` dataset; what a way adds is a share of the set's questions."""

    set: DatasetPart
    """The dataset to augment, as in a recipe: ``{use: squad, path: train.json}``."""
    shuffle: Share = 0.0
    """Add questions about their context with its sentences in another order."""
    drop_words: Share = 0.0
    """Add questions about their context without some of its words, none of them of an answer."""
    word_dropout: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Probability with which ``drop_words`` leaves out a word."""
    distract: Share = 0.0
    """Add questions about their context together with another one of the article (the same title) in which their
    answers do not stand."""
    swap_questions: Share = 0.0
    """Add unanswerable questions: asked of another context of the article, in which their answers do not stand; it is
    the one that shares most words with the question."""
    swap_entities: Share = 0.0
    """Add unanswerable questions: a name or number gives way to another of the context, far from answers (English)."""
    cloze: Share = 0.0
    """Add sentences of the context as questions, with a question word in place of a name or a number (English)."""
    recurring: Share = 0.0
    """Add questions for pretraining: a sentence of the context with a blank in place of words that stand elsewhere in
    it too; the rest of the context is asked, and the answers are these other places."""
    blank: Annotated[str, Field(min_length=1)] = "[MASK]"
    """What stands in place of the words in ``recurring`` questions, such as the tokenizer's mask token."""
    originals: bool = True
    """Keep the set's own questions; without them there are only those that are made, as for pretraining."""
    seed: Natural = 13
    """Seed of everything that is drawn."""
    column: Annotated[str, Field(min_length=1)] = "augmentation"
    """Column that says how each question was made, for the ``column`` slicer: ``original`` or the name of the way."""
