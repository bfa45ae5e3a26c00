"""qatk.testing catches every component that breaks a promise, and lets the built-in ones pass."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ConfigDict

from broken import (
    data,
    decoder_inputs,
    decoders,
    exports,
    featurizers,
    heads,
    launchers,
    pair_heads,
    retrievers,
    runs,
    token_decoders,
)
from qatk.api import Component, NoOptions, Options
from qatk.errors import UsageError
from qatk.plugins.host import PluginHost
from qatk.plugins.protocols import PROTOCOLS
from qatk.testing import ContractBroken, check_component, promises_of, subject_of, verdicts
from qatk.testing.checking import every_promise, own_promises
from qatk.testing.promise import Noticed, Promise, Subject

HOST = PluginHost.discover(environ={})


def named(kind: str, name: str) -> Promise:
    return next(promise for promise in promises_of(kind) if promise.name == name)


def subject(kind: str, cls: type, options: type[Options] = NoOptions) -> Subject:
    scores = getattr(cls, "reads", ("spans",))
    return subject_of(kind, Component("under-test", cls, options, "a class under test", scores=scores), host=HOST)


BROKEN = {
    "decoder": decoders.BROKEN
    | {cls: promise for cls, (promise, _) in decoder_inputs.BROKEN.items()}
    | token_decoders.BROKEN,
    "featurizer": featurizers.BROKEN,
    "head": heads.BROKEN | pair_heads.BROKEN,
    **data.BROKEN,
    **exports.BROKEN,
    **launchers.BROKEN,
    **retrievers.BROKEN,
    **runs.BROKEN,
}
OPTIONS = {"decoder": decoders.OPTIONS, "featurizer": featurizers.OPTIONS, **runs.OPTIONS}
GOOD = data.GOOD | exports.GOOD | launchers.GOOD | retrievers.GOOD | runs.GOOD
CASES = [
    pytest.param(kind, cls, promise, id=f"{kind}-{cls.__name__}")
    for kind, broken in BROKEN.items()
    for cls, promise in broken.items()
]


@pytest.mark.parametrize(("kind", "cls", "promise"), CASES)
def test_broken_components_are_caught(kind: str, cls: type, promise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if cls is launchers.Stubborn:  # there is nothing to wait for
        monkeypatch.setattr("qatk.testing.promises.launchers._TO_CANCEL_S", 0.5)
    options = token_decoders.OPTIONS if cls in token_decoders.BROKEN else OPTIONS.get(kind, NoOptions)
    broken = named(kind, promise).verify(subject(kind, cls, options)).broken
    assert broken is not None
    assert broken.promise == named(kind, promise).text
    assert broken.seen
    _, on = decoder_inputs.BROKEN.get(cls, ("", ""))
    assert on in broken.on


@pytest.mark.parametrize("kind", PROTOCOLS)
def test_every_promise_has_a_component_that_breaks_it(kind: str) -> None:
    assert {promise.name for promise in own_promises(kind)} == set(BROKEN[kind].values())


@pytest.mark.parametrize("kind", GOOD)
def test_good_components_pass(kind: str) -> None:
    check_component(kind, GOOD[kind], host=HOST)


def test_a_good_class_passes_without_being_registered() -> None:
    check_component("decoder", decoders.Good, decoders.GoodOptions(), host=HOST)
    for threshold in (1.0, -20.0):
        check_component("decoder", decoders.Good, decoders.GoodOptions(null_threshold=threshold), host=HOST)
    for head in (heads.Good, pair_heads.Good):
        check_component("head", head, host=HOST)


def test_the_message_says_promise_input_and_what_was_seen() -> None:
    with pytest.raises(ContractBroken) as caught:
        check_component("decoder", decoders.Lower, decoders.GoodOptions(), host=HOST)
    assert "decoder 'under-test' of plugin this-test" in str(caught.value)
    promise = "an answer's text is the non-empty slice of its context from char_start to char_end"
    seen = "'ada', but the context has 'Ada' at characters 0 to 3"
    assert f"- {promise}\n  on: the context first and the null position last\n  seen: {seen}" in str(caught.value)


def test_an_exception_is_shown_once_with_its_line() -> None:
    class Falls:
        """Falls over."""

        def __init__(self, options: Any) -> None: ...
        def decode(self, *_: Any) -> Any:
            raise KeyError("oops")

    with pytest.raises(ContractBroken) as caught:
        check_component("decoder", Falls, host=HOST)
    assert str(caught.value).count("seen: KeyError: 'oops' (test_promises.py, line ") == 1
    assert "on: one window" in str(caught.value)
    assert "the same failure breaks 1" in str(caught.value)


class Silent(Options):
    """Options without help."""

    size: int = 3


class Unbuilt:
    def decode(self) -> None: ...


class Draws(decoders.Good):
    """Takes from numpy's global generator, which training uses."""

    def decode(self, *arguments: Any) -> Any:
        np.random.rand()
        return super().decode(*arguments)


class Lax(Options):
    """Options that take whatever comes."""

    model_config = ConfigDict(extra="ignore")


GENERAL = [
    (Component("under-test", Unbuilt, summary="x"), "can-be-built"),
    (Component("under-test", "json:Gone", summary="x"), "can-be-built"),
    (Component("under-test", decoders.Good, decoders.GoodOptions), "has-a-summary"),
    (Component("under-test", decoders.Good, decoders.GoodOptions, "x" * 80), "has-a-summary"),
    (Component("under-test", Unbuilt, summary="x"), "has-a-docstring"),
    (Component("under-test", decoders.Good, Lax, "x"), "refuses-unknown-options"),
    (Component("under-test", decoders.Good, Silent, "x"), "options-are-plain"),
    (
        Component("under-test", decoders.Good, decoders.GoodOptions, "x", waives={"no-such": "x"}),
        "waives-promises-with-reasons",
    ),
    (Component("under-test", decoders.Prints, decoders.GoodOptions, "x"), "prints-nothing"),
    (Component("under-test", Draws, decoders.GoodOptions, "x"), "leaves-random-generators-alone"),
]


@pytest.mark.parametrize(("component", "promise"), GENERAL)
def test_what_every_component_must_have(component: Component, promise: str) -> None:
    assert named("decoder", promise).verify(subject_of("decoder", component, host=HOST)).broken is not None


def test_every_general_promise_has_a_component_that_breaks_it() -> None:
    assert {promise.name for promise in every_promise()} == {promise for _, promise in GENERAL}


def test_unknown_kinds_and_names_are_misuse() -> None:
    with pytest.raises(UsageError, match="there is no kind 'decodr'"):
        check_component("decodr", "min-null", host=HOST)
    with pytest.raises(UsageError, match="no decoder is called 'min-nul'"):
        check_component("decoder", "min-nul", host=HOST)
    with pytest.raises(UsageError, match="unknown option 'n_best'"):
        subject_of("decoder", "min-null", {"n_best": 3}, host=HOST)


class Hangs:
    """Never comes back from decoding."""

    def __init__(self, options: Any) -> None: ...
    def decode(self, *_: Any) -> Any:
        while True:
            time.sleep(0.01)


def test_a_check_that_hangs_ends_and_so_do_those_after_it() -> None:
    found = list(verdicts(subject("decoder", Hangs), seconds=0.2))
    assert [verdict.timed_out for verdict in found].count(True) == 2
    assert {verdict.outcome for verdict in found} == {"kept", "broken", "skipped"}
    assert next(v for v in found if v.timed_out).broken.seen.startswith("no result after 0.2 seconds")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("cls", "name", "seen"),
    [
        (decoders.Prints, "prints-nothing", "'decoding\\n"),
        (Draws, "leaves-random-generators-alone", "the state of numpy.random changed"),
    ],
)
def test_what_all_checks_watch_is_reported_once_and_can_be_waived(cls: type, name: str, seen: str) -> None:
    of = subject("decoder", cls, decoders.GoodOptions)
    (broken,) = [verdict for verdict in verdicts(of) if verdict.broken]
    assert broken.promise.name == name
    assert broken.broken is not None
    assert broken.broken.seen.startswith(seen)
    assert re.fullmatch("the check of one-prediction-an-example and [0-9]+ more", broken.broken.on)
    component = replace(of.registered.component, waives={name: "it is for people"})
    waived = replace(of, registered=replace(of.registered, component=component))
    assert named("decoder", name).verify(waived).outcome == "waived"
    assert named("decoder", "waives-promises-with-reasons").verify(waived).outcome == "kept"


@pytest.mark.parametrize("kind", ["backbone", "head", "trainer"])
def test_kinds_whose_generators_are_seeded_may_draw_from_them(kind: str) -> None:
    verdict = named(kind, "leaves-random-generators-alone")
    drawn = {"learns": Noticed("", "torch")} | {one.name: Noticed("", "") for one in promises_of(kind)}
    assert verdict.verify(replace(subject(kind, Hangs), noticed=drawn)).outcome == "skipped"


def test_a_waived_promise_is_shown_with_its_reason_and_never_as_kept() -> None:
    name, reason = "one-prediction-an-example", "it gives evidence"
    component = Component("under-test", Hangs, NoOptions, "Waives.", waives={name: reason})
    registered = replace(subject("decoder", Hangs).registered, component=component)
    verdict = named("decoder", name).verify(subject_of("decoder", registered, host=HOST))
    assert (verdict.waived, verdict.outcome) == (reason, "waived")
    silent = replace(registered, component=replace(component, waives={name: " ", "no-such": "x"}))
    told = named("decoder", "waives-promises-with-reasons").verify(subject_of("decoder", silent, host=HOST)).broken
    assert told is not None
    assert "'no-such', not a promise of decoders" in told.seen
