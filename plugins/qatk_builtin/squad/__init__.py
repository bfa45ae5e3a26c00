"""The SQuAD family: readers, the official metric, and slices. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from qatk.api import Component, Options, hookimpl
from qatk.data.answers import BadAnswers


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


class EvaluateOptions(Options):
    """Options of the ``evaluate`` metric."""

    name: str
    """A metric of the ``evaluate`` library: its name, or the path of a local one."""
    config: str | None = None
    """The metric's configuration, where it has several."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of its ``compute``."""


class ColumnOptions(Options):
    """Options of the ``column`` slicer."""

    name: str
    """A column of the data; the dataset reads it where its option ``columns`` names it too."""


@hookimpl
def qatk_datasets() -> Iterable[Component]:
    """SQuAD files, and data sets of the hub."""
    return [
        Component("squad", f"{__name__}.reader:SquadDataset", SquadOptions, "SQuAD JSON v1.1 or v2, plain or .gz"),
        Component(
            "hub", f"{__name__}.hub:HubDataset", HubOptions, "a data set of the Hugging Face hub or a local folder"
        ),
    ]


@hookimpl
def qatk_metrics() -> Iterable[Component]:
    """The official metric, and any metric of the ``evaluate`` library."""
    return [
        Component("squad", f"{__name__}.metric:SquadMetric", summary="EM and F1, equal to the official script"),
        Component(
            "evaluate",
            f"{__name__}.evaluate_metric:EvaluateMetric",
            EvaluateOptions,
            "a metric of the evaluate library",
        ),
    ]


@hookimpl
def qatk_slicers() -> Iterable[Component]:
    """Groups of questions that every report shows."""
    slices, contexts = f"{__name__}.slices", f"{__name__}.contexts"
    return [
        Component("question-word", f"{slices}:QuestionWord", summary="what, who, when, how many ..."),
        Component("answerable", f"{slices}:Answerable", summary="answerable, unanswerable"),
        Component("answer-length", f"{slices}:AnswerLength", summary="no answer, 1 word, 2-3, 4-6, 7 or more"),
        Component("answer-position", f"{slices}:AnswerPosition", summary="the quarter of the context it starts in"),
        Component("answer-occurrences", f"{slices}:AnswerOccurrences", summary="its text stands there once, twice ..."),
        Component("context-length", f"{contexts}:ContextLength", summary="words of the context"),
        Component("question-overlap", f"{contexts}:QuestionOverlap", summary="words of the question in the context"),
        Component("article", f"{slices}:Article", summary="the 20 biggest articles by title, and the others"),
        Component("column", f"{slices}:ColumnSlicer", ColumnOptions, "the values of a column of the data"),
    ]
