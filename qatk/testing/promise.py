"""What a promise is, how a check finds that it is broken, and what it is checked on."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from qatk.component import Options
from qatk.plugins.host import PluginHost
from qatk.plugins.options import checked_options
from qatk.plugins.registered import Registered
from qatk.testing.inputs.randomness import moved, random_states
from qatk.testing.limits import SECONDS, OutOfTime, capturing, time_limit


@dataclass(frozen=True)
class Noticed:
    """What a check noticed beside its own promise, for :mod:`qatk.testing.promises.throughout`.

    Attributes:
        printed: what was written to standard output.
        moved: the global random generators whose state changed.
    """

    printed: str
    moved: str


@dataclass(frozen=True)
class Broken:
    """A promise that a component does not keep.

    Attributes:
        promise: in one sentence.
        on: the input that shows it.
        seen: what was seen instead.
    """

    promise: str
    on: str
    seen: str

    def __str__(self) -> str:
        return f"{self.promise}\n  on: {self.on or 'any input'}\n  seen: {self.seen}"


class ContractBroken(AssertionError):
    """A component breaks promises of its kind; ``broken`` lists them."""

    def __init__(self, registered: Registered, broken: Sequence[Broken], checked: int) -> None:
        self.registered, self.broken = registered, tuple(broken)
        listed = "".join(f"\n- {text}" for text in list_broken(broken))
        super().__init__(f"{registered} breaks {len(broken)} of {checked} promises:{listed}")


def list_broken(broken: Sequence[Broken]) -> list[str]:
    """One text a promise; where one exception breaks several, the first in full and how many more it breaks."""
    by_cause: dict[str, list[Broken]] = {}
    for one in broken:
        by_cause.setdefault(one.seen, []).append(one)
    texts = []
    for first, *others in by_cause.values():
        names = f"\n  the same failure breaks {len(others)} more promises" if others else ""
        texts.append(f"{first}{names}")
    return texts


class Unkept(Exception):
    """Raised inside a check: what was seen; :func:`given` adds the input."""

    def __init__(self, seen: str, on: str = "") -> None:
        self.seen, self.on = seen, on
        super().__init__(seen)


class NotApplicable(Exception):
    """Raised inside a check that has nothing to check; says why."""


def skip(reason: str) -> NoReturn:
    """End a check that does not apply to this component; it is shown as skipped."""
    raise NotApplicable(reason)


def expect(kept: object, seen: str) -> None:
    """Raise :class:`Unkept` unless ``kept``; ``seen`` says what was seen instead."""
    if not kept:
        raise Unkept(seen)


@contextmanager
def given(what: str) -> Iterator[None]:
    """Name the input of a check; an exception of the component becomes what was seen on it."""
    try:
        yield
    except NotApplicable:
        raise
    except Unkept as error:
        error.on = f"{what}, {error.on}" if error.on else what
        raise
    except (Exception, SystemExit, OutOfTime) as error:
        raise Unkept(describe(error), what) from error


def describe(error: BaseException) -> str:
    """An exception with the line that raised it, the nearest one outside of qatk's core and of libraries."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_foreign(frame.filename)] or list(frames)
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno}, in {own[-1].name})" if own else ""
    name = "" if isinstance(error, OutOfTime) else f"{type(error).__name__}: "
    return f"{name}{error}{place}"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute in one thread, where it is loaded: in models this small several only wait for each other."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    try:
        if torch:
            torch.set_num_threads(1)
        yield
    finally:
        if torch and before:
            torch.set_num_threads(before)


def _is_foreign(file: str) -> bool:
    core = Path(__file__).parents[1]
    return "site-packages" in file or core in Path(file).parents or not Path(file).is_file()


@dataclass(frozen=True)
class Subject:
    """A component that is checked.

    Attributes:
        registered: the component and its owner.
        values: options that are given to it, as a recipe gives them.
        host: where checks find other parts that they need.
        noticed: what each check that ran noticed, by the name of its promise.
    """

    registered: Registered
    values: Mapping[str, object] = field(default_factory=dict)
    host: PluginHost = field(default_factory=lambda: PluginHost.discover(environ={}))
    noticed: dict[str, Noticed] = field(default_factory=dict, compare=False, repr=False)

    @property
    def kind(self) -> str:
        """The kind of component."""
        return self.registered.kind

    def build(self, **changes: object) -> Any:
        """A new live component; ``changes`` go over the given options."""
        return self.registered.build(self.options(**changes))

    def options(self, **changes: object) -> Options:
        """Its options; ``changes`` go over the given ones."""
        return checked_options(self.registered.component, {**self.values, **changes}, self.host)

    def takes(self, option: str) -> bool:
        """Whether it has an option of this name that the caller left open."""
        return option in self.registered.component.options.model_fields and option not in self.values

    def needs(self, option: str) -> None:
        """Skip a check that sets an option which it does not have, or which the caller has set."""
        if not self.takes(option):
            skip(f"its option {option} is set" if option in self.values else f"it has no option {option}")

    def __str__(self) -> str:
        return str(self.registered)


@dataclass(frozen=True)
class Verdict:
    """What came of checking a promise.

    Attributes:
        promise: the one that was checked.
        broken: how it is broken, ``None`` where it is not.
        waived, skipped: why it was not checked; at most one of the three is given.
        timed_out: whether it is broken because the check ran out of time.
    """

    promise: Promise
    broken: Broken | None = None
    waived: str = ""
    skipped: str = ""
    timed_out: bool = False

    @property
    def outcome(self) -> str:
        """``kept``, ``broken``, ``waived`` or ``skipped``."""
        found = {"broken": self.broken, "waived": self.waived, "skipped": self.skipped}
        return next((name for name, value in found.items() if value), "kept")


@dataclass(frozen=True)
class Promise:
    """Something that every component of a kind must keep.

    Attributes:
        text: the promise, in one sentence.
        check: raises where a subject does not keep it.
    """

    text: str
    check: Callable[[Subject], None]

    @property
    def name(self) -> str:
        """A short name: that of the check."""
        return self.check.__name__.replace("_", "-")

    def verify(self, subject: Subject, *, seconds: float = SECONDS) -> Verdict:
        """Check a subject, unless it waives this promise; a check that takes longer than ``seconds`` fails."""
        if reason := subject.registered.component.waives.get(self.name):
            return Verdict(self, waived=reason)
        before = random_states()
        with capturing() as printed:
            verdict = self._checked(subject, seconds)
        subject.noticed[self.name] = Noticed(printed.text, moved(before, random_states()))
        return verdict

    def _checked(self, subject: Subject, seconds: float) -> Verdict:
        try:
            with warnings.catch_warnings(), _one_thread(), given(""), time_limit(seconds):
                warnings.simplefilter("ignore")
                self.check(subject)
        except NotApplicable as reason:
            return Verdict(self, skipped=str(reason))
        except Unkept as error:
            broken = Broken(self.text, error.on.strip(", "), error.seen)
            return Verdict(self, broken, timed_out=isinstance(error.__cause__, OutOfTime))
        return Verdict(self)


def promise(text: str) -> Callable[[Callable[[Subject], None]], Promise]:
    """Make a check a :class:`Promise`."""
    return lambda check: Promise(text, check)
