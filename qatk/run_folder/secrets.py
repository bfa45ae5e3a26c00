"""What a run folder does not say: the values of options that are called as a secret is, such as ``token``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from qatk.errors import without_secrets
from qatk.recipes.document import scalar

_NAMES = (
    "token hf_token hub_token api_token auth_token access_token use_auth_token password passwd secret secret_key "
    "client_secret api_key apikey access_key private_key credentials"
)
NAMES = frozenset(_NAMES.split())
"""Names of options, in lower case, whose values are written into recipes of a plan and commands of jobs alone.

Jobs read those, and nobody but their owner (:func:`qatk.sweeps.plan_folder.write_plan`).
"""


_LONG = 8
"""The least length of a secret that is looked for under other names too, where an alias of YAML may have put it."""


def hidden(value: Any) -> Any:
    """Plain values with ``***`` for secrets: those called so, also where they stand again, and those in texts."""
    return _starred(value, frozenset(_secrets(value)))


def lost(options: Mapping[str, object]) -> list[str]:
    """The options of a component that :func:`hidden` has taken a secret out of."""
    named = options.items()
    return [name for name, value in named if (value == "***" and _is_secret(name)) or "://***@" in str(value)]


def _starred(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, str):
        return "***" if value in secrets else without_secrets(value)
    if isinstance(value, dict):
        named = value.items()
        return {name: "***" if _is_secret(name) and item else _starred(item, secrets) for name, item in named}
    return [_starred(item, secrets) for item in value] if isinstance(value, list) else value


def _secrets(value: Any) -> Iterator[str]:
    """The texts that are called as a secret is; short ones may stand elsewhere by chance."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _secrets(item)
    if isinstance(value, dict):
        named = (item for name, item in value.items() if _is_secret(name))
        yield from (item for item in named if isinstance(item, str) and len(item) >= _LONG)


def hidden_in_yaml(text: str) -> str:
    """A YAML text, one that is a recipe, with stars where :func:`hidden` has them; the rest stays as it is."""
    shown, done = "", 0
    for start, end in sorted(_Places(text).found):
        if start >= done:
            before = text[text.rfind("\n", 0, start) + 1 : start]
            stars = '"***"' if before.strip() else ' "***"'  # a list may begin below its key, a text may not
            shown, done = f"{shown}{text[done:start]}{stars}", end
    return without_secrets(shown + text[done:])


class _Value(NamedTuple):
    """Where a value begins, what it says if it is a scalar, and whether it is more than nothing."""

    start: int
    text: str
    is_there: bool


class _Places:
    """``found``: from where to where in a YAML text secrets stand, and aliases of what is inside of one."""

    def __init__(self, text: str) -> None:
        self.found: list[tuple[int, int]] = []
        self._text, self._end = text, 0
        self._anchored: dict[str, _Value] = {}
        self._events = yaml.parse(text, Loader=yaml.SafeLoader)
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                self._read(event)

    def _read(self, event: yaml.Event, *, secret: bool = False) -> _Value:
        """The value that begins with this event, to its end."""
        start, end = _span(event)
        self._end = end
        value = _Value(start, "", True)
        if isinstance(event, yaml.AliasEvent):
            value = self._anchored[str(event.anchor)]
            secret = secret or any(begin <= value.start < over for begin, over in self.found)
        elif isinstance(event, yaml.ScalarEvent):
            value = _Value(start, event.value, bool(event.value if event.style else scalar(event.value)))
        elif isinstance(event, yaml.MappingStartEvent):
            pairs = [self._read_pair(key) for key in self._inside()]
            value = _Value(start, "", bool(pairs))
        elif isinstance(event, yaml.SequenceStartEvent):
            items = [self._read(item) for item in self._inside()]
            value = _Value(start, "", bool(items))
        if secret and value.is_there:
            self.found.append((start, len(self._text[: self._end].rstrip())))
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            self._anchored[event.anchor] = value
        return value

    def _read_pair(self, key: yaml.Event) -> _Value:
        name = self._read(key).text
        return self._read(next(self._events), secret=_is_secret(name))

    def _inside(self) -> Iterator[yaml.Event]:
        """The beginning of each value of a list or a mapping; a block is over where its last value is."""
        while not isinstance(event := next(self._events), yaml.CollectionEndEvent):
            yield event
        start, end = _span(event)
        self._end = end if end > start else self._end


def _span(event: yaml.Event) -> tuple[int, int]:
    assert event.start_mark is not None
    assert event.end_mark is not None
    return event.start_mark.index, event.end_mark.index


def _is_secret(name: object) -> bool:
    return str(name).lower() in NAMES
