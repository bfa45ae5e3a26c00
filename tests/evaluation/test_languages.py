"""Scoring by language: one for all questions, or the one that a column names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from qatk.cli.eval import evaluate_command
from qatk.errors import DataError, UsageError
from qatk.evaluation import agreement_of, error_kinds_of, exact_and_f1, normalisation_of
from qatk.evaluation.error_kinds import KINDS
from qatk.evaluation.evaluate import evaluate, evaluate_examples
from qatk.types import Examples
from scoring_cases import examples_of, squad_json

GOLDS = [["der Turm"], ["the mill"], ["北京大学"], []]
SAID = ["Turm", "the the mill", "北京", ""]
LANGUAGES = ["de", "en", "zh", "en"]


def examples(languages: list[str] | None = None) -> Examples:
    return replace(examples_of(GOLDS), columns={"lang": languages or LANGUAGES})


def test_each_question_is_scored_by_its_own_language() -> None:
    by = normalisation_of(column="lang")
    exact, f1 = exact_and_f1(examples(), SAID, normalisation=by)
    assert exact.tolist() == [1, 1, 0, 1]
    assert f1.tolist() == [1, 1, pytest.approx(2 / 3), 1]
    for row, language in enumerate(LANGUAGES):
        alone = exact_and_f1(examples().take([row]), [SAID[row]], normalisation=normalisation_of(language))
        assert (alone[0][0], alone[1][0]) == (exact[row], f1[row])
    assert exact_and_f1(examples(), SAID)[0].tolist() == [0, 1, 0, 1]
    assert by.name_of(examples()) == "de, en, zh"
    assert by.texts(examples(), SAID) == ["turm", "mill", "北 京", ""]
    assert by.answers(examples()) == ["turm", "mill", "北 京 大 学"]


@pytest.mark.parametrize(
    ("languages", "column", "message"),
    [
        (
            ["de", "dee", "en", "dee"],
            "lang",
            "question 'q1' has language 'dee', .*; so have 1 more\n  did you mean 'de'?",
        ),
        (["de", "", "zh", "en"], "lang", "question 'q1' has no language in column 'lang'\n  fill the column"),
        (None, "tongue", r"no column 'tongue' that names languages \(columns read: lang\)\n  read it with the data"),
    ],
)
def test_a_language_that_is_not_there_is_refused(languages: list[str] | None, column: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        exact_and_f1(examples(languages), SAID, normalisation=normalisation_of(column=column))


def test_one_of_language_and_column() -> None:
    with pytest.raises(UsageError, match="the language is 'de', and column 'lang' names one for each question"):
        normalisation_of("de", "lang")


def test_what_follows_from_a_score_is_by_the_same_language() -> None:
    """Kinds of errors share content words by language, and annotators agree by it."""
    said = {"q0": "Turm", "q1": "no", "q2": "北京", "q3": ""}
    found = evaluate_examples(examples(), said, normalisation=normalisation_of(column="lang"))
    assert found.normaliser == "de, en, zh"
    assert [KINDS[code] for code in error_kinds_of(found)] == [
        "right answer",
        "wrong span, right kind",
        "too short",
        "right to abstain",
    ]
    twice = examples_of([["der Turm", "Turm", "ein Turm"]])
    assert getattr(agreement_of(twice, normalisation_of("de")), "exact", None) is None, "texts that differ are variants"
    again = replace(examples_of([["der Turm", "Turm", "Turm"]]), columns={"lang": ["de"]})
    for by in (normalisation_of("de"), normalisation_of(column="lang")):
        assert getattr(agreement_of(again, by), "exact", None) == 100
    assert getattr(agreement_of(again), "exact", 100) < 100


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    data = squad_json(GOLDS)
    for qa, language in zip(data["data"][0]["paragraphs"][0]["qas"], LANGUAGES, strict=True):
        qa["lang"] = language
    (tmp_path / "data.json").write_text(json.dumps(data))
    (tmp_path / "said.json").write_text(json.dumps({f"q{i}": text for i, text in enumerate(SAID)}))
    return [str(tmp_path / "data.json"), str(tmp_path / "said.json")]


def command(*words: str) -> Any:
    app = typer.Typer()
    app.command()(evaluate_command)
    return CliRunner().invoke(app, list(words), catch_exceptions=True)


def test_eval_names_the_normaliser(files: list[str]) -> None:
    figures = json.loads(command(*files, "--language-column", "lang", "--json").stdout)
    assert (figures["exact"], figures["normaliser"]) == (75, "de, en, zh")
    assert json.loads(command(*files, "--json").stdout)["normaliser"] == "en"
    assert "by normaliser de" in " ".join(command(*files, "--language", "de").stdout.split())
    assert evaluate(*files, language_column="lang").metrics["exact"] == 75
    refused = command(*files, "--language", "frr").exception
    assert isinstance(refused, UsageError)
    assert str(refused).startswith("no normaliser is called 'frr'\n  did you mean 'fr'?")
