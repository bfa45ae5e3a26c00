"""Sources of examples: SQuAD files, the hub, generated passages. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from qatk.api import Component, Fraction, Options, Positive, hookimpl
from qatk.data import BadAnswers


class SquadOptions(Options):
    """Options of the ``squad`` dataset."""

    path: str
    """SQuAD file (JSON, v1.1 or v2, plain or .gz), relative to the working directory."""
    bad_answers: BadAnswers = "error"
    """How to treat an answer that is not at its answer_start: stop with a list of them (error); keep its text for
    scoring with an unknown position (keep); leave out the answer (skip); or move it to the nearest place where its text
    occurs (fix)."""
    columns: list[str] = Field(default_factory=list)
    """Additional keys of the questions to read, such as ``difficulty``, for the ``column`` slicer and for plugins."""


class HubOptions(Options):
    """Options of the ``hub`` dataset."""

    name: str
    """Data set of the Hugging Face hub, or a local folder that ``datasets.load_dataset`` can read."""
    config: str | None = None
    """Configuration, if the data set has several."""
    split: str = "train"
    """Split, in the syntax of ``datasets``: validation, train[:10%] ..."""
    revision: str | None = None
    """Branch, tag or commit of the data set; set it for reproducible figures."""
    bad_answers: BadAnswers = "error"
    """As for ``squad``."""
    columns: list[str] = Field(default_factory=list)
    """Additional columns to read, as for ``squad``."""


class FactsOptions(Options):
    """Options of the ``facts`` dataset."""

    questions: Annotated[Positive, Field(le=10_000_000)] = 1000
    """Number of questions."""
    seed: int = 0
    """Seed of the passages; different seeds share no invented things."""
    hard: Fraction = 0.5
    """Share of passages about two things with similar attributes; the others are about one thing."""
    unanswerable: Fraction = 0.3
    """Share of questions that their passage does not answer."""
    long: Fraction = 0.05
    """Share of passages that are several hundred words long."""


@hookimpl
def qatk_datasets() -> Iterable[Component]:
    """SQuAD files, data sets of the hub, and passages about invented things."""
    return [
        Component(
            "squad",
            f"{__name__}.squad:SquadDataset",
            SquadOptions,
            "SQuAD JSON v1.1 or v2, plain or .gz",
            formerly=("squad",),
        ),
        Component(
            "hub",
            f"{__name__}.hub:HubDataset",
            HubOptions,
            "a data set of the Hugging Face hub or a local folder",
            formerly=("squad",),
        ),
        Component(
            "facts",
            f"{__name__}.facts:FactsDataset",
            FactsOptions,
            "generated passages about invented things",
            formerly=("tiny",),
        ),
    ]
