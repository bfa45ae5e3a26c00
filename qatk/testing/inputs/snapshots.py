"""Whether anything changed: the values of columns, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass

import numpy as np

from qatk.testing.promise import expect


def snapshot(*objects: object) -> dict[str, bytes]:
    """The content of every array and every sequence of dataclass objects, by ``Class.field``."""
    held: dict[str, bytes] = {}
    for one in objects:
        if not is_dataclass(one):
            continue
        for column in fields(one):
            name, value = f"{type(one).__name__}.{column.name}", getattr(one, column.name)
            if is_dataclass(value):
                held |= snapshot(value)
            else:
                held[name] = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
    return held


@contextmanager
def unchanged(*objects: object) -> Iterator[None]:
    """Expect that these objects are after the block as they were before."""
    before = snapshot(*objects)
    yield
    expect(not (names := changed(before, snapshot(*objects))), f"{names} changed")


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> str:
    """The names whose content differs."""
    return ", ".join(name for name in before if before[name] != after.get(name))
