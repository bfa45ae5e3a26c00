"""How an option is spelled where the user stands: ``--null-odds`` on the command line, ``null_odds=`` in Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_OF_COMMANDS = {
    "batch_sizes": "batch-size",
    "block": "no-plugin",
    "executor": "launcher",
    "files": "plugin",
    "keep": "keep-running",
    "options": "set",
    "runtimes": "runtime",
    "settings": "set",
}
"""Options that commands call otherwise than Python."""
_COMMANDS: list[None] = []
"""An item for each command that runs in this process: none where a program of the user's calls qatk."""


@contextmanager
def in_command() -> Iterator[None]:
    """Inside the block, in all threads, messages are for somebody who typed a command."""
    _COMMANDS.append(None)
    try:
        yield
    finally:
        _COMMANDS.pop()


def commanded() -> bool:
    """Whether a command runs."""
    return bool(_COMMANDS)


def spelled(option: str, value: object = None) -> str:
    """An option by the name that Python has for it, as the user would write it; with a value, that too.

    ``True`` is the value of a flag.
    """
    if not _COMMANDS:
        return f"{option}=" if value is None else f"{option}={value!r}"
    name = f"--{_OF_COMMANDS.get(option, option).replace('_', '-')}"
    return name if value is None or value is True else f"{name} {value}"
