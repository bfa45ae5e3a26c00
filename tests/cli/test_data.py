"""``qatk data show``: what a user sees, with and without colour, and what goes wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from qatk.cli import app
from qatk.errors import DataError, QatkError, UsageError

LONG = "Filler words stand here. " * 40


def document() -> dict[str, Any]:
    context = "Ann met Bob in Oslo [bold]. She left\x1b[31m Oslo in May. " + LONG
    qas = [
        {"id": "q-oslo", "question": "Where did [red]Ann meet him?", "answers": []},
        {"id": "q-none", "question": "Who is Eve?", "answers": []},
        {"id": "q-bob", "question": "Whom?", "answers": [{"text": "Bob"}]},
    ]
    for text, start in (("Oslo", 15), ("in Oslo", 12), ("Oslo", 15)):
        qas[0]["answers"].append({"text": text, "answer_start": start})  # type: ignore[attr-defined]
    return {"data": [{"title": "Meetings", "paragraphs": [{"context": context, "qas": qas}]}]}


@pytest.fixture
def dev(tmp_path: Path) -> str:
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(document()))
    return str(path)


def show(*arguments: str, env: dict[str, str] | None = None) -> str:
    environ = {"COLUMNS": "80", **(env or {})}
    return CliRunner().invoke(app, ["data", "show", *arguments], env=environ, catch_exceptions=False).stdout


def failure(kind: type[QatkError], *arguments: str) -> str:
    result = CliRunner().invoke(app, ["data", "show", *arguments])
    assert type(result.exception) is kind
    return str(result.exception)


def test_an_example_reads_well_without_colour_at_80_columns(dev: str) -> None:
    shown = show(dev, "--id", "q-oslo")
    assert max(map(len, shown.splitlines())) <= 80
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines[0].startswith("q-oslo · Meetings")
    assert lines[1:3] == ["question  Where did [red]Ann meet him?", "answer    Oslo (2 times) | in Oslo"]
    assert lines[4].startswith("  Ann met Bob «in «Oslo»» [bold]. She left␛[31m Oslo in May. Filler")
    assert lines[-1] == "1 of 3 questions shown; 1 context; 1 question without an answer"
    assert "\x1b" not in shown


def test_with_colour_the_data_still_cannot_write_to_the_terminal(dev: str) -> None:
    shown = show(dev, "--id", "q-oslo", env={"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert "\x1b[1;32m" in shown
    assert "left␛[31m Oslo" in shown


def test_no_answer_and_unknown_places_are_said(dev: str) -> None:
    assert "answer    no answer" in show(dev, "--id", "q-none")
    assert "answer    Bob (position unknown)" in show(dev, "--id", "q-bob")


def test_contexts_are_cut_around_the_answer(dev: str) -> None:
    assert len(show(dev, "--id", "q-oslo")) > 1000
    assert "Bob «in «Oslo»»" in show(dev, "--id", "q-oslo", "--around", "40")
    assert len(show(dev, "--id", "q-oslo", "--around", "40")) < 500


def test_which_are_shown(dev: str) -> None:
    def ids(*arguments: str) -> list[str]:
        return [example["id"] for example in json.loads(show(dev, "--json", *arguments))]

    assert ids() == ["q-oslo", "q-none", "q-bob"]
    assert ids("--unanswerable") == ["q-none"]
    assert ids("--answerable") == ["q-oslo", "q-bob"]
    assert ids("--id", "q-bob", "--id", "q-oslo") == ["q-bob", "q-oslo"]
    once = {seed: ids("-n", "1", "--seed", str(seed)) for seed in range(8)}
    assert once == {seed: ids("-n", "1", "--seed", str(seed)) for seed in range(8)}
    assert len({chosen[0] for chosen in once.values()}) > 1


def test_json_has_all(dev: str) -> None:
    [example] = json.loads(show(dev, "--json", "--id", "q-oslo"))
    qa = document()["data"][0]["paragraphs"][0]["qas"][0]
    assert example["answers"] == qa["answers"]
    assert (example["title"], example["question"]) == ("Meetings", qa["question"])
    assert example["context"] == document()["data"][0]["paragraphs"][0]["context"]


def test_data_without_gold(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    qas = [{"id": "a", "question": "?"}]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "c", "qas": qas}]}]}))
    assert "answer    not known" in show(str(path))
    assert json.loads(show(str(path), "--json"))[0]["answers"] is None
    assert "no gold answers" in failure(UsageError, str(path), "--answerable")


def test_other_datasets(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps({"id": 1, "context": "Riga is old.", "question": "What is old?"}))
    assert "question  What is old?" in show(str(tmp_path / "x.jsonl"), "--use", "hub", "--set", "split=train")


def test_answers_of_several_spans(tmp_path: Path) -> None:
    context = "Riga and old Oslo are towns."
    oslo = [{"char_start": 9, "text": "old Oslo"}, {"char_start": 13, "text": "Oslo"}]
    spans = [{"char_start": 0, "text": "Riga"}, oslo]
    row = {"id": "a", "context": context, "question": "Which towns?", "spans": spans}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    shown = show(str(tmp_path / "x.jsonl"), "--use", "evidence")
    assert re.search(r"answer +Riga *\n +old Oslo \| Oslo *\n", shown)
    [example] = json.loads(show(str(tmp_path / "x.jsonl"), "--use", "evidence", "--json"))
    found = [(answer["text"], answer["span"]) for answer in example["answers"]]
    assert found == [("Riga", 0), ("old Oslo", 1), ("Oslo", 1)]


def test_misuse(dev: str) -> None:
    assert "did you mean 'q-bob'?" in failure(UsageError, dev, "--id", "q-bop")
    assert "did you mean" in failure(UsageError, dev.replace("dev.json", "dve.json"))
    assert "DATA is missing: the dataset 'squad' needs path" in failure(UsageError)
    assert "no dataset is called 'sqad'" in failure(UsageError, dev, "--use", "sqad")
    assert "takes no DATA" in failure(UsageError, dev, "--use", "facts")
    assert "bad_answers" in failure(UsageError, dev, "--set", "bad_answer=skip")
    Path(dev).write_text('{"data": []}')
    assert "no questions" in failure(DataError, dev)
