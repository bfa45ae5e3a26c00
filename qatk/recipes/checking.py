"""Every mistake of a recipe at once, each at its place, with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from qatk.errors import PluginError, UsageError, nearest, suggest
from qatk.plugins.host import PluginHost
from qatk.plugins.normalisers import LANGUAGE_KEYS
from qatk.plugins.options import complaints, explain
from qatk.plugins.parts import DatasetPart, with_parts
from qatk.plugins.registered import Registered
from qatk.recipes.document import Marked
from qatk.recipes.sections import FURTHER, SECTIONS, Choice, Scalars, Section, may_name, sections_of

_SLIP = 0.75
"""How like a key that is not there a name is taken for a slip of it."""


class Checker:
    """Walks a parsed recipe and collects every problem in ``problems``.

    Args:
        marked: the recipe.
        host: the plugins whose components it may name.
        importing: whether components of plugins other than qatk's own are imported, to see that they can be.
    """

    def __init__(self, marked: Marked, host: PluginHost, *, importing: bool = False) -> None:
        self.marked, self.host, self.importing = marked, host, importing
        self.problems = list(marked.problems)

    def check(self) -> tuple[Scalars, dict[tuple[str, ...], Choice | list[Choice]]]:
        """Plain values and choices, as far as they are in order; see :attr:`problems`."""
        value = self.marked.value
        groups = {path[0] for path in SECTIONS}
        self._refuse_unknown(value, (), [*Scalars.model_fields, *groups])
        scalars = self._scalars()
        choices: dict[tuple[str, ...], Choice | list[Choice]] = {}
        for group in groups - {path[0] for path in SECTIONS if len(path) == 1}:
            self._check_group(group)
        for path, section in sections_of(value).items():
            if (choice := self._section(path, section)) is not None:
                choices[path] = choice
        self._check_scores(choices.get(("head",)), choices.get(("decoder",)))
        self._check_languages(choices.get(("metrics",), []))
        return scalars, choices

    def _add(self, path: tuple[str | int, ...], what: str, fix: str = "", *, at_key: bool = False) -> None:
        self.problems.append(self.marked.problem(path, what, fix, at_key=at_key))

    def _refuse_unknown(self, mapping: Mapping[str, object], path: tuple[str | int, ...], known: Sequence[str]) -> None:
        for key in mapping:
            if key not in known:
                self._add((*path, key), f"unknown key {key!r}", suggest(str(key), known), at_key=True)

    def _scalars(self) -> Scalars:
        value = self.marked.value
        if "qatk" not in value:
            self._add((), "the key 'qatk' is missing", "start with qatk: 1")
        try:
            scalars = Scalars.model_validate({name: value[name] for name in Scalars.model_fields if name in value})
        except ValidationError as error:
            for detail in complaints(error):
                self._add((str(detail["loc"][0]),), *explain(detail, ()))
            return Scalars()
        if scalars.keep_best is not None and not scalars.score_epochs:
            self._add(("score_epochs",), "epochs that are not scored cannot be compared", "add keep_best: null")
        return scalars

    def _check_group(self, group: str) -> None:
        value = self.marked.value.get(group)
        known = [path[1] for path in SECTIONS if path[0] == group]
        if not isinstance(value, dict):
            self._add((group,), f"{group} should have {' or '.join(known)}, or both", f"{group}: {{dev: {{use: ...}}}}")
            self.marked.value[group] = {}
        elif not value:
            self._add((group,), f"{group} is empty", f"it takes {' and '.join(known)}")
        elif group in FURTHER:
            self._check_names(group, value, known)
        else:
            self._refuse_unknown(value, (group,), known)

    def _check_names(self, group: str, value: Mapping[str, object], known: Sequence[str]) -> None:
        """Hold keys of the user's choice to being names, and none of them a slip of a known key that is not there."""
        absent = [key for key in known if key not in value]
        for name in value:
            if not may_name(name):
                fix = "letters, digits, '.', '-' and '_', up to 64, the first a letter or a digit"
                self._add((group, name), f"{name!r} cannot name an evaluation set", fix, at_key=True)
            elif name not in known and (near := nearest(name, absent, _SLIP)) is not None:
                self._add((group, name), f"unknown key {name!r}", f"did you mean {near!r}?", at_key=True)

    def _check_languages(self, metrics: Choice | list[Choice]) -> None:
        """Hold the languages of metrics to being known, and to being one: answers of a run are compared in one way."""
        first: tuple[str, str] | None = None
        for i, choice in enumerate(metrics if isinstance(metrics, list) else []):
            for key in LANGUAGE_KEYS:
                if (name := getattr(choice.options, key, None)) is None:
                    continue
                if key == "language":
                    self._find(("metrics", i, key), "normaliser", name)
                if first is None:
                    first = (key, name)
                elif (key, name) != first:
                    what = f"the metrics have two languages: {first[0]} {first[1]!r} and {key} {name!r}"
                    self._add(("metrics", i, key), what, "give both the same; one that names none follows the others")

    def _find(self, path: tuple[str | int, ...], kind: str, name: str) -> Registered | None:
        """The component of a name; a problem at its place where there is none, or where it cannot be used."""
        try:
            registered = self.host.find(kind, name)
        except UsageError as error:
            self._add(path, error.what, error.fix or "")
            return None
        if self.importing and (not registered.is_built_in or registered.component.requires):
            try:
                registered.usable()
            except PluginError as error:
                self._add(path, error.what, error.fix or "")
        return registered

    def _section(self, path: tuple[str, ...], section: Section) -> Choice | list[Choice] | None:
        value = self.marked.value
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            if section.required:
                self._add((), f"the key {'.'.join(path)!r} is missing", f"{path[-1]}: {{use: NAME, ...}}")
            return None
        if not section.many:
            return self._choice(path, section.kind, value)
        if not isinstance(value, list):
            self._add(path, f"{'.'.join(path)} should be a list", "[{use: NAME, ...}]")
            return None
        if not value and not section.none_will_do:
            self._add(path, f"{'.'.join(path)} is empty", "name one at least, or leave the key out for the usual ones")
        found = [self._choice((*path, i), section.kind, item) for i, item in enumerate(value)]
        return [choice for choice in found if choice is not None]

    def _check_scores(self, head: Choice | list[Choice] | None, decoder: Choice | list[Choice] | None) -> None:
        """Refuse a decoder that cannot read what the head gives, before anything is trained."""
        if not isinstance(head, Choice) or not isinstance(decoder, Choice):
            return
        if lost := set(head.registered.component.scores) - set(decoder.registered.component.scores):
            reading = [r.name for r in self.host.components("decoder") if not lost - set(r.component.scores)]
            path = ("decoder",) if ("decoder",) in self.marked.values else ("head",)
            what = f"the decoder {decoder.use!r} cannot read the scores of {' and '.join(sorted(lost))}"
            self._add(path, f"{what} that the head {head.use!r} gives", f"use one of {', '.join(reading)}")

    def _choice(self, path: tuple[str | int, ...], kind: str, value: object) -> Choice | None:
        if not isinstance(value, dict) or not isinstance(value.get("use"), str):
            names = ", ".join(r.name for r in self.host.components(kind))
            self._add(path, f"a {kind} is chosen by a mapping with 'use'", f"{{use: NAME, ...}}, NAME one of {names}")
            return None
        if (registered := self._find((*path, "use"), kind, value["use"])) is None:
            return None
        given = {k: v for k, v in value.items() if k != "use"}
        inside: list[Choice] = []

        def part(place: tuple[str | int, ...], each: object) -> DatasetPart:
            if (choice := self._choice((*path, *place), "dataset", each)) is None:
                return DatasetPart(use="")  # of which nothing more is said
            inside.append(choice)
            return DatasetPart.of(choice.registered, choice.use, choice.options)

        options = registered.component.options
        try:
            checked = options.model_validate(with_parts(options, given, part))
            return Choice(registered, value["use"], checked, tuple(inside))
        except ValidationError as error:
            self._explain_options(path, registered, error)
            return None

    def _explain_options(self, path: tuple[str | int, ...], registered: Registered, error: ValidationError) -> None:
        """One problem for each place: the members of a union complain one by one."""
        known = list(registered.component.options.model_fields)
        places: dict[tuple[str | int, ...], ErrorDetails] = {}
        for detail in complaints(error):
            place = self.marked.deepest((*path, *detail["loc"]))
            first = places.setdefault(place, detail) if detail["type"] != "missing" else detail
            if first is not detail:
                first["msg"] += f", or: {detail['msg']}"
            elif detail["type"] == "missing":
                what, fix = explain(detail, known)
                self._add(path, f"{registered.kind} {registered.name!r} {what}", fix)
        for place, detail in places.items():
            what, fix = explain(detail, known)
            self._add(place, what, fix, at_key=detail["type"] == "extra_forbidden")
