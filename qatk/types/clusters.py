"""Clusters: questions whose results are correlated, such as those of one article."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from qatk.errors import UsageError, counted
from qatk.types.arrays import Bool, Int64
from qatk.types.examples import Examples


@dataclass(frozen=True, eq=False)
class Clusters:
    """The cluster of each question. Intervals and random splits treat a cluster as a whole.

    Attributes:
        index: int64[n], the cluster of each question, numbered from 0.
        kind: ``article``, ``context``, or the name of a column.
        count: the number of clusters.
        unnamed: the number of questions without a name for their cluster; each of their contexts is a cluster of its
            own.
    """

    index: Int64
    kind: str
    count: int
    unnamed: int = 0

    def as_dict(self) -> dict[str, object]:
        """``kind``, ``count`` and ``unnamed``: what each ``--json`` calls ``clusters``."""
        return {"kind": self.kind, "count": self.count, "unnamed": self.unnamed}

    @property
    def note(self) -> str:
        """A remark on questions without a name for their cluster; empty if there are none."""
        if not self.unnamed:
            return ""
        lack = "no title" if self.kind == "article" else f"no {self.kind}"
        return f"{counted(self.unnamed, 'question', 'has')} {lack}: each of their contexts is a cluster of its own"

    @property
    def no_interval(self) -> str:
        """Why there is none: ``no interval: all questions are of one context``; empty for several clusters."""
        return f"no interval: all questions are of one {self.kind}" if self.count == 1 else ""


def clusters_of(examples: Examples, column: str | None = None) -> Clusters:
    """Cluster questions by article, which their title names, or by context if no two titles differ.

    Args:
        examples: the questions.
        column: cluster by this instead: an additional column of the data, ``title`` or ``context``.

    Raises:
        UsageError: if the data has no such column, or if it has the same value everywhere.
    """
    if column == "context":
        return _of_contexts(examples)
    if column is None and len(set(examples.title) - {""}) < 2:
        return _of_contexts(examples)
    if column is None:
        return _by_name(examples, examples.title, "article")
    named = {**examples.columns, "title": examples.title}
    if column not in named:
        besides = "; further ones are read where a recipe's data names them as `columns`"
        raise no_such_cluster(column, examples.columns, besides)
    found = _by_name(examples, named[column], "article" if column == "title" else column)
    if found.count < 2:
        raise UsageError(f"cluster {column}: it has one value for all questions", fix="name a column that tells apart")
    return found


def of_both_kinds(examples: Examples) -> Bool:
    """bool[N]: whether a question's article has some questions with an answer and some without one.

    Raises:
        ValueError: the questions have no gold answers.
    """
    article = clusters_of(examples)
    kinds: Bool = np.zeros((2, article.count), bool)
    kinds[examples.has_answer.astype(np.int64), article.index] = True
    both: Bool = (kinds[0] & kinds[1])[article.index]
    return both


def no_such_cluster(column: str, further: Iterable[str], besides: str = "", where: str | None = None) -> UsageError:
    """The error of a column to cluster by that is not there, with those that are."""
    fix = f"there are {', '.join(['title', 'context', *further])}{besides}"
    return UsageError(f"cluster {column}: the data has no such column", where=where, fix=fix)


def contexts_of(examples: Examples) -> Int64:
    """int64[n]: the context of each question, numbered from 0."""
    # The inverse numbers the values from 0 without gaps.
    return np.unique(examples.context_index, return_inverse=True)[1].astype(np.int64)


def _of_contexts(examples: Examples) -> Clusters:
    index = contexts_of(examples)
    return Clusters(index, "context", int(index.max(initial=-1)) + 1)


def _by_name(examples: Examples, names: Sequence[str], kind: str) -> Clusters:
    """Questions of one name together; those without one by context."""
    numbers: dict[tuple[str, int], int] = {}
    named = zip(names, examples.context_index.tolist(), strict=True)
    keys = [(name, -1 if name else context) for name, context in named]
    index = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
    return Clusters(index, kind, len(numbers), sum(not name for name, _ in keys))
