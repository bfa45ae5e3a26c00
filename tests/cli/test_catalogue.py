"""Every row of ``catalogue.md``: a wrong input gives one message and the exit code that is due, and leaves no trace."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import pytest

from qatk.cli import main
from qatk.plugins.host import PluginHost
from wrong_inputs import WORDS, make

TABLE = Path(__file__).with_name("catalogue.md")
COUNTED = (
    "answer",
    "question",
    "context",
    "window",
    "token",
    "row",
    "character",
    "file",
    "run",
    "seed",
    "value",
    "span",
)
PATIENCE_S, LONGEST = 60, 2_000
"""Seconds that a wrong input may take, and characters that its message may have."""


@dataclass(frozen=True)
class Row:
    line: int
    command: str
    code: int
    said: str


def rows() -> list[Row]:
    found = []
    for number, line in enumerate(TABLE.read_text("utf-8").splitlines(), 1):
        if match := re.fullmatch(r"\| `qatk (.+)` \| ([12]) \| (.+) \|", line):
            found.append(Row(number, match[1], int(match[2]), match[3]))
        else:
            assert not line.startswith("| `"), f"line {number} is no row"
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, host: PluginHost) -> Path:
    root = tmp_path_factory.mktemp("wrong")
    make(root, host)
    return root


@pytest.fixture(scope="module")
def left() -> dict[Path, dict[str, tuple[int, int]]]:
    """The contents of the folder as the last row left it, if it passed: what the next one finds."""
    return {}


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.line}-{row.command}"[:60]) for row in rows()])
def test_a_wrong_input_gives_one_message(
    row: Row,
    folder: Path,
    left: dict[Path, dict[str, tuple[int, int]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setattr(sys, "argv", ["qatk", *(replaced(word) for word in shlex.split(row.command))])
    before = left.pop(folder, None) or contents(folder)
    with warnings.catch_warnings(), limited(), pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    said = " ".join(re.sub("[\u2500-\u257f]", "", out + err).split())
    assert ended.value.code == row.code, said
    for words in row.said.split(" ... "):
        assert words in said
    assert "Traceback" not in said
    assert not re.search(r"(?<![\w.,-])1 ([a-z]+ )?[a-z]+(?<![su])s (are|have|were|do|stand|occur)\b", said), (
        "1 is singular"
    )
    assert not re.search(rf"(?<![\w.,-])1 ({'|'.join(COUNTED)})s\b", said), "1 is singular"
    assert len(said) <= LONGEST
    assert re.fullmatch(r"[\n -\x7e\xa0-\U0010ffff]*", out + err), "control characters"
    shutil.rmtree("runs", ignore_errors=True)  # a run that came to nothing, which the next start takes over
    left[folder] = contents(folder)
    assert left[folder] == before, "something was written"


def replaced(word: str) -> str:
    for name, text in WORDS.items():
        word = word.replace(name, text)
    return word


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and time, and every folder; a lock that comes and goes changes a folder's time alone."""
    found: dict[str, tuple[int, int]] = {}
    folders = [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:  # faster than rglob and os.walk; it runs for each row
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    state = entry.stat(follow_symlinks=False)
                    found[entry.path] = (state.st_size, state.st_mtime_ns)
                elif entry.name != "__pycache__":
                    found[entry.path] = (0, 0)
                    folders.append(entry.path)
    return found


@contextmanager
def limited() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no message within {PATIENCE_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_no_row_stands_twice() -> None:
    assert not [command for command, times in Counter(row.command for row in rows()).items() if times > 1]
