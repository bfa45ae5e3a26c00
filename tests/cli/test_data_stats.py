"""``qatk data stats``: the tables and charts, the page, the JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from modules import HEAVY, modules_loaded
from qatk.cli import app
from qatk.data import describe
from qatk.types.starts import Ambiguous
from qatk_builtin.datasets.table import TableDataset
from qatk_builtin.datasets.table_options import TableOptions
from repository import ROOT
from squad_files import document, qa, write


def stats(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", "stats", *arguments], env={"COLUMNS": "80"}, catch_exceptions=False)


@pytest.fixture
def data(tmp_path: Path) -> str:
    qas = [{**qa("a", ("Bob", 3)), "question": "Whom did Ann meet?"}, {**qa("b"), "question": "How many?"}]
    return str(write(tmp_path, document(*qas)))


def test_tables_and_charts_of_data_that_are_broken(data: str) -> None:
    result = stats(data)
    assert result.exit_code == 0
    rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "questions without an answer 1" in rows
    assert "words of a question 2 2 3 3.0 4 4" in rows
    assert "who ━━━━━━━━━━━━━━━━ 1 50.0 %" in rows
    assert max(map(cell_len, result.stdout.splitlines())) <= 80


@pytest.mark.filterwarnings("ignore:.*several times in the context:qatk.errors.DataWarning")
@pytest.mark.parametrize("ambiguous", get_args(Ambiguous))
def test_places_that_the_reader_finds_are_known(ambiguous: Ambiguous, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,question,context,answers\na,Who?,Bob met Bob.,Bob\nb,Who?,Ann met Eve.,Eve\nc,Who?,Ann.,Tom\n")
    found = json.loads(stats(str(path), "--set", f"ambiguous={ambiguous}", "--json").stdout)
    loaded = TableDataset(TableOptions(path=str(path), ambiguous=ambiguous, bad_answers="keep")).load()
    assert found["counts"]["answers_of_unknown_position"] == (loaded.answer_start < 0).sum()
    assert found["spreads"] == json.loads(json.dumps(describe(loaded).plain()["spreads"]))


def test_a_page_instead(data: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert stats(data, "--html", str(page)).stdout == ""
    assert "words of a question" in page.read_text("utf-8")


def test_a_program_gets_all_of_it(data: str) -> None:
    found = json.loads(stats(data, "--json").stdout)
    assert found["counts"]["questions"] == 2
    assert found["groups"]["question-word"] == {"who": 1, "how many/much": 1}
    shown = {"least", "median", "mean", "p90", "most", "bars", "count"}
    assert all(shown == set(spread) for spread in found["spreads"].values())
    names = [*found, *found["counts"], *found["spreads"], *shown]
    assert [name for name in names if not re.fullmatch("[a-z][a-z0-9_]*", name)] == []


def test_windows_of_a_backbone() -> None:
    options = ["--use", "facts", "--set", "questions=40", "--set", "long=1", "--json"]
    found = json.loads(stats(*options, "--backbone", "{use: tiny, max_length: 256}").stdout)
    windows = found["spreads"]["windows_per_question"]
    assert (windows["count"], windows["most"] > 1) == (40, True)


def test_windows_fit_a_model_of_short_ones() -> None:
    found = stats(str(ROOT / "examples/compare/dev.json"), "--backbone", "{use: tiny, max_length: 96}")
    assert found.exit_code == 0
    assert "windows" in found.stdout


def test_no_model_is_loaded(data: str) -> None:
    assert not modules_loaded("data", "stats", data) & HEAVY
