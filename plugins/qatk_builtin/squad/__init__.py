"""The SQuAD family: readers, the official metric, and slices. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Options, hookimpl


class ColumnOptions(Options):
    """Options of the ``column`` slicer."""

    name: str
    """A column of the data; the dataset reads it where its option ``columns`` names it too."""


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
