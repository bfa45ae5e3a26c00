"""What the runs of a comparison were made by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qatk.comparison.answers import Found
from qatk.display.keys import flat
from qatk.recipes.keys import computed

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost

_SAME = ("seed", "data", "metrics", "slicers")
"""Sections of a recipe in which the runs of a comparison may not differ, or do in spite of being of one system."""


def settings_of(run: Found, host: PluginHost | None) -> dict[str, object]:
    """By key, the settings that decide what a run computes; of its training data how many questions, and a digest.

    Args:
        run: as it was found; where it is none, nothing is known.
        host: the plugins that say which options change nothing.
    """
    if not (recipe := run.manifest.get("recipe")):
        return {}
    from qatk.plugins.host import PluginHost

    train, limit = run.manifest.get("data", {}).get("train"), run.manifest.get("identity", {}).get("limit")
    of_data = {"questions": train["questions"], "digest": train["digest"][:12]} if train else {}
    own = {name: value for name, value in recipe.items() if name not in _SAME}
    known = computed(own, host or PluginHost.discover())
    return flat({"data": {"train": of_data}, **({} if limit is None else {"limit": limit}), **known})
