"""The rounds of ``tools/make_quality.py``: levers on top of what was best before, and the winners on all folds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quality_records import Records, at_best
from quality_runs import Configuration, Part

Place = tuple[Configuration, Part]


@dataclass(frozen=True)
class Round:
    """Configurations that are tried together, each on top of the base.

    Attributes:
        name: in the table.
        base: what they are compared with; in the first round it is one of them.
        configurations: by name.
    """

    name: str
    base: Configuration
    configurations: Mapping[str, Configuration]


def rounds_of(table: Mapping[str, Any], records: Records, part: Part, *, guess: bool = False) -> list[Round]:
    """The rounds that can be known: up to the first that is not all made on the part that screens.

    Args:
        table: as ``quality.yaml`` has it.
        records: of the runs that are made.
        part: that screens.
        guess: whether to take the longest of a round as the best of it where runs are missing, to plan with.
    """
    found: list[Round] = []
    for name, given in table["rounds"].items():
        each = _round(name, given, found, records, part, guess=guess)
        found.append(each)
        if not guess and not all(is_decided(one, part, records) for one in each.configurations.values()):
            break
    return found


def _round(
    name: str, given: Mapping[str, Any], before: Sequence[Round], records: Records, part: Part, *, guess: bool
) -> Round:
    if not before:
        every = {key: Configuration.of(key, value) for key, value in given.items()}
        return Round(name, next(iter(every.values())), every)
    base, last = _best(before[-1], records, part, guess=guess), before[-1]
    gains = {one.name: gain(one, last.base, [part], records) for one in last.configurations.values()}
    helped = sorted((key for key in gains if guess or gains[key] > 0), key=lambda key: -gains[key])
    every, sizes = {}, {0, 1}
    for key, value in given.items():
        levers = [last.configurations[one] for one in helped[: value.get("best", 0)]]
        if "best" not in value:
            every[key] = Configuration.of(key, value).on(base)
        elif len(levers) not in sizes:
            every[key] = _together(key, value["what"], levers)
            sizes.add(len(levers))
    return Round(name, base, every)


def _together(name: str, what: str, levers: Sequence[Configuration]) -> Configuration:
    """Several levers of a round at once; where two set the same, the better one does."""
    found = levers[-1]
    for lever in reversed(levers[:-1]):
        found = lever.on(found)
    return Configuration(name, f"{what}: {', '.join(lever.name for lever in levers)}", found.settings, found.augment)


def _best(last: Round, records: Records, part: Part, *, guess: bool) -> Configuration:
    every = [last.base, *last.configurations.values()]
    if guess and not all(is_decided(one, part, records) for one in every):
        return max(every, key=_epochs)
    return max(every, key=lambda one: gain(one, last.base, [part], records))


def _epochs(one: Configuration) -> float:
    said = re.search(r"^trainer\.epochs=([\d.]+)$", "\n".join(one.settings), re.MULTILINE)
    return float(said[1]) if said else 0.0


def gain(one: Configuration, base: Configuration, parts: Sequence[Part], records: Records) -> float:
    """How far the best F1 is above that of the base, the mean over the parts that both have; ``-inf`` without any."""
    if one.name == base.name:
        return 0.0
    runs = [(records.get(one, part), records.get(base, part)) for part in parts]
    differences = [at_best(ours) - at_best(theirs) for ours, theirs in runs if ours and theirs]
    known = [each for each in differences if not np.isnan(each)]
    return float(np.mean(known)) if known else -np.inf


def is_decided(one: Configuration, part: Part, records: Records) -> bool:
    """Whether a run is finished, or failed."""
    return records.failure(one, part).exists() or records.get(one, part) is not None


def places_of(
    rounds: Sequence[Round], complete: bool, folds: Sequence[Part], records: Records, *, guess: bool
) -> list[Place]:
    """What is to be made: all rounds on the first fold, then the best of each round, and the first base, on the others.

    Args:
        rounds: as far as they are known.
        complete: whether these are all.
        folds: the parts; the first one screens.
        records: of the runs that are made.
        guess: as for :func:`rounds_of`.
    """
    screened = [one for each in rounds for one in each.configurations.values()]
    found = [(one, folds[0]) for one in screened]
    if guess or (complete and all(is_decided(one, folds[0], records) for one in screened)):
        winners = [*(each.base for each in rounds), _best(rounds[-1], records, folds[0], guess=guess)]
        found += [(one, part) for part in folds[1:] for one in winners]
    return found


def needed(places: Sequence[Place], every: Mapping[str, Configuration], parts: Mapping[str, Part]) -> list[Place]:
    """The places, each once, after the runs that it starts from."""
    found: dict[tuple[str, str], Place] = {}
    for one, part in places:
        before = needed([(every[name], parts[other]) for name, other in one.needs(part)], every, parts)
        for each in (*before, (one, part)):
            found.setdefault((each[0].name, each[1].name), each)
    return list(found.values())
