"""What a promise is, how a check tells that it is broken, and what it is checked on."""

from __future__ import annotations

import io
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qatk.plugins.host import PluginHost
from qatk.plugins.options import checked_options
from qatk.plugins.registered import Registered

SILENCE = "it writes nothing to standard output"
"""A promise of every component: results go there, and a program may be reading them."""


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
        names = f"\n  the same breaks {len(others)} more" if others else ""
        texts.append(f"{first}{names}")
    return texts


class Unkept(Exception):
    """Raised inside a check: what was seen; :func:`given` adds the input."""

    def __init__(self, seen: str, on: str = "") -> None:
        self.seen, self.on = seen, on
        super().__init__(seen)


def expect(kept: Any, seen: str) -> None:
    """Raise :class:`Unkept` unless ``kept``; ``seen`` says what was seen instead."""
    if not kept:
        raise Unkept(seen)


@contextmanager
def given(what: str) -> Iterator[None]:
    """Name the input of a check; an exception of the component becomes what was seen on it."""
    try:
        yield
    except Unkept as error:
        error.on = f"{what}, {error.on}" if error.on else what
        raise
    except (Exception, SystemExit) as error:
        raise Unkept(describe(error), what) from error


def describe(error: BaseException) -> str:
    """An exception with the line that raised it, the nearest one outside of qatk's core and of libraries."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_foreign(frame.filename)] or list(frames)
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno}, in {own[-1].name})" if own else ""
    return f"{type(error).__name__}: {error}{place}"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute in one thread, where it is loaded: in models this small several only wait for each other."""
    torch: Any = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    try:
        if torch:
            torch.set_num_threads(1)
        yield
    finally:
        if before:
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
    """

    registered: Registered
    values: Mapping[str, Any] = field(default_factory=dict)
    host: PluginHost = field(default_factory=lambda: PluginHost.discover(environ={}))

    @property
    def kind(self) -> str:
        """The kind of component."""
        return self.registered.kind

    def build(self, **changes: Any) -> Any:
        """A new live component; ``changes`` go over the given options."""
        options = checked_options(self.registered.component, {**self.values, **changes})
        return self.registered.build(options)

    def takes(self, option: str) -> bool:
        """Whether it has an option of this name that the caller left open."""
        return option in self.registered.component.options.model_fields and option not in self.values

    def __str__(self) -> str:
        return str(self.registered)


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

    def verify(self, subject: Subject) -> Broken | None:
        """Check a subject: what it breaks, or ``None``."""
        printed = io.StringIO()
        try:
            with warnings.catch_warnings(), redirect_stdout(printed), _one_thread(), given(""):
                warnings.simplefilter("ignore")
                self.check(subject)
        except Unkept as error:
            return Broken(self.text, error.on.strip(", "), error.seen)
        if text := printed.getvalue():
            return Broken(SILENCE, f"while checked: {self.text}", f"{text[:200]!r}")
        return None


def promise(text: str) -> Callable[[Callable[[Subject], None]], Promise]:
    """Make a check a :class:`Promise`."""
    return lambda check: Promise(text, check)
