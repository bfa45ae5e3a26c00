"""What stays on the screen of a terminal where somebody runs a command."""

from __future__ import annotations

from pathlib import Path

from commands import forked_python
from screen import screen, written_by
from small import write_recipe

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def test_the_screen_of_a_terminal() -> None:
    assert screen("one\r\ntwo\x1b[2K\r\x1b[1A\x1b[31mO\x1b[0mx") == ["Oxe", ""]


def test_a_report_begins_on_a_line_of_its_own_and_no_bar_stays(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=64, dev=16, epochs=20)  # two would be over before the view is drawn again
    command = [forked_python(), "-m", "qatk", "run", str(recipe), "--out", str(tmp_path / "run")]
    written, code = written_by(command, cwd=tmp_path)
    lines = screen(written)
    assert code == 0, lines
    for passing in ("training", "loss", "windows/s", "dev epoch"):
        assert passing in written
    said = [line for line in lines if line]
    assert said[0].startswith("recipe ━━━"), said[:5]
    assert said[-1] == f"all results are in {tmp_path / 'run'}"
    assert not [line for line in lines if set(line) & set(SPINNER)]
    for title in ("Run", "Training", "Slices", "Answerability"):
        assert [line for line in said if line.startswith(title)], title
    assert not [line for line in lines if line.startswith(("features", "predicting", "training", "loss", "dev epoch"))]
