"""Nested values by flat keys, such as ``trainer.learning_rate`` and ``metrics.0.use``."""

from __future__ import annotations

import json
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


def differing_keys(*settings: Mapping[str, object]) -> list[str]:
    """The keys of flat values that not all have, or have alike, in their order."""
    keys = dict.fromkeys(key for each in settings for key in each)
    return [key for key in keys if any(key not in each or each[key] != settings[0].get(key) for each in settings)]


def shown(settings: Mapping[str, object], key: str) -> str:
    """A flat value for people, cut where it is long."""
    if key not in settings:
        return "not there"
    value = settings[key]
    text = f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
