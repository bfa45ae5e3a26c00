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
    """A JSON file in SQuAD v1.1 or v2 form, plain or .gz; relative to the working directory."""
    bad_answers: BadAnswers = "error"
    """What to do with an answer that does not stand where its answer_start says: stop with a list; keep its text for
    scoring and take its place as unknown; skip (leave out) that answer; or move it to the nearest place where its
    text does stand."""
    columns: list[str] = Field(default_factory=list)
    """Further keys of the questions to read, such as ``difficulty``: for the ``column`` slicer and for plugins."""


class HubOptions(Options):
    """Options of the ``hub`` dataset."""

    name: str
    """A data set of the Hugging Face hub, or a local folder that ``datasets.load_dataset`` can read."""
    config: str | None = None
    """The configuration, where the data set has several."""
    split: str = "train"
    """The split, in the syntax of ``datasets``: validation, train[:10%] ..."""
    revision: str | None = None
    """A branch, tag or commit of the data set; pin it for numbers that hold."""
    bad_answers: BadAnswers = "error"
    """As for ``squad``."""
    columns: list[str] = Field(default_factory=list)
    """Further columns to read, as for ``squad``."""


class FactsOptions(Options):
    """Options of the ``facts`` dataset."""

    questions: Annotated[Positive, Field(le=10_000_000)] = 1000
    """How many questions to write."""
    seed: int = 0
    """Another seed, other passages: no invented thing is shared between seeds."""
    hard: Fraction = 0.5
    """The share of passages about two things with like attributes; the others are about one."""
    unanswerable: Fraction = 0.3
    """The share of questions that their passage does not answer."""
    long: Fraction = 0.05
    """The share of passages that are several hundred words long."""


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
