"""What the models of a server are called: a model that is added renames none of those before it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from qatk.errors import UsageError
from qatk.files import place_of
from qatk.run_folder.manifest import is_run

_NAME = re.compile(r"[\w.@:+-]+")


def named_models(words: Sequence[str]) -> dict[str, str]:
    """The models of a command line, each ``MODEL`` or ``NAME=MODEL``, by name.

    A model without a name has that of its folder, or of its run; where a model before it is called so, with as many of
    the folders above as it takes.

    Raises:
        UsageError: for a name that no address can hold, and for two models with one name.
    """
    found: dict[str, str] = {}
    for word in words:
        name, model = _taken_apart(word)
        possible = [name] if name is not None else _names_of(model)
        free = next((each for each in possible if each not in found), None)
        if free is None or (name is None and model in found.values()):
            what = f"two models are called {possible[0]!r}" if free is None else f"{model} is given twice"
            raise UsageError(what, fix="leave one out, or give each a name of its own: NAME=MODEL")
        found[free] = model
    return found


def _taken_apart(word: str) -> tuple[str | None, str]:
    """A name, if one is given, and the model; what is there by this name, or has a ``/`` before ``=``, is a path."""
    name, equals, model = word.partition("=")
    if not equals or "/" in name or os.path.lexists(word):
        return None, word
    if _NAME.fullmatch(name) is None or not model:
        fix = "write NAME=MODEL, with letters, digits, _, -, ., :, @ or + in the name"
        raise UsageError(f"{name!r} is no name of a model" if model else f"no model is called {name!r}", fix=fix)
    return name, model


def _names_of(model: str) -> list[str]:
    """What a model may be called, the shortest first."""
    path = Path(os.path.abspath(place_of(model)))  # noqa: PTH100  resolving would follow links
    if path.name == "model" and is_run(path.parent):
        path = path.parent
    parts = path.parts[1:] or (model,)
    return ["/".join(parts[-size:]) for size in range(1, len(parts) + 1)]
