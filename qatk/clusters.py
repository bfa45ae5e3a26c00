"""What questions are drawn or halved by: those of one article, or of one context, succeed and fail together."""

from __future__ import annotations

import numpy as np

from qatk.types import Examples, Int64


def clusters_of(examples: Examples) -> tuple[Int64, str]:
    """int64[n], the article of each question, numbered from 0, and ``article``; or contexts, and ``context``.

    Articles are told by title; where a question has none, or all have the same, contexts stand in for them.
    """
    titles: dict[str, int] = {}
    articles = np.array([titles.setdefault(title, len(titles)) for title in examples.title], np.int64)
    return (articles, "article") if len(titles) > 1 and "" not in titles else (contexts_of(examples), "context")


def contexts_of(examples: Examples) -> Int64:
    """int64[n], the context of each question, numbered from 0."""
    return np.unique(examples.context_index, return_inverse=True)[1].astype(np.int64)
