"""What is varied in a recipe: ``--over KEY=VALUE,...`` and ``--seeds``."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral

from qatk.arguments import as_json, list_of
from qatk.errors import RecipeError, UsageError
from qatk.recipes.document import parse, scalar
from qatk.spelling import spelled

_BRACKETS = set("[]{}\"'")


@dataclass(frozen=True)
class Over:
    """One key of a recipe and the values to compare.

    Attributes:
        text: the option as it was given.
        key: such as ``backbone.model``.
        values: each as ``--set`` takes it.
        labels: each as a text.
    """

    text: str
    key: str
    values: Sequence[str]
    labels: Sequence[str]


def parse_over(text: str) -> Over:
    """Read ``KEY=A,B`` or ``KEY=[A, B]``; values in brackets or quotes are read as YAML.

    Raises:
        UsageError: where it is no key with values, or a value is empty or stands twice.
    """
    where = spelled("over", text)
    key, equals, given = text.partition("=")
    if not equals or not key.strip() or not given.strip():
        raise UsageError(f"{where}: expected KEY=VALUE,VALUE", fix="for example decoder.n_best_size=5,20")
    if key == "seed":
        raise UsageError(f"{where}: seeds are no systems", fix=f"give them with {spelled('seeds')}")
    values, labels = _values(text, given.strip())
    if "" in values:
        raise UsageError(f"{where}: a value is empty", fix="write null for none")
    if double := [label for label, times in Counter(labels).items() if times > 1]:
        raise UsageError(f"{where}: {', '.join(double)} is given twice")
    return Over(text, key, values, labels)


def over_values(key: str, values: Sequence[object]) -> Over:
    """One key and the values to compare, from Python. Raises :class:`UsageError` as :func:`parse_over` does."""
    name = f"over[{key!r}]"
    listed = list_of(values, name, f"for example over={{{key!r}: [5, 20]}}")
    return parse_over(f"{key}={as_json(listed, name)}")


def _values(text: str, given: str) -> tuple[list[str], list[str]]:
    """Values as texts for ``--set``, and what to call them."""
    if not _BRACKETS & set(given):
        values = [value.strip() for value in given.split(",")]
        return values, values
    found = _yaml(given) if given.startswith("[") else None
    if not isinstance(found, list):
        found = _yaml(f"[{given}]")
    if not isinstance(found, list) or not found:
        where = spelled("over", text)
        raise UsageError(f"{where}: the values are not a YAML list", fix="for example 'KEY=[A, B]'")
    values = [json.dumps(value, ensure_ascii=False) for value in found]
    return values, [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in found]


def value_name(over: Over, i: int) -> str:
    """A value's label; a number and its like say little without the key."""
    label = over.labels[i]
    return label if isinstance(scalar(label), str) else f"{over.key.rpartition('.')[2]}={label}"


def _yaml(text: str) -> object:
    try:
        marked = parse(text, "--over")
    except RecipeError:
        return None
    return None if marked.problems else marked.value


def parse_seeds(text: str) -> list[int]:
    """Read ``0,1,2``.

    Raises:
        UsageError: for anything but different whole numbers from 0 to 4294967295.
    """
    pieces = [piece.strip() for piece in text.split(",")]
    seeds = [int(piece) if re.fullmatch("[0-9]{1,10}", piece) else -1 for piece in pieces]
    return _checked(seeds, f"--seeds {text}", "for example --seeds 0,1,2")


def seed_values(seeds: Iterable[object]) -> list[int]:
    """Seeds from Python. Raises :class:`UsageError` as :func:`parse_seeds` does."""
    listed = list_of(seeds, "seeds", fix := "for example seeds=[0, 1, 2]")
    whole = [int(seed) if isinstance(seed, Integral) and not isinstance(seed, bool) else -1 for seed in listed]
    return _checked(whole, f"seeds={listed}"[:80], fix)


def _checked(seeds: list[int], where: str, fix: str) -> list[int]:
    if not seeds or not all(0 <= seed < 2**32 for seed in seeds):
        raise UsageError(f"{where}: expected whole numbers from 0", fix=fix)
    if double := [str(seed) for seed, times in Counter(seeds).items() if times > 1]:
        raise UsageError(f"{where}: {', '.join(double)} is given twice")
    return seeds
