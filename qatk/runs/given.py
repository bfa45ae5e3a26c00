"""Examples that a program gives to a run, in place of what a recipe would read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from qatk.data import checked
from qatk.errors import UsageError
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset
from qatk.plugins.options import checked_options
from qatk.recipes.compose import Pipeline
from qatk.recipes.recipe import Recipe
from qatk.recipes.sections import DEFAULTS, Choice, may_name
from qatk.types import ALL_COLUMNS, Examples


@dataclass(frozen=True)
class GivenData:
    """Data by split (``train``, ``dev`` or the name of another set), and the choice of each as a recipe says it."""

    examples: Mapping[str, Examples]

    @classmethod
    def of(cls, data: Mapping[str, object] | None) -> GivenData:
        """From whatever :meth:`qatk.Examples.from_rows` reads, with all further columns, or examples.

        Raises:
            UsageError: for what has no rows.
            DataError: for rows that are no questions, and answers that do not stand where they say.
        """
        if data is not None and not isinstance(data, Mapping):
            what = f"data maps each split to its rows, and is an object of type {type(data).__name__}"
            raise UsageError(what, where="data", fix="for example data={'train': rows, 'dev': others}")
        for name in data or {}:
            if name not in ("train", "dev") and not may_name(name):
                raise UsageError(
                    f"{name!r} names no data of a run", where="data", fix="train, dev, or test, own-set ..."
                )
        return cls({name: _examples(each, f"data[{name!r}]") for name, each in (data or {}).items()})

    def settings(self) -> list[str]:
        """The choices as ``KEY=VALUE`` texts for a recipe that is read."""
        return [f"data.{name}={json.dumps(_chosen(each))}" for name, each in self.examples.items()]

    def into(self, recipe: Recipe, host: PluginHost) -> Recipe:
        """A checked recipe with these choices in place of its own."""
        choices = dict(recipe.choices)
        for name, each in self.examples.items():
            chosen = _chosen(each)
            registered = host.find("dataset", use := chosen.pop("use"))
            choices["data", name] = Choice(registered, use, checked_options(registered.component, chosen, host))
        return replace(recipe, choices=choices)

    def bound(self, pipeline: Pipeline) -> Pipeline:
        """The pipeline with datasets that give these examples."""
        found: dict[str, LiveDataset | None] = {"train": pipeline.train, "dev": pipeline.dev, **pipeline.sets}
        for name, examples in self.examples.items():
            live = found[name]
            assert live is not None, "its choice is in the recipe"
            found[name] = LiveDataset(live.registered, _AtHand(examples), live.options)
        train, dev = found.pop("train"), found.pop("dev")
        assert dev is not None, "the recipe's check requires it"
        return replace(pipeline, train=train, dev=dev, sets={name: live for name, live in found.items() if live})


@dataclass(frozen=True)
class _AtHand:
    examples: Examples

    def load(self) -> Examples:
        return self.examples


def _examples(data: object, where: str) -> Examples:
    examples = data if isinstance(data, Examples) else Examples.from_rows(data, columns=[ALL_COLUMNS], where=where)
    return checked(examples, "error", where)


def _chosen(examples: Examples) -> dict[str, str]:
    return {**DEFAULTS["given"], "digest": examples.digest()}
