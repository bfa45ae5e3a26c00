"""Promises of components of every kind: what a recipe, ``qatk plugins list`` and a manifest need of them."""

from __future__ import annotations

import json

from pydantic import ValidationError

from qatk.plugins.parts import DatasetPart
from qatk.testing.promise import Subject, Unkept, expect, given, promise
from qatk.testing.promises import promises_in

SUMMARY_LENGTH = 80
"""Longer summaries do not stay on one line of ``qatk plugins list``."""


@promise("its class can be imported, has the methods of its kind, and can be created from its options")
def can_be_built(subject: Subject) -> None:
    """Import and build."""
    with given("the given options" if subject.values else "its default options"):
        subject.registered.cls()
        subject.build()


@promise(f"it has a summary of one line, shorter than {SUMMARY_LENGTH} characters")
def has_a_summary(subject: Subject) -> None:
    """What ``qatk plugins list`` shows."""
    summary = subject.registered.component.summary
    expect(summary.strip() and "\n" not in summary, f"the summary {summary!r}")
    expect(len(summary) < SUMMARY_LENGTH, f"{len(summary)} characters")


@promise("its class has a docstring")
def has_a_docstring(subject: Subject) -> None:
    """What its reader reads first."""
    expect((subject.registered.cls().__doc__ or "").strip(), f"{subject.registered.cls().__name__} has no docstring")


@promise("unknown options are refused")
def refuses_unknown_options(subject: Subject) -> None:
    """A misspelled option must not pass in silence."""
    with given("the option no_such_option: 1"):
        try:
            subject.registered.component.options.model_validate({**subject.values, "no_such_option": 1})
        except ValidationError as error:
            expect("no_such_option" in str(error), str(error))
        else:
            raise Unkept("it was accepted")


@promise("its options are immutable plain values, each with a docstring")
def options_are_plain(subject: Subject) -> None:
    """Recipes and manifests hold them, and ``qatk plugins show`` explains them. A ``DatasetPart`` is plain, too."""
    options = subject.registered.component.options
    schema = options.model_json_schema()
    nested = [name for name in schema.get("$defs", ()) if name != DatasetPart.__name__]
    expect(not nested, f"nested models: {', '.join(nested)}")
    json.dumps(schema)
    expect(options.model_config.get("frozen"), "the options are not frozen")
    silent = [name for name, entry in schema.get("properties", {}).items() if not entry.get("description")]
    expect(not silent, f"no docstring for {', '.join(silent)}")


@promise("every promise that it waives exists and has a reason")
def waives_promises_with_reasons(subject: Subject) -> None:
    """A misspelled name would waive nothing."""
    waived = subject.registered.component.waives
    known = {one.name for kind in (subject.kind, "throughout") for one in promises_in(kind)}
    unknown = [name for name in waived if name not in known]
    expect(not unknown, f"{', '.join(map(repr, unknown))}, not a promise of {subject.kind}s")
    silent = [name for name, reason in waived.items() if not reason.strip()]
    expect(not silent, f"{', '.join(map(repr, silent))} without a reason")
