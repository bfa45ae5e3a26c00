"""Promises of components of every kind that the checks of all others watch: each comes last, and is reported once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qatk.testing.limits import SECONDS
from qatk.testing.promise import Noticed, Promise, Subject, Unkept, Verdict, skip
from qatk.testing.promises import promises_in

_SEEDED_KINDS = ("backbone", "head", "trainer")
"""Their random numbers do come from the global generators, which the trainer seeds."""


@dataclass(frozen=True)
class Throughout(Promise):
    """A promise about what the checks of all others noticed."""

    def verify(self, subject: Subject, *, seconds: float = SECONDS) -> Verdict:
        """Check the promises that have not been checked, each within ``seconds``; then judge what was noticed."""
        if self.name not in subject.registered.component.waives:
            for one in (*promises_in("every"), *promises_in(subject.kind)):
                if one.name not in subject.noticed:
                    one.verify(subject, seconds=seconds)
        return super().verify(subject, seconds=seconds)


def throughout(text: str) -> Callable[[Callable[[Subject], None]], Promise]:
    """Make the judgement of what was noticed a :class:`Throughout`."""
    return lambda check: Throughout(text, check)


def _expect_none(subject: Subject, seen: Callable[[Noticed], str]) -> None:
    """Raise :class:`Unkept` with the first of what was noticed, unless there is nothing."""
    found = {name: text for name, noticed in subject.noticed.items() if (text := seen(noticed))}
    if found:
        first, *others = found
        raise Unkept(found[first], f"the check of {first}{f' and {len(others)} more' if others else ''}")


@throughout("it prints nothing to standard output")
def prints_nothing(subject: Subject) -> None:
    """A program may be reading a command's results there."""
    _expect_none(subject, lambda noticed: repr(noticed.printed[:200]) if noticed.printed else "")


@throughout(
    "it does not change the global random generators of Python, numpy and torch; backbones, heads and trainers may"
)
def leaves_random_generators_alone(subject: Subject) -> None:
    """Trackers, decoding and scoring after each epoch would otherwise change the training that goes on after them."""
    if subject.kind in _SEEDED_KINDS:
        skip(f"{subject.kind}s may draw from them: the trainer seeds them")
    _expect_none(subject, lambda noticed: f"the state of {noticed.moved} changed" if noticed.moved else "")
