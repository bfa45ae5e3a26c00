"""Nested values by flat keys, such as ``trainer.learning_rate`` and ``metrics.0.use``."""

from __future__ import annotations

from collections.abc import Mapping


def flat(nested: object, at: str = "") -> dict[str, object]:
    """The values of nested mappings and lists by key; places in a list count from 0."""
    if isinstance(nested, Mapping):
        inner = [(str(key), value) for key, value in nested.items()]
    elif isinstance(nested, list | tuple):
        inner = [(str(i), value) for i, value in enumerate(nested)]
    else:
        return {at: nested}
    found: dict[str, object] = {}
    for key, value in inner:
        found |= flat(value, f"{at}.{key}" if at else key)
    return found
