"""``qatk data check``: what a user and a program see, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from modules import HEAVY, modules_loaded
from qatk.cli import app
from squad_files import document, qa, write


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", "check", *arguments], env={"COLUMNS": "80"}, catch_exceptions=False)


@pytest.fixture
def broken(tmp_path: Path) -> str:
    qas = [qa("a\x1b[2J", ("Bob\x1b", 3), ("Bob", 3)), qa("b", ("Oslo ", 30)), qa("c", ("Ann", 0), ("Ann met Bob", 0))]
    return str(write(tmp_path, document(*qas)))


def test_findings_say_what_it_is_where_and_what_it_costs(broken: str) -> None:
    result = check(broken)
    assert result.exit_code == 1
    said = result.stdout
    assert "error misplaced-answer: 1 answer, which stands elsewhere than answer_start says (20.0 %)" in said
    assert "  cost: training would teach other words: qatk stops at it" in said
    assert "'Bob' at 3, where the context has ' me'; nearest is 'Bob' at 8" in said
    assert "(data[0].paragraphs[0].qas[1]): 'Oslo ' at 30, which is 'Oslo'" in said
    assert "\x1b" not in said
    assert "3 questions, 1 context, 5 answers: findings: 2 errors" in said


def test_the_ceiling_is_told(tmp_path: Path) -> None:
    result = check(str(write(tmp_path, document(qa("a", ("Ann", 0), ("Ann met Bob", 0))))))
    assert result.exit_code == 0
    assert "Annotators among themselves, each scored against the others: EM 0.0, F1 50.0 (1 question" in result.stdout
    assert "1 question, 1 context, 2 answers: nothing is wrong" in result.stdout


def test_a_program_gets_all_of_it(broken: str) -> None:
    result = check(broken, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["questions"], found["contexts"], found["answers"]) == (3, 1, 5)
    kinds = {finding["kind"]: finding for finding in found["findings"]}
    assert set(kinds["misplaced-answer"]) == {
        *("kind", "severity", "unit", "count", "of", "title", "cost", "mend", "ids", "examples")
    }
    assert kinds["misplaced-answer"]["ids"] == ["a\x1b[2J"]
    assert set(found["agreement"]) == {"exact", "f1", "questions", "answers"}


def test_train_is_read_as_data_is(tmp_path: Path) -> None:
    row = "question,context,answers\nWhen was it built?,The mill was built in 1843 by bakers.,1843\n"
    for name in ("train", "dev"):
        (tmp_path / f"{name}.csv").write_text(row)
    result = check(str(tmp_path / "dev.csv"), "--against", str(tmp_path / "train.csv"))
    assert result.exit_code == 1
    assert "error question-in-train: 1 question, which is in the training data too, with its context" in result.stdout


def test_no_model_is_loaded(tmp_path: Path) -> None:
    path = str(write(tmp_path, document(qa("a", ("Ann", 0)))))
    assert not modules_loaded("data", "check", path, "--against", path, "--json", code=1) & HEAVY
