"""All that ``tools/make_quality.py`` has to make, as far as it is known."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quality_records import Records, is_finished
from quality_rounds import Round, needed, places_of, rounds_of
from quality_runs import Common, Configuration, Part, stages_of


@dataclass(frozen=True)
class Job:
    """One run."""

    configuration: Configuration
    part: Part
    common: Common

    @property
    def place(self) -> tuple[str, str]:
        """Its folder in OUT."""
        return self.configuration.name, self.part.name

    @property
    def cost(self) -> float:
        """See :meth:`Configuration.cost`; each asking reads the recipe."""
        return self.configuration.cost(self.part, self.common)


@dataclass(frozen=True)
class Work:
    """All that is to be made, as far as it is known."""

    options: argparse.Namespace
    table: Mapping[str, Any]
    records: Records
    folds: Sequence[Part]
    whole: Sequence[Part]

    def check(self) -> None:
        """Refuse names of which nobody knows yet what they are on top of."""
        every = self.every(guess=self.options.plan)
        for given in (self.options.only, self.options.final, self.options.curve, self.options.back):
            if unknown := [name for name in (given or "").split(",") if given and name not in every]:
                sys.exit(f"{unknown[0]} is on top of the best of the round before: make that first, without --only")

    def rounds(self, *, guess: bool = False) -> list[Round]:
        """See :func:`rounds_of`."""
        return rounds_of(self.table, self.records, self.folds[0], guess=guess)

    def every(self, *, guess: bool = False) -> dict[str, Configuration]:
        """All configurations that are known, by name."""
        every = {name: one for each in self.rounds(guess=guess) for name, one in each.configurations.items()}
        every |= stages_of(self.table)
        every |= self._back(every)
        curve = [(every[name], self.folds[0]) for name in self._named(self.options.curve, every)]
        before = needed(curve, every, self.parts)
        smaller = [one.smaller(number) for one, _ in before for number in self.table.get("curve", ())]
        return every | {each.name: each for each in smaller}

    def jobs(self, *, guess: bool = False) -> list[Job]:
        """All runs that are due, in their order."""
        options, rounds, every = self.options, self.rounds(guess=guess), self.every(guess=guess)
        complete = len(rounds) == len(self.table["rounds"])
        chosen = places_of(rounds, complete, self.folds, self.records, guess=guess)
        if options.only is not None:
            only = self._named(options.only, every)
            chosen = [(every[name], part) for part in self.folds for name in only]
        final, curve = self._named(options.final, every), self._named(options.curve, every)
        numbers = self.table.get("curve", ())
        names = dict.fromkeys([*final, *curve, *self._back(every)])
        whole = [(every[name], part) for name in names for part in self.whole]
        chosen += [(one, part) for one, part in whole if one.trains or part is self.whole[0]]
        small = [every[f"{name}-{number}"] for name in curve for number in numbers]
        chosen += [(each, part) for part in self.whole for each in small if (each.questions or 0) < part.questions]
        due = needed(chosen, every, self.parts)
        return [Job(one, part, self.records.common) for one, part in due]

    def left(self) -> list[Job]:
        """Those that are not made; of those that others start from, also what is made but lies on another machine."""
        found: list[Job] = []
        wanted: dict[str, set[tuple[str, str]]] = {"runs": set(), "told": set()}
        for job in reversed(self.jobs()):
            one, part, records = job.configuration, job.part, self.records
            lacks_run = job.place in wanted["runs"] and not is_finished(records.folder(one, part))
            lacks_told = job.place in wanted["told"] and not records.told(one, part).exists()
            if records.get(one, part) is None or lacks_run or lacks_told:
                found.append(job)
                for what, places in wanted.items():
                    places.update(one.needs(part, what))
        return found[::-1]

    def _back(self, every: Mapping[str, Configuration]) -> dict[str, Configuration]:
        """What is made of all seeds of a configuration."""
        found = {}
        for name in self._named(self.options.back, every):
            for key, given in self.table.get("back", {}).items():
                found[f"{name}-{key}"] = Configuration.of(f"{name}-{key}", given).on(every[name])
        return found

    @property
    def parts(self) -> dict[str, Part]:
        """All parts, by name."""
        return {part.name: part for part in (*self.folds, *self.whole)}

    def _named(self, given: str | None, every: Mapping[str, Configuration]) -> list[str]:
        """The configurations that are named and known."""
        return [name for name in given.split(",") if name in every] if given else []
