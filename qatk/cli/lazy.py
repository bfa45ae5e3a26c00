"""Commands that are imported when they are used, so that each starts without the others."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_group


class Lazy(NamedTuple):
    """Where a command is: a function of a module, or its group of commands, of which ``help`` says what it is for."""

    module: str
    name: str
    help: str | None = None


class Commands(TyperGroup):
    """A group whose commands are those of ``lazy``, in that order, and then those that it is given."""

    lazy: ClassVar[Mapping[str, Lazy]] = {}

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Found({**self.lazy, **self.commands})


class _Found(UserDict[str, Any]):
    """Commands by name, of which each is imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        if isinstance(found := self.data[name], Lazy):
            self.data[name] = found = _import(name, found)
        return found


def _import(name: str, where: Lazy) -> object:
    """The command as Typer makes it in a group."""
    target = getattr(import_module(where.module), where.name)
    group = typer.Typer(rich_markup_mode=None)  # plain help, as everywhere
    group.callback()(lambda: None)
    if isinstance(target, typer.Typer):
        group.add_typer(target, name=name, help=where.help)
    else:
        group.command(name)(target)
    return get_group(group).commands[name]
