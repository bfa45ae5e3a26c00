"""Groups of questions that reports show. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, LanguageOptions, Options, hookimpl


class ColumnOptions(Options):
    """Options of the ``column`` slicer."""

    name: str
    """Column of the data; name it also in the dataset's option ``columns``."""


@hookimpl
def qatk_slicers() -> Iterable[Component]:
    """Groups of questions that every report shows."""
    questions, contexts = f"{__name__}.questions", f"{__name__}.contexts"
    return [
        Component(
            "question-word",
            f"{questions}:QuestionWord",
            LanguageOptions,
            "what, who, when, how many ..., by language",
            formerly=("squad",),
        ),
        Component("answerable", f"{questions}:Answerable", summary="answerable or unanswerable", formerly=("squad",)),
        Component(
            "answer-length",
            f"{questions}:AnswerLength",
            summary="no answer, 1 word, 2-3, 4-6, 7 or more",
            formerly=("squad",),
        ),
        Component(
            "answer-spans",
            f"{questions}:AnswerSpans",
            summary="the number of spans in the answer, if any answer has several",
        ),
        Component(
            "answer-position",
            f"{questions}:AnswerPosition",
            summary="the quarter of the context in which the answer starts",
            formerly=("squad",),
        ),
        Component(
            "answer-occurrences",
            f"{questions}:AnswerOccurrences",
            summary="how often the text of the answer occurs in the context",
            formerly=("squad",),
        ),
        Component(
            "context-length", f"{contexts}:ContextLength", summary="number of words in the context", formerly=("squad",)
        ),
        Component(
            "question-overlap",
            f"{contexts}:QuestionOverlap",
            LanguageOptions,
            "share of the question words that the context has",
            formerly=("squad",),
        ),
        Component(
            "article",
            f"{questions}:Article",
            summary="the 20 articles with most questions, and all others",
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
