"""The ``mix`` dataset: several datasets as one."""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from qatk.api import DataError, DataWarning, Examples
from qatk.data import joined, listed
from qatk.display import counted
from qatk.types import of_both_kinds
from qatk_builtin.datasets import MixOptions


class MixDataset:
    """The ``mix`` dataset: questions of several datasets, each with the name of its own in a column.

    ``most`` caps sets, ``weights`` draws from them in proportion, without repetition: as many as the scarcest set
    allows, or ``questions`` in all. What is drawn follows from ``seed`` and the name of the set, whatever other sets
    there are. The questions of all sets are shuffled.
    """

    def __init__(self, options: MixOptions) -> None:
        self.options = options

    def load(self) -> Examples:
        """Load all sets.

        Raises:
            DataError: where a set has fewer questions than are asked of it, only some have gold, or ``both_kinds``
                leaves none; and what the sets raise.
            UsageError: where a set has a column of the name that the sources get.
        """
        return self._mixed(whole=False)

    def load_whole(self) -> Examples:
        """With all further columns that any of the sets has."""
        return self._mixed(whole=True)

    def _mixed(self, *, whole: bool) -> Examples:
        sets = {name: part.load(whole=whole) for name, part in self.options.sets.items()}
        if self.options.both_kinds:
            sets = {name: _of_both_kinds(examples, name) for name, examples in sets.items()}
        sets = self._distinct(sets)
        number = self._numbers({name: len(examples) for name, examples in sets.items()})
        drawn = {name: examples.take(self._rows(name, len(examples), number[name])) for name, examples in sets.items()}
        mixed = joined(drawn, self.options.column)
        return mixed.take(np.random.default_rng(self.options.seed).permutation(len(mixed)))

    def _rows(self, name: str, size: int, number: int) -> list[int]:
        """The rows that are drawn of a set, in their order."""
        if number == size:
            return list(range(size))
        random = np.random.default_rng([self.options.seed, zlib.crc32(name.encode())])
        return sorted(random.choice(size, number, replace=False).tolist())

    def _numbers(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """How many questions each set gives."""
        options = self.options
        there = {name: min(size, options.most.get(name, size)) for name, size in sizes.items()}
        if not options.weights and options.questions is None:
            return there
        weights = {name: options.weights.get(name, 1.0) if options.weights else there[name] for name in there}
        shares = {name: weight / sum(weights.values()) for name, weight in weights.items()}
        total = options.questions or int(min(there[name] / share for name, share in shares.items()) + 1e-9)
        due = _apportioned(total, shares)
        if lacking := [name for name in due if due[name] > there[name]]:
            name = lacking[0]
            has = counted(there[name], "question")
            what = f"the set {name!r} has {has} to give, and {due[name]:,} of {total:,} are due"
            raise DataError(what, fix="lower questions or the weight of this set, or raise its cap")
        return due

    def _distinct(self, sets: Mapping[str, Examples]) -> dict[str, Examples]:
        """The sets with ids that are unique over all of them; see ``same_ids``."""
        owners: dict[str, str] = {}
        twice: dict[str, list[str]] = {}
        for name, examples in sets.items():
            twice[name] = [each for each in examples.id if owners.setdefault(each, name) != name]
        if not (ids := [each for found in twice.values() for each in found]):
            return dict(sets)
        what = f"{counted(len(set(ids)), 'question id', 'occurs')} in several sets ({listed(ids)})"
        if self.options.same_ids == "error":
            raise DataError(what, fix="same_ids: prefix tells them apart by their sets, first keeps the first of each")
        done = "left out of the later ones" if self.options.same_ids == "first" else "prefixed there by the set's name"
        warnings.warn(DataWarning(f"mix: {what}: {done} (same_ids: {self.options.same_ids})"), stacklevel=3)
        return {name: self._without(examples, name, set(twice[name])) for name, examples in sets.items()}

    def _without(self, examples: Examples, name: str, twice: set[str]) -> Examples:
        if self.options.same_ids == "first":
            return examples.take([row for row, each in enumerate(examples.id) if each not in twice])
        renamed = [f"{name}/{each}" if each in twice else each for each in examples.id]
        if len(set(renamed)) < len(renamed):
            double = [each for each, count in Counter(renamed).items() if count > 1]
            raise DataError(f"prefixed ids occur twice: {listed(double)}", fix="give the set another name")
        return replace(examples, id=renamed)


def _of_both_kinds(examples: Examples, name: str) -> Examples:
    """The questions of articles that have some with an answer and some without."""
    fix = "leave out both_kinds"
    if not examples.has_gold:
        raise DataError(f"no gold answers of the set {name!r} to tell both kinds by", fix=fix)
    rows = np.flatnonzero(of_both_kinds(examples)).tolist()
    if not rows:
        raise DataError(f"no article of the set {name!r} has questions with an answer and without one", fix=fix)
    return examples.take(rows)


def _apportioned(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers in proportion that add up to the total: the largest remainders are rounded up."""
    due = {name: int(total * share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: due[name] - total * shares[name])
    return due | {name: due[name] + 1 for name in by_remainder[: total - sum(due.values())]}
