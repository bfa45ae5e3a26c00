"""``qatk data convert``: from any reader to any form, and what it says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qatk.cli import app
from qatk.errors import UsageError
from squad_files import document, qa, write


def convert(*arguments: object) -> str:
    return CliRunner().invoke(app, ["data", "convert", *map(str, arguments)], catch_exceptions=False).stdout


def shown(path: Path, *more: str) -> list[dict[str, object]]:
    out = CliRunner().invoke(app, ["data", "show", str(path), "--json", *more], catch_exceptions=False).stdout
    found: list[dict[str, object]] = json.loads(out)
    return found


def test_a_file_is_converted_and_the_same_is_shown_of_it(tmp_path: Path) -> None:
    source = write(tmp_path, document(qa("a", ("Oslo", 15), ("in Oslo", 12), level="hard"), qa("b")))
    out = tmp_path / "out.csv.gz"
    assert convert(source, out) == f"{out}: 2 questions, 1 context, csv; further columns: level\n"
    assert shown(out) == shown(source)
    back = tmp_path / "back.json"
    said = json.loads(convert(out, back, "--to", "squad", "--json"))
    assert said == {"path": str(back), "form": "squad", "questions": 2, "contexts": 1, "columns": ["level"]}
    assert json.loads(back.read_text("utf-8")) == {
        "version": "v2.0",
        "data": [
            {
                "title": "T",
                "paragraphs": [
                    {
                        "context": "Ann met Bob in Oslo. Ann left Oslo in May.",
                        "qas": [
                            {**qa("a", ("Oslo", 15), ("in Oslo", 12)), "is_impossible": False, "level": "hard"},
                            {**qa("b"), "is_impossible": True, "level": ""},
                        ],
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("mark", "by", "ending"), [(b"\xef\xbb\xbf", ";", ".csv"), (b"", "\t", ".CSV"), (b"\xef\xbb\xbf", ",", ".csv.gz")]
)
def test_csv_is_written_as_that_which_is_read(mark: bytes, by: str, ending: str, tmp_path: Path) -> None:
    rows = [
        ["id", "question", "context", "answers"],
        *([f"q{k}", "Wo?", f"Müller ist {k}.", "Müller"] for k in range(4)),
    ]
    content = mark + "".join(f"{by.join(row)}\r\n" for row in rows).encode()
    data = tmp_path / f"data{ending}"
    data.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    calls = {
        "convert.csv": ["convert", data, tmp_path / "convert.csv"],
        "sample.csv": ["sample", data, tmp_path / "sample.csv", "-n", "2"],
        "check.csv": ["check", data, "--fix", tmp_path / "check.csv"],
        "split.csv": [
            "split",
            tmp_path / "d*",
            "--use",
            "table",
            "--out",
            tmp_path,
            "--shares",
            "split=1",
            "--to",
            "csv",
        ],
        "other.jsonl": ["convert", data, tmp_path / "other.jsonl"],
    }
    for name, words in calls.items():
        CliRunner().invoke(app, ["data", *map(str, words)], catch_exceptions=False)
        written = (tmp_path / name).read_bytes()
        if name.endswith(".csv"):
            assert written.startswith(mark + f'"id"{by}"title"{by}"question"{by}"context"'.encode())
        assert next(row["context"] for row in shown(tmp_path / name)).startswith("Müller ist ")
    convert(tmp_path / "other.jsonl", tmp_path / "plain.csv")
    assert (tmp_path / "plain.csv").read_bytes().startswith(b'"id","title"')


@pytest.mark.parametrize("name", ["OUT.CSV.GZ", "Out.Jsonl.gz", "OUT.JSON", "OUT.PARQUET"])
def test_what_is_written_is_read_whatever_its_case(name: str, tmp_path: Path) -> None:
    source, out = write(tmp_path, document(qa("a", ("Oslo", 15)), qa("b"))), tmp_path / name
    convert(source, out)
    assert shown(out) == shown(source)
    CliRunner().invoke(app, ["data", "split", str(out), "--out", str(tmp_path), "--shares", "train=1"])
    assert [path.suffix for path in tmp_path.glob("train.*")] == [
        out.with_name(name.lower().removesuffix(".gz")).suffix
    ]


def test_several_spans_go_to_rows_alone(tmp_path: Path) -> None:
    rows = tmp_path / "evidence.jsonl"
    spans = [[{"char_start": 0, "text": "Ann"}], [{"char_start": 8, "char_end": 11}, {"char_start": 8, "char_end": 11}]]
    rows.write_text(json.dumps({"id": "a", "question": "Who?", "context": "Ann met Bob.", "spans": spans, "by": "me"}))
    out = tmp_path / "out.parquet"
    assert "1 question, 1 context, parquet; further columns: by" in convert(rows, out, "--use", "evidence")
    assert shown(out, "--use", "evidence") == shown(rows, "--use", "evidence")
    for name, said in (("out.json", "take for alternatives"), ("out.csv", "CSV cannot hold")):
        done = CliRunner().invoke(app, ["data", "convert", str(rows), str(tmp_path / name), "--use", "evidence"])
        assert said in str(done.exception)
        assert not (tmp_path / name).exists()


def test_the_file_that_is_read_is_not_written(tmp_path: Path) -> None:
    source, train = (write(tmp_path, document(qa("a")), name) for name in ("dev.json", "train.json"))
    rows = tmp_path / "rows-1.csv"
    convert(source, rows)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for named, command in (
        ("DATA", ["convert", source, source]),
        ("DATA", ["convert", tmp_path / "rows-*.csv", rows]),
        ("DATA", ["sample", source, source, "-n", "1"]),
        ("DATA", ["split", train, "--out", tmp_path, "--shares", "train=1"]),
        ("DATA", ["stats", source, "--html", source]),
        ("DATA", ["check", source, "--fix", source]),
        ("TRAIN", ["check", source, "--against", train, "--fix", train]),
    ):
        with pytest.raises(UsageError, match=f"the file to write is one that {named} names"):
            CliRunner().invoke(app, ["data", *map(str, command)], catch_exceptions=False)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_that_exists_is_overwritten_by_force_alone(tmp_path: Path) -> None:
    source, there = write(tmp_path, document(qa("a")), "dev.json"), tmp_path / "train.json"
    for command in (
        ["convert", source, there],
        ["sample", source, there, "-n", "1"],
        ["split", source, "--out", tmp_path, "--shares", "train=1"],
        ["check", source, "--fix", there],
        ["convert", there, "--use", "facts", "--set", "questions=1"],
    ):
        there.write_text("kept", "utf-8")
        with pytest.raises(UsageError, match="exists already"):
            CliRunner().invoke(app, ["data", *map(str, command)], catch_exceptions=False)
        assert there.read_text("utf-8") == "kept"
        CliRunner().invoke(app, ["data", *map(str, command), "--force"], catch_exceptions=False)
        assert len(shown(there)) == 1


def test_the_files_of_a_glob_without_quotes_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for path in paths:
        path.write_text("question,context\nWho?,Ann.\n", "utf-8")
    for command in ("show", "check", "audit", "stats", "convert", "split"):
        with pytest.raises(UsageError, match=r"extra argument .*[bc].csv'\n.*in quotes.*--set \"path="):
            CliRunner().invoke(app, ["data", command, *map(str, paths)], catch_exceptions=False)
    listed = ["data", "show", "--use", "table", "--set", f"path=[{', '.join(map(str, paths[:2]))}]", "--json"]
    assert len(json.loads(CliRunner().invoke(app, listed, catch_exceptions=False).stdout)) == 2


def test_a_dataset_without_data_is_given_out_alone(tmp_path: Path) -> None:
    out = tmp_path / "facts.parquet"
    assert convert(out, "--use", "facts", "--set", "questions=6").startswith(f"{out}: 6 questions, ")
    assert len(shown(out, "-n", "9")) == 6


def test_a_mixture_keeps_the_columns_of_its_sets(tmp_path: Path) -> None:
    for name, more in (("one", {"level": "hard"}), ("other", {"language": "no"})):
        write(tmp_path, document(qa(name, ("Oslo", 15), **more)), f"{name}.json")
    sets = ", ".join(f"{name}: {{use: squad, path: {tmp_path / name}.json}}" for name in ("one", "other"))
    out = tmp_path / "mix.jsonl"
    assert "2 questions" in convert(out, "--use", "mix", "--set", f"sets={{{sets}}}")
    rows = {row["id"]: row for row in map(json.loads, out.read_text("utf-8").splitlines())}
    assert (rows["one"]["level"], rows["one"]["language"]) == ("hard", "")
    assert (rows["other"]["level"], rows["other"]["language"]) == ("", "no")
