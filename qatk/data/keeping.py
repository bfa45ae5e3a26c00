"""The parts of an earlier split, which its groups keep when the data has grown."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from qatk.errors import DataWarning, UsageError, counted, listed
from qatk.types import Clusters, Examples, Int64, RawExamples


class Kept(NamedTuple):
    """What an earlier split decides: the part of each group, -1 for a new one; the rest is as of :class:`Split`."""

    part: list[int]
    kept: int | None = None
    torn: int = 0
    absent: int = 0


def kept_parts(
    examples: Examples, clusters: Clusters, group: Int64, parts: Mapping[str, Examples | RawExamples], names: list[str]
) -> Kept:
    """The earlier part of each group; of several parts, the one that held most of its questions.

    Args:
        examples: that are divided.
        clusters: what is kept together.
        group: int64[n], the group of each question: its cluster, and those that share contexts with it.
        parts: the questions of each earlier part.
        names: of the parts that are due.

    Raises:
        UsageError: where an earlier part is none of those due.
    """
    if other := [name for name in parts if name not in names]:
        what = f"the earlier split has {' and '.join(map(repr, other))}, none of the parts that are due"
        raise UsageError(what, fix=f"give each a size; there are {', '.join(names)}")
    known: dict[tuple[str, ...], int] = {}
    for row, keys in enumerate(_keys(examples, clusters.kind)):
        known.update(dict.fromkeys(keys, int(group[row])))
    votes = [Counter[int]() for _ in range(int(group.max()) + 1)]
    absent: list[str] = []
    for name, earlier in parts.items():
        for row, keys in enumerate(_keys(earlier, clusters.kind)):
            found = {known[key] for key in keys if key in known}
            for which in found:
                votes[which][names.index(name)] += 1
            absent += [] if found else [earlier.id[row]]
    several = np.array([len(held) for held in votes])[group]
    kept, torn = (len(set(clusters.index[several >= least].tolist())) for least in (1, 2))
    if torn:
        said = f"{counted(torn, clusters.kind, 'stands')} in several parts of the earlier split"
        ids = listed([examples.id[row] for row in np.flatnonzero(several > 1).tolist()])
        warnings.warn(DataWarning(f"{said}, and now where most of it was: {ids}"), stacklevel=3)
    if absent:
        said = f"the data has nothing of the {clusters.kind} of {counted(len(absent), 'question')} of the earlier split"
        warnings.warn(DataWarning(f"{said}: {listed(absent)}"), stacklevel=3)
    return Kept([max(sorted(held), key=held.__getitem__, default=-1) for held in votes], kept, torn, len(absent))


def _keys(among: Examples | RawExamples, kind: str) -> Iterator[list[tuple[str, ...]]]:
    """What each question is known by: its context, its name where a cluster has one, and its id with its text."""
    names = among.title if kind == "article" else among.columns.get(kind, [""] * len(among))
    for row, context in enumerate(among.context_index.tolist()):
        name = [("name", names[row])] if names[row] else []
        yield [("context", among.context[context]), *name, ("question", among.id[row], among.question[row])]
