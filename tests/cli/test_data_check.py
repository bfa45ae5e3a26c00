"""``qatk data check``: what a user and a program see, and the exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from modules import HEAVY, modules_loaded
from qatk.cli import app
from qatk.data.quality import KINDS
from qatk.errors import DataError, DataWarning
from qatk.evaluation.evaluate import read_data
from repository import ROOT
from squad_files import document, qa, write

PAGE = ROOT / "docs" / "how-to" / "check-your-data.md"
SHOWN = re.findall(r"^```text\n\$ qatk data check (.*)\n\n((?:.*\n)*?)```$", PAGE.read_text("utf-8"), re.MULTILINE)
"""What the page calls, and what it shows of it."""


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", "check", *arguments], env={"COLUMNS": "80"}, catch_exceptions=False)


@pytest.fixture
def broken(tmp_path: Path) -> str:
    qas = [
        qa("a\x1b[2J", ("Bob\x1b", 3), ("Bob", 3)),
        qa("b", ("Oslo ", 30)),
        qa("c", ("Ann", 0), ("Ann", 0), ("Ann met Bob", 0)),
    ]
    return str(write(tmp_path, document(*qas)))


def test_findings_say_what_it_is_where_and_what_it_costs(broken: str) -> None:
    result = check(broken)
    assert result.exit_code == 1
    said = result.stdout
    assert "error misplaced-answer: 1 answer, which stands elsewhere than answer_start says (16.7 %)" in said
    assert "  cost: training would teach other words: qatk stops at it" in said
    assert "'Bob' at 3, where the context has ' me'; nearest is 'Bob' at 8" in said
    assert "(data[0].paragraphs[0].qas[1]): 'Oslo ' at 30, which is 'Oslo'" in said
    assert "\x1b" not in said
    assert "3 questions, 1 context, 6 answers: findings: 2 errors" in said


def test_the_ceiling_is_told(tmp_path: Path) -> None:
    result = check(str(write(tmp_path, document(qa("a", ("Ann", 0), ("Ann", 0), ("Ann met Bob", 0))))))
    assert result.exit_code == 0
    assert "Annotators among themselves, each scored against the others: EM 66.7, F1 83.3 (1 question" in result.stdout
    assert "1 question, 1 context, 3 answers: nothing is wrong" in result.stdout


def test_a_program_gets_all_of_it(broken: str) -> None:
    result = check(broken, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["questions"], found["contexts"], found["answers"]) == (3, 1, 6)
    kinds = {finding["kind"]: finding for finding in found["findings"]}
    assert set(kinds["misplaced-answer"]) == {
        *("kind", "severity", "unit", "count", "of", "title", "cost", "mend", "ids", "places", "examples")
    }
    assert kinds["misplaced-answer"]["ids"] == ["a\x1b[2J"]
    assert kinds["misplaced-answer"]["places"] == ["data[0].paragraphs[0].qas[0]"]
    assert set(found["agreement"]) == {"exact", "f1", "questions", "answers"}


def test_as_many_examples_are_shown_as_are_wanted(tmp_path: Path) -> None:
    path = str(write(tmp_path, document(*(qa(f"a{k}", ("Eve", 0)) for k in range(6)))))
    for arguments, shown in (([], 3), (["--show", "5"], 5), (["--show", "9"], 6), (["--show", "0"], 0)):
        said = check(path, *arguments).stdout
        assert said.count("'Eve' at 0") == shown
        assert (f"and {6 - shown} more" in said) is (shown < 6)
        absent = {each["kind"]: each for each in json.loads(check(path, *arguments, "--json").stdout)["findings"]}[
            "absent-answer"
        ]
        assert (len(absent["examples"]), len(absent["places"])) == (shown, 6)


def test_train_is_read_as_data_is(tmp_path: Path) -> None:
    row = "question,context,answers\nWhen was it built?,The mill was built in 1843 by bakers.,1843\n"
    for name in ("train", "dev"):
        (tmp_path / f"{name}.csv").write_text(row)
    result = check(str(tmp_path / "dev.csv"), "--against", str(tmp_path / "train.csv"))
    assert result.exit_code == 1
    assert "error question-in-train: 1 question, which is in the training data too, with its context" in result.stdout


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("train.json", []),
        ("train.csv", []),
        ("train.csv", ["--against-set", "roles.context=body"]),
        ("other.csv", ["--against-set", "roles.context=page", "--against-set", "roles.title=null"]),
        ("train.csv", ["--against-use", "table", "--use", "table"]),
        ("train.jsonl", ["--against-use", "evidence"]),
    ],
)
def test_train_may_be_read_otherwise_than_data(tmp_path: Path, name: str, more: list[str]) -> None:
    question, context = "Who met Bob?", "Ann met Bob in Oslo."
    (tmp_path / "dev.csv").write_text(f"id,question,body\na,{question},{context}\n")
    (tmp_path / "train.csv").write_text(f"id,question,body\nb,{question},{context}\n")
    (tmp_path / "other.csv").write_text(f"id,question,page\nb,{question},{context}\n")
    row = {"id": "b", "question": question, "context": context, "spans": [{"char_start": 0, "text": "Ann"}]}
    (tmp_path / "train.jsonl").write_text(json.dumps(row))
    write(tmp_path, document(qa("b", ("Ann", 0), question=question), context=context), "train.json")
    data, train = str(tmp_path / "dev.csv"), str(tmp_path / name)
    found = json.loads(check(data, "--set", "roles.context=body", "--against", train, *more, "--json").stdout)
    assert {each["kind"]: each["ids"] for each in found["findings"]}["question-in-train"] == ["a"]


def test_what_is_mended_is_listed_and_written(broken: str, tmp_path: Path) -> None:
    out = tmp_path / "mended.json"
    result = check(broken, "--fix", str(out))
    lines = result.stdout.splitlines()
    assert lines[0] == r"a\x1b[2J control-characters: Bob\x1b -> Bob"
    assert r"a\x1b[2J misplaced-answer: 'Bob' at 3 -> 'Bob' at 8" in lines
    assert "b padded-answer: 'Oslo ' at 30 -> 'Oslo' at 30" in lines
    assert f"{out}: 5 changes" in lines
    assert result.exit_code == 0
    qas = json.loads(out.read_text())["data"][0]["paragraphs"][0]["qas"]
    assert qas[0]["answers"] == [{"text": "Bob", "answer_start": 8}] * 2
    assert check(str(out)).exit_code == 0
    assert check(str(out), "--fix", str(tmp_path / "again.json")).stdout.startswith(
        f"{tmp_path / 'again.json'}: 0 changes"
    )


@pytest.mark.parametrize(("show", "lines"), [([], 3), (["--show", "0"], 0), (["--show", "9"], 5)])
def test_as_many_changes_are_shown_as_are_wanted_and_places_that_were_found_are_counted(
    show: list[str], lines: int, tmp_path: Path
) -> None:
    path, out = tmp_path / "rows.csv", tmp_path / "mended.csv"
    rows = [f"q{k},Who?,Ann met Bob.,{'Ann' if k < 7 else 'Ann '}" for k in range(12)]
    path.write_text("\n".join(["id,question,context,answers", *rows]))
    said = check(str(path), "--fix", str(out), *show).stdout.splitlines()
    padded = [f"q{k} padded-answer: 'Ann ' -> 'Ann'" for k in range(7, 7 + lines)]
    rest = {3: ["padded-answer: and 2 more"], 0: ["padded-answer: 5 changes"]}.get(lines, [])
    changes = ["unknown-place: places found for 12 answers", *padded, *rest, f"{out}: 17 changes"]
    assert said[: len(changes)] == changes
    found = json.loads(check(str(path), "--fix", str(out), "--force", *show, "--json").stdout)
    assert len(found["changes"]) == 17


def test_a_program_gets_the_changes(broken: str, tmp_path: Path) -> None:
    found = json.loads(check(broken, "--fix", str(tmp_path / "mended.csv"), "--json").stdout)
    assert found["changes"][-1] == {
        "id": "b",
        "place": "data[0].paragraphs[0].qas[1]",
        "kind": "padded-answer",
        "before": "'Oslo ' at 30",
        "after": "'Oslo' at 30",
    }
    assert [finding["kind"] for finding in found["findings"]] == []


def test_rows_without_ids_are_called_by_their_places(tmp_path: Path) -> None:
    path, out = tmp_path / "rows.csv", tmp_path / "mended.csv"
    rows = ["Who?,Ann met Bob.,Ann ,0,no", "Where?,In Oslo.,Oslo,2,yes", "When?,In 1843.,1843,3,no"]
    path.write_text("\n".join(["question,context,answers,answer_start,is_impossible", *rows]))
    said = check(str(path), "--fix", str(out)).stdout.splitlines()
    assert said[:3] == [
        f"{path}: row 2 padded-answer: 'Ann ' at 0 -> 'Ann' at 0",
        f"{path}: row 3 misplaced-answer: 'Oslo' at 2 -> 'Oslo' at 3",
        f"{path}: row 3 contradictory-flag: true -> false",
    ]
    places = {"padded-answer": f"{path}: row 2", "misplaced-answer": f"{path}: row 3"}
    changes = json.loads(check(str(path), "--fix", str(out), "--force", "--json").stdout)["changes"]
    assert places.items() <= {change["kind"]: change["place"] for change in changes}.items()


def test_what_cannot_be_mended_is_left_and_said(tmp_path: Path) -> None:
    qas = [{**qa("a", ("Eve", 0)), "level": "hard"}, qa("b", ("Bob", 0))]
    path, out = write(tmp_path, document(*qas)), tmp_path / "mended.json"
    result = check(str(path), "--fix", str(out))
    assert result.exit_code == 1
    assert "error absent-answer: 1 answer" in result.stdout
    assert "misplaced-answer:" in result.stdout.splitlines()[0]
    qas = json.loads(out.read_text())["data"][0]["paragraphs"][0]["qas"]
    assert (qas[0]["answers"], qas[0]["level"]) == ([{"text": "Eve", "answer_start": 0}], "hard")


@pytest.mark.parametrize(
    ("words", "warned"),
    [
        (["check"], True),
        (["show"], True),
        (["split", "--out", "parts", "--shares", "train=0.5,dev=0.5"], True),
        (["sample", "few.csv", "-n", "1"], True),
        (["convert", "rows.json"], True),
        (["check", "--set", "roles.answers=Antwort"], False),
        (["check", "--set", "roles.answers=null"], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_column_of_answers_that_is_not_found_is_said(
    words: list[str], warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ["Wann?;Die Mühle ist von 1843.;1843", "Wer?;Anna malt die Türen.;Anna"]
    Path("rows.csv").write_text("\n".join(["Question;Context;Antwort", *rows]), "utf-8")
    result = CliRunner().invoke(app, ["data", words[0], "rows.csv", *words[1:]], catch_exceptions=False)
    assert result.exit_code == 0
    guessed, *said = result.stderr.splitlines()
    assert guessed == "warning: rows.csv: columns by their usual names: question is 'Question', context is 'Context'"
    missing = (
        "warning: rows.csv: no gold answers: no column is known to hold the answers (further columns: 'Antwort'); "
        "--set roles.answers=NAME says which one"
    )
    assert said == ([missing] if warned else [])
    if words[0] == "check":
        assert ("warning no-gold: 2 questions" in result.stdout) == ("roles.answers=Antwort" not in words)


def test_a_column_of_answers_that_holds_lists_is_named_with_the_others(tmp_path: Path) -> None:
    row = {"question": "Wer?", "context": "Anna malt.", "antworten": ["Anna"], "quelle": "a"}
    (path := tmp_path / "rows.jsonl").write_text(json.dumps(row))
    told = "no column is known to hold the answers (further columns: 'quelle', 'antworten'); --set roles.answers=NAME"
    assert told in check(str(path)).stderr


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        (["answers", "Ann", "Riga"], []),
        (["answers", "Ann", "iga"], ["cut-word"]),
        (["answers", "Ann", "Oslo"], ["absent-answer"]),
        (["answers", "Ann", "n"], ["ambiguous-place"]),
        (["answers", "Ann", "in"], []),
        (["answers,answer_start", "Ann,", "Riga,-1"], ["unknown-place"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_place_that_the_reader_finds_is_not_unknown(rows: list[str], kinds: list[str], tmp_path: Path) -> None:
    head, one, other = rows
    path = tmp_path / "rows.csv"
    path.write_text(f"question,context,{head}\nWho?,Ann met a man.,{one}\nWhere?,Ann was in Riga; inland.,{other}\n")
    found = json.loads(check(str(path), "--json").stdout)["findings"]
    assert [finding["kind"] for finding in found] == kinds


def test_cells_that_cannot_be_read_are_findings(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "answers": "Ann", "answer_start": "n/a"},
        {"id": "b", "answers": "Bob", "answer_start": "0", "is_impossible": "perhaps"},
        {"id": "c", "answers": ["Ann", "man"], "answer_start": "0", "is_impossible": "yes"},
        {"id": "d", "answers": [], "is_impossible": "no"},
        {"id": "e", "answers": '{"text": null}', "answer_start": "-", "is_impossible": "no"},
        {"id": "f", "answers": "Ann", "answer_start": "0", "is_impossible": "No"},
    ]
    asked = [{**row, "question": f"{row['id']}?", "context": "Ann met a man."} for row in rows]
    path = tmp_path / "rows.csv"
    pd.DataFrame(asked).map(lambda cell: json.dumps(cell) if isinstance(cell, list) else cell).to_csv(path, index=False)
    result = check(str(path), "--json")
    found = {finding["kind"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert result.exit_code == 1
    assert found["unreadable-cell"]["examples"] == [
        f"a ({path}: row 2): 'n/a' is no character position",
        f"b ({path}: row 3): 'perhaps' does not say whether there is an answer",
        f"c ({path}: row 4): 2 answers, but 1 start",
    ]
    assert {kind: finding["ids"] for kind, finding in found.items()} == {
        "unreadable-cell": ["a", "b", "c", "e"],
        "absent-answer": ["b"],
        "contradictory-flag": ["d"],
        "annotators-disagree": ["c"],
    }
    with pytest.raises(DataError, match=r"4 cells cannot be read: a \(.*rows\.csv: row 2\): 'n/a' is no"):
        check(str(path), "--fix", str(tmp_path / "mended.csv"))
    assert not (tmp_path / "mended.csv").exists()
    with pytest.raises(DataError, match=r"rows.csv: row 2 \(a\): 'n/a' is no character position"):
        read_data(path, use="table")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "json"])
def test_places_that_nobody_gave_are_looked_for_as_before(tmp_path: Path, ending: str) -> None:
    rows = [
        {"question": "When?", "context": "In 1843 or 1843.", "answers": "1843"},
        {"question": "Who?", "context": "Ann or Ann.", "answers": json.dumps(["Ann", "Ann"])},
        {"question": "Who?", "context": "Ann, Ann or Bob.", "answers": json.dumps(["Ann", "Bob"])},
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / f"mended.{ending}"
    check(str(tmp_path / "rows.csv"), "--fix", str(out))
    with pytest.warns(DataWarning):
        before, after = (
            read_data(path, use="squad" if path.suffix == ".json" else "table") for path in (tmp_path / "rows.csv", out)
        )
    assert [before.spans_of(row) for row in range(3)] == [after.spans_of(row) for row in range(3)]
    assert (after.spans_of(0), after.spans_of(2)) == ([(3, 7)], [(0, 3), (12, 15)])


def test_what_the_file_cannot_hold_is_said_after_what_was_found(tmp_path: Path) -> None:
    path = write(tmp_path, document(qa("a", ("Bob", 3)), {**qa("b"), "question": " "}))
    result = CliRunner().invoke(app, ["data", "check", str(path), "--fix", str(tmp_path / "mended.csv")])
    assert result.stdout.startswith("a misplaced-answer: 'Bob' at 3 -> 'Bob' at 8")
    assert "error empty-field" in result.stdout
    assert isinstance(result.exception, DataError)
    assert "mended.csv: rows cannot hold 1 question whose question is blank: b" in str(result.exception)


@pytest.mark.parametrize("command", SHOWN, ids=[words for words, _ in SHOWN])
def test_the_page_shows_what_is_printed(
    command: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, printed = command
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    assert printed.rstrip() == check(*words.split()).stdout.rstrip()


def test_the_page_explains_every_kind_of_finding() -> None:
    page = PAGE.read_text("utf-8")
    for name, kind in KINDS.items():
        assert f"| `{name}` | {kind.severity} | {kind.title} | {kind.mend or 'nothing is safe to do'} |" in page


def test_no_model_is_loaded(tmp_path: Path) -> None:
    path = str(write(tmp_path, document(qa("a", ("Ann", 0)))))
    assert not modules_loaded("data", "check", path, "--against", path, "--json", code=1) & HEAVY
