"""``qatk data audit``: what it prints, its JSON, and the exit code for a tokenizer that loses letters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from losing_tokenizers import put_into
from model_tools import save_model
from qatk.cli import app
from squad_files import document, qa, write
from stride_tools import CORPUS


def audit(*arguments: object, env: dict[str, str] | None = None) -> Any:
    words = ["data", "audit", *map(str, arguments)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "120", **(env or {})}, catch_exceptions=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path, document(qa("a", ("Oslo", 15)), qa("b", ("slo", 16)), qa("c"), qa("d", ("Bob in Oslo", 8))))


SMALL = ("--featurizer", "max_length=48", "--featurizer", "doc_stride=8")


def test_an_audit_says_what_tokens_give(data: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", "roberta")
    found = audit(data, "--backbone", model, *SMALL, "--max-answer-length", "64")
    assert found.exit_code == 0, found.stdout
    said = " ".join(found.stdout.split())
    assert "the answer (exact) 3 100.00 %" in said  # byte-level tokens of one letter begin anywhere
    assert "100.00 % of 3 answerable questions can be answered as the gold does." in said
    assert "max_length doc_stride windows tokens cost in reach" in said
    assert "Nothing is out of reach." in said


def test_its_json_has_all_of_it(data: Path) -> None:
    found = audit(data, "--backbone", "{use: tiny, vocab_size: 60}", "--max-answer-length", "1", "--json")
    said = json.loads(found.stdout)
    assert found.exit_code == (1 if any(f["severity"] == "error" for f in said["findings"]) else 0)
    assert {"questions": 4, "answerable": 3, "cap": 1}.items() <= said.items()
    assert list(said["fits"]) == ["exact", "loose", "cut", "letters_lost", "window", "unknown_place"]
    assert sum(said["fits"].values()) == 3
    assert {*said["shown"]} <= {*said["fits"]}
    assert said["in_reach"] == 1 - sum(said["out_of_reach"].values()) / 3
    assert said["choices"][0]["max_length"] == 384
    assert said["letters"]["lost"] == 0


def test_a_tokenizer_that_loses_letters_fails(tmp_path: Path) -> None:
    data = write(tmp_path, document(qa("a", ("Ada Lovelace", 0)), context=CORPUS[0]))
    model = put_into(save_model(tmp_path / "model", "roberta"), each_word=False)
    found = audit(data, "--backbone", model, "--featurizer", "max_length=64", "--featurizer", "doc_stride=8")
    assert found.exit_code == 1
    assert re.search(r"error: tokens leave out letters: 1 first letters of \d+ words, 1 letters in all", found.stdout)
    assert "'Ada Lovelace'" in found.stdout
    assert "'da Lovelace'" in found.stdout
