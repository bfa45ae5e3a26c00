"""Which windows of long contexts are scored. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Options, Positive, hookimpl


class Bm25Options(Options):
    """Options of the ``bm25`` retriever."""

    keep: Positive = 8
    """Number of windows of each question that are scored: those whose words fit the question best."""


@hookimpl
def qatk_retrievers() -> Iterable[Component]:
    """The best windows by their words."""
    return [
        Component("bm25", f"{__name__}.bm25:Bm25Retriever", Bm25Options, "the windows that BM25 ranks best"),
    ]
