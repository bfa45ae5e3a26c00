"""The page on JSON output: it has every command with the option, and its tables say what the commands print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from commands import forked_python
from make_json import PAGE, Section, printed, sections, undescribed, workplace
from qatk.cli import app

SECTIONS = sections(PAGE.read_text("utf-8"))


def commands_with_json(command: typer.core.TyperCommand, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, each in getattr(command, "commands", {}).items():
        yield from commands_with_json(each, (*path, name))
    if any("--json" in parameter.opts for parameter in command.params):
        yield " ".join(path)


def test_every_command_with_the_option_has_its_place() -> None:
    known = [*commands_with_json(typer.main.get_command(app))]  # type: ignore[arg-type]
    assert len(known) > 20
    assert sorted(known) == sorted(each.name for each in SECTIONS)
    assert all(command.startswith(f"qatk {each.name} ") for each in SECTIONS for command in each.commands)


@pytest.mark.parametrize("each", SECTIONS, ids=lambda each: each.name)
def test_a_sample_has_described_keys_alone(each: Section) -> None:
    unknown, _ = undescribed(each, [json.loads(each.sample)])
    assert unknown == set()


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the hub's client, by httpx
def test_the_tables_describe_what_the_commands_print(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", forked_python())  # processes need not load the libraries anew
    with workplace(tmp_path):
        found = {each.name: undescribed(each, printed(each)) for each in SECTIONS}
    assert found == {name: (set(), set()) for name in found}


def test_a_key_that_no_table_describes_is_found() -> None:
    told = Section("x", (), "", frozenset({("a", "[]", "KEY"), ("b",), ("c", "*")}))
    assert undescribed(told, [{"a": [{"p": 1, "q": [2]}], "b": None, "c": {"d": {"e": 1}}}]) == (set(), set())
    assert undescribed(told, [{"a": [{"p": {"q": 1}}], "x": [], "b": {"f": 1}}]) == (
        {("a", "[]", "p", "q"), ("x",), ("b", "f")},
        {("c", "*")},
    )
