"""Find a component, and check that it keeps every promise of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qatk.component import Component, NoOptions, Options
from qatk.plugins.host import PluginHost
from qatk.plugins.options import checked_options
from qatk.plugins.protocols import check_kind
from qatk.plugins.registered import Plugin, Registered
from qatk.testing.limits import SECONDS
from qatk.testing.promise import Broken, ContractBroken, Promise, Subject, Verdict
from qatk.testing.promises import promises_in

_TESTED = Plugin("this-test", "none", "0", "")
"""The owner of a class that no plugin registers."""
_PATIENCE = 2
"""Checks that run out of time before the rest is skipped: whatever hangs usually hangs in all of them."""


def check_component(
    kind: str,
    component: str | type | Component,
    options: Mapping[str, object] | Options | None = None,
    *,
    host: PluginHost | None = None,
    seconds: float = SECONDS,
) -> None:
    """Check that a component keeps every promise of its kind, but for those that it waives.

    Args:
        kind: ``decoder``, ``head`` ...
        component: the name that it is registered under, or a class or :class:`Component` that no plugin registers.
        options: as a recipe gives them; where it is a class, an :class:`Options` object of its own kind. What is left
            open, checks may set where an option has a name they know, such as ``null_threshold`` or ``max_length``.
        host: the plugins; all that are installed where it is not given.
        seconds: how long the check of one promise may take.

    Raises:
        ContractBroken: with every promise that is broken, on which input, and what was seen.
        UsageError: no such kind, component or option.
    """
    subject = subject_of(kind, component, options, host=host)
    if broken := find_broken(subject, seconds=seconds):
        raise ContractBroken(subject.registered, broken, len(promises_of(kind)))


def find_broken(subject: Subject, *, seconds: float = SECONDS) -> list[Broken]:
    """Every promise that a component breaks."""
    return [verdict.broken for verdict in verdicts(subject, seconds=seconds) if verdict.broken]


def verdicts(subject: Subject, *, seconds: float = SECONDS) -> Iterator[Verdict]:
    """Check the promises of a component one by one, each verdict as it is known.

    Where the component cannot be built, or two checks run out of time, the rest is skipped.
    """
    stopped, timeouts = "", 0
    for one in promises_of(subject.kind):
        if stopped:
            yield Verdict(one, skipped=stopped)
            continue
        verdict = one.verify(subject, seconds=seconds)
        yield verdict
        timeouts += verdict.timed_out
        if verdict.broken and one.name == "can-be-built":
            stopped = "it cannot be built"
        elif timeouts == _PATIENCE:
            stopped = f"{timeouts} checks before it ran out of time"


def promises_of(kind: str) -> list[Promise]:
    """The promises of a kind among those of every kind. Raises :class:`UsageError` for an unknown kind."""
    return [*promises_in("every"), *own_promises(kind), *promises_in("throughout")]


def every_promise() -> list[Promise]:
    """The promises of components of every kind."""
    return [*promises_in("every"), *promises_in("throughout")]


def own_promises(kind: str) -> list[Promise]:
    """The promises of one kind alone. Raises :class:`UsageError` for an unknown kind."""
    check_kind(kind)
    return promises_in(kind)


def subject_of(
    kind: str,
    component: str | type | Component | Registered,
    options: Mapping[str, object] | Options | None = None,
    *,
    host: PluginHost | None = None,
) -> Subject:
    """A component with its options, ready to be checked; see :func:`check_component`."""
    check_kind(kind)
    host = host or PluginHost.discover()
    if isinstance(component, type):
        of = type(options) if isinstance(options, Options) else NoOptions
        component = Component("under-test", component, of, summary="a class under test")
    if isinstance(component, Component):
        component = Registered(kind, component, _TESTED)
    registered = host.find(kind, component) if isinstance(component, str) else component
    values = options.model_dump(exclude_unset=True) if isinstance(options, Options) else dict(options or {})
    checked_options(registered.component, values, host)
    return Subject(registered, values, host)
