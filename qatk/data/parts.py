"""Parts and samples of examples: whole articles or contexts, drawn by a seed, the same ones on every machine.

What is drawn hangs on the seed and the ids alone: each question is given a number, the SHA-256 of both, and comes in
their order. So the order of the data does not matter, and a larger sample holds the smaller ones. Where the data has
grown, an earlier split decides about what it had.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal

import numpy as np

from qatk.arguments import whole
from qatk.data.keeping import Kept, kept_parts
from qatk.errors import DataError, UsageError, counted
from qatk.types import Clusters, Examples, Int64, RawExamples, clusters_of, contexts_of

Size = float | Literal["rest"] | None
"""How much a part is to have; ``"rest"`` or ``None``: what the others leave."""
_PASSES = 8
"""How often all groups are looked at again for a better part; it is at rest after two or three."""


@dataclass(frozen=True, eq=False)
class Split:
    """Parts of examples, no context in two of them.

    Attributes:
        rows: int64 rows of each part by its name, in the order of the data.
        left: int64, rows in no part.
        wanted: how many questions each part was to have.
        clusters: what was kept together: articles, contexts or the values of a column.
        joined: how many of these were put together with others, for they share a context.
        kept: how many of them stand where an earlier split had them; ``None`` without one.
        torn: how many of these have questions in several parts of it, or share contexts with others that have.
        absent: how many of its questions are not in the data, nor others of their cluster.
    """

    rows: Mapping[str, Int64]
    left: Int64
    wanted: Mapping[str, float]
    clusters: Clusters
    joined: int
    kept: int | None = None
    torn: int = 0
    absent: int = 0


def split(
    examples: Examples,
    *,
    shares: Mapping[str, Size] | None = None,
    counts: Mapping[str, Size] | None = None,
    by: str | None = None,
    seed: int = 0,
    stratify: bool = False,
    keep: Mapping[str, Examples | RawExamples] | None = None,
) -> Split:
    """Divide examples by article or context, so that no context stands in two parts.

    Groups come in an order drawn by the seed, each into the part that lacks most for its size, and once more into
    another where that brings all parts nearer to what they are to have.

    Args:
        examples: to divide.
        shares: of the questions by name of the part, together 1 at the most; ``"rest"`` or ``None`` takes what
            the others leave.
        counts: of questions by name of the part, instead.
        by: what to keep together: ``title``, ``context`` or a further column; articles by default, contexts where no
            two titles differ.
        seed: of the draw.
        stratify: let each part have its share of the questions with an answer, and of those without.
        keep: the parts of an earlier split by name. A group of which a context, the title or value, or a question (id
            and text) stands in one of them stays there; the others fill the parts up to their sizes.

    Raises:
        UsageError: for shares or counts that cannot be, a column that is not there, and earlier parts that have no
            size.
        DataError: where there are fewer groups than parts, or a part would stay empty.
    """
    wanted = _wanted(len(examples), shares, counts)
    clusters = _clusters(examples, by)
    group, joined = _joined(clusters.index, contexts_of(examples))
    groups = int(group.max()) + 1
    if groups < len(wanted):
        parts = counted(len(wanted), "part")
        fix = "split by context, or into fewer parts" if clusters.kind != "context" else "split into fewer parts"
        raise DataError(f"{counted(groups, clusters.kind)} cannot be divided into {parts}", fix=fix)
    strata = _strata(examples, stratify)
    left = len(examples) - sum(wanted.values())
    sizes = [*wanted.values(), *([left] if left >= 0.5 else [])]
    kept = Kept([-1] * groups) if keep is None else kept_parts(examples, clusters, group, keep, list(wanted))
    chosen = _allot(_counts(group, strata), _order(examples, seed, group), sizes, kept.part)
    part = np.array(chosen, np.int64)[group]
    rows = {name: np.flatnonzero(part == k) for k, name in enumerate(wanted)}
    if empty := [name for name, held in rows.items() if not len(held)]:
        what = f"no {clusters.kind} fits into {' and '.join(empty)}: there are {groups}, of unlike sizes"
        raise DataError(what, fix="give it more questions, split by context, or take another seed")
    return Split(rows, np.flatnonzero(part == len(wanted)), wanted, clusters, joined, *kept[1:])


def sample(examples: Examples, number: int, *, by: str | None = None, seed: int = 0) -> Int64:
    """Rows of a random sample, in the order of the data; a larger sample of the same seed holds it.

    Args:
        examples: to draw from.
        number: of questions.
        by: draw whole groups, until there are as nearly as many questions as can be: those of a ``title``, a
            ``context`` or a value of a further column. Without it, single questions.
        seed: of the draw.

    Raises:
        UsageError: where there are fewer questions, for a number below 1, and for a column that is not there.
    """
    if whole(number, "number", 1) > len(examples):
        fix = f"choose {len(examples):,} or fewer"
        raise UsageError(f"there are {counted(len(examples), 'question')}, and {number:,} are to be drawn", fix=fix)
    group = np.arange(len(examples)) if by is None else _clusters(examples, by).index
    order = _order(examples, seed, group)
    reached = np.cumsum(np.bincount(group)[order])
    last = int(np.abs(reached - number).argmin())
    return np.flatnonzero(np.isin(group, order[: last + 1]))


def _wanted(n: int, shares: Mapping[str, Size] | None, counts: Mapping[str, Size] | None) -> dict[str, float]:
    """How many questions each part is to have."""
    if (shares is None) == (counts is None):
        raise UsageError("say shares or counts", fix="shares train=0.8,dev=0.2, or counts dev=500,train=rest")
    given = _sizes("shares", shares) if shares is not None else _sizes("counts", counts)
    of = n if shares is not None else 1
    known = {name: value * of for name, value in given.items() if value is not None}
    if not given or not all(math.isfinite(value) and value > 0 for value in known.values()):
        raise UsageError("each part needs a share or count above 0", fix="for example train=0.8,dev=0.2")
    rest = [name for name, value in given.items() if value is None]
    left = n - sum(known.values())
    if left < (0.5 if rest else -1e-6 * n):
        total = f"{sum(known.values()) / n:.3g}" if shares is not None else f"{sum(known.values()):,.0f}"
        whole = "1" if shares is not None else f"{n:,}, which is all there are"
        more = ", and nothing is left for the rest" if rest else ""
        raise UsageError(f"the parts are {total} together, of {whole}{more}", fix="choose less")
    if len(rest) > 1:
        raise UsageError(f"{' and '.join(rest)} are both to take the rest", fix="one part can")
    return {name: left if value is None else known[name] for name, value in given.items()}


def _sizes(name: str, given: object) -> dict[str, float | None]:
    """The size of each part, ``None`` for the rest."""
    if not isinstance(given, Mapping):
        raise UsageError(f"{name} is {given!r}", fix=f"map parts to sizes: {name}={{'train': 0.8, 'dev': 'rest'}}")
    found = {part: None if size == "rest" else size for part, size in given.items()}
    kind, said = (Real, "a number") if name == "shares" else (Integral, "a whole number")
    for part, size in found.items():
        if size is not None and (isinstance(size, bool) or not isinstance(size, kind)):
            raise UsageError(f"{name}[{part!r}] is {size!r}", fix=f"give {said}, or 'rest' for what the others leave")
    return found


def _clusters(examples: Examples, by: str | None) -> Clusters:
    known = ["title", "context", *examples.columns]
    if by is not None and by not in known:
        raise UsageError(f"the data has no column {by!r} to go by", fix=f"there are {', '.join(known)}")
    return clusters_of(examples, by)


def _joined(cluster: Int64, context: Int64) -> tuple[Int64, int]:
    """int64[n], clusters that share a context as one, numbered from 0; and how many were joined with others."""
    label = cluster.copy()
    while True:
        before = label.copy()
        for column in (context, cluster):
            least = np.full(int(column.max()) + 1, np.iinfo(np.int64).max)
            np.minimum.at(least, column, label)
            label = least[column]
        if np.array_equal(label, before):
            break
    group = np.unique(label, return_inverse=True)[1].astype(np.int64)
    pairs = np.unique(np.stack([group, cluster]), axis=1)
    together = np.bincount(pairs[0])
    return group, int(together[together > 1].sum())


def _order(examples: Examples, seed: int, group: Int64) -> Int64:
    """int64[groups]: the groups in the order that is drawn, each by the first of its questions."""
    drawn = [hashlib.sha256(f"{seed}\0{name}".encode()).digest() for name in examples.id]
    first: dict[int, bytes] = {}
    for which, number in zip(group.tolist(), drawn, strict=True):
        first[which] = min(number, first.get(which, number))
    return np.array(sorted(first, key=first.__getitem__), np.int64)


def _strata(examples: Examples, stratify: bool) -> Int64:
    """int64[n]: which of the sets, each to be divided alike, a question is of."""
    if not stratify:
        return np.zeros(len(examples), np.int64)
    if not examples.has_gold:
        raise UsageError("without gold, nothing tells which questions have an answer", fix="do not stratify")
    return np.unique(examples.has_answer, return_inverse=True)[1].astype(np.int64)


def _counts(group: Int64, strata: Int64) -> list[list[int]]:
    """Questions of each group by stratum."""
    table = np.zeros((int(group.max()) + 1, int(strata.max()) + 1), np.int64)
    np.add.at(table, (group, strata), 1)
    found: list[list[int]] = table.tolist()
    return found


def _allot(counts: Sequence[Sequence[int]], order: Int64, sizes: Sequence[float], kept: Sequence[int]) -> list[int]:
    """The part of each group: near to the least sum over parts and strata of (held - due)² / due.

    In plain Python, whose sums are the same on every machine.

    Args:
        counts: questions of each group by stratum.
        order: of the groups.
        sizes: questions that each part is to have.
        kept: the part of each group that has one already, else -1.
    """
    totals = [sum(column) for column in zip(*counts, strict=True)]
    due = [[size * total / sum(totals) for total in totals] for size in sizes]
    held = [[0] * len(totals) for _ in sizes]

    def cost(part: int, of: Sequence[int]) -> float:
        """What the sum grows by, if the part has these besides."""
        each = zip(of, held[part], due[part], strict=True)
        total: float = sum((2 * (has - wants) + add) * add / wants for add, has, wants in each)
        return total

    def move(part: int, of: Sequence[int], sign: int) -> None:
        held[part] = [has + sign * add for has, add in zip(held[part], of, strict=True)]

    chosen = list(kept)
    for group, part in enumerate(kept):
        if part >= 0:
            move(part, counts[group], 1)
    free = [group for group in order.tolist() if kept[group] < 0]
    for _ in range(_PASSES):
        before = list(chosen)
        for group in free:
            if chosen[group] >= 0:
                move(chosen[group], counts[group], -1)
            chosen[group] = min(range(len(sizes)), key=lambda part: cost(part, counts[group]))
            move(chosen[group], counts[group], 1)
        if chosen == before:
            break
    return chosen
