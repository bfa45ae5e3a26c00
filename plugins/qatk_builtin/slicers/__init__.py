"""Groups of questions that reports show. Registration only; see the sibling modules."""

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
    questions, contexts = f"{__name__}.questions", f"{__name__}.contexts"
    return [
        Component(
            "question-word", f"{questions}:QuestionWord", summary="what, who, when, how many ...", formerly=("squad",)
        ),
        Component("answerable", f"{questions}:Answerable", summary="answerable, unanswerable", formerly=("squad",)),
        Component(
            "answer-length",
            f"{questions}:AnswerLength",
            summary="no answer, 1 word, 2-3, 4-6, 7 or more",
            formerly=("squad",),
        ),
        Component(
            "answer-position",
            f"{questions}:AnswerPosition",
            summary="the quarter of the context it starts in",
            formerly=("squad",),
        ),
        Component(
            "answer-occurrences",
            f"{questions}:AnswerOccurrences",
            summary="its text stands there once, twice ...",
            formerly=("squad",),
        ),
        Component("context-length", f"{contexts}:ContextLength", summary="words of the context", formerly=("squad",)),
        Component(
            "question-overlap",
            f"{contexts}:QuestionOverlap",
            summary="words of the question in the context",
            formerly=("squad",),
        ),
        Component(
            "article",
            f"{questions}:Article",
            summary="the 20 biggest articles by title, and the others",
            formerly=("squad",),
        ),
        Component(
            "column",
            f"{questions}:ColumnSlicer",
            ColumnOptions,
            "the values of a column of the data",
            formerly=("squad",),
        ),
    ]
