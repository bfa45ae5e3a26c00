"""Keys of filled recipes: what stands there, and in what two recipes differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from qatk.display.keys import differing_keys, flat, shown
from qatk.errors import QatkError
from qatk.recipes.sections import sections_of

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost


def value_at(recipe: object, key: str) -> object:
    """The value of a key; of a section, the component that it names.

    Raises:
        KeyError: it has no such key.
    """
    value = recipe
    for step in key.split("."):
        if isinstance(value, Mapping):
            value = value[step]
        elif isinstance(value, list | tuple) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise KeyError(key)
    if isinstance(value, Mapping) and "use" in value:
        return value["use"]
    return value


NO_RESULT = ("launcher", "reporters", "trackers", "score_epochs", "save_every", "keep_last")
"""Keys that change nothing of what a run computes."""


def computed(recipe: Mapping[str, object], host: PluginHost) -> dict[str, object]:
    """A filled recipe, such as a manifest's, without the keys and options that change nothing of what a run computes.

    Options of components that are not installed all stay.
    """
    sections = sections_of(recipe)

    def without(value: object, path: tuple[str, ...]) -> object:
        if isinstance(value, list | tuple):
            return [without(each, path) for each in value]
        if not isinstance(value, Mapping):
            return value
        if path not in sections:
            return {name: without(inner, (*path, name)) for name, inner in value.items()}
        try:
            options = host.find(sections[path].kind, str(value["use"])).component.options
        except QatkError:
            return value
        return {name: inner for name, inner in value.items() if name not in options.incidental()}

    return {name: without(value, (name,)) for name, value in recipe.items() if name not in NO_RESULT}


MOST = 5
"""How many differing keys a message names."""


def differences(held: Mapping[str, object], wanted: Mapping[str, object], counts: Callable[[str], bool]) -> list[str]:
    """In what two filled recipes differ: ``KEY OLD, now NEW``, and how many more keys there are.

    Of a section that names another component, its options differ too, and are not named.

    Args:
        held: the recipe that was.
        wanted: the one that is.
        counts: whether a key is looked at, such as ``trainer.log_every``.
    """
    old, new = ({k: v for k, v in flat(of).items() if counts(k)} for of in (held, wanted))
    keys = differing_keys(old, new)
    others = [key.removesuffix("use") for key in keys if key.endswith(".use")]
    keys = [key for key in keys if not any(key.startswith(of) and key != f"{of}use" for of in others)]
    said = [f"{key} {shown(old, key)}, now {shown(new, key)}" for key in keys[:MOST]]
    return [*said, *([f"{len(keys) - MOST} more"] if len(keys) > MOST else [])]
