"""Texts of plugins on the terminal: shown, and not obeyed."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from qatk.cli import main
from qatk.cli.console import SafeConsole

HEBREW = "שלום"
PLUGIN = '''
from qatk.api import Component, Options, hookimpl


class MyOptions(Options):
    """Options."""

    size: int = 1
    """How many \\x1b[2J of them."""


class Decoder:
    """Decodes."""

    def __init__(self, options):
        pass

    def decode(self, examples, features, scores):
        pass


@hookimpl
def qatk_decoders():
    """Decoders."""
    return [Component("evil", f"{__name__}:Decoder", MyOptions, "does \\x1b]0;title\\x07 and \\x9b2J and \\u202eabc")]
'''


def render(*things: object) -> str:
    console = SafeConsole(file=StringIO(), width=60, force_terminal=True, color_system="standard")
    for thing in things:
        console.print(thing)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_control_characters_are_shown_wherever_they_stand() -> None:
    table = Table("a\x1b[2Jb")
    table.add_row(Text("cell\x07\x9b"), "x\u202ey")
    shown = render("plain \x1b[31m", Text("text\x1b[2J"), Panel("in\x1b[2Jside"), table)
    assert "plain \\x1b" in shown
    assert "text\\x1b[2J" in shown
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown.replace("\x1b[1m", "").replace("\x1b[0m", ""))


def test_styles_and_lines_stay() -> None:
    assert render(Text("bold", "bold"), "one\ntwo") == "\x1b[1mbold\x1b[0m\none\ntwo\n"


@pytest.mark.parametrize(
    "command", ["plugins list", "plugins show evil", "plugins list --json", "plugins show evil --json"]
)
def test_what_a_plugin_says_of_itself(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evil.py").write_text(PLUGIN, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["qatk", "--plugin", "evil.py", *command.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
    if "--json" in command:
        found = json.loads(said)
        rows = found["components"] if isinstance(found, dict) else found
        assert "\x9b2J" in next(row["summary"] for row in rows if row["name"] == "evil")
    else:
        assert {"\\x1b]0;title\\x07", "\\x9b2J", "\\u202eabc"} <= set(said.split())


def test_text_from_right_to_left_leaves_alone_what_stands_beside_it() -> None:
    """In a terminal each such text is isolated, without width; a file gets it as it is."""
    table = Table("id", "answer", "n")
    table.add_row("q1", Text(HEBREW), "1")
    table.add_row("q2", Text("Os\u202elo"), "2")
    shown = {}
    for terminal in (True, False):
        out = StringIO()
        SafeConsole(file=out, force_terminal=terminal, color_system=None, width=40, legacy_windows=False).print(table)
        shown[terminal] = out.getvalue().splitlines()
    row = next(line for line in shown[True] if "q1" in line)
    assert f"\u2068{HEBREW}\u2069" in row
    assert [line.replace("\u2068", "").replace("\u2069", "") for line in shown[True]] == shown[False]
    assert "\u2068" not in "".join(shown[False])
    assert "\u202e" not in "".join(shown[True]), "what turns around text beside it is still not obeyed"
    out = StringIO()
    long = Text(f"{HEBREW} " * 12)
    SafeConsole(file=out, force_terminal=True, color_system=None, width=20).print(long)
    lines = [line for line in out.getvalue().splitlines() if line.strip()]
    assert len(lines) > 2
    assert all(line.startswith("\u2068") and line.rstrip().endswith("\u2069") for line in lines), "line by line"
