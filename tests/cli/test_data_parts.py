"""``qatk data split`` and ``qatk data sample``: the files they write, and what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qatk.cli import app
from qatk.errors import UsageError

RUN = ["--use", "facts", "--set", "questions=60", "--set", "seed=4"]


def call(*arguments: object) -> str:
    return CliRunner().invoke(app, ["data", *map(str, arguments)], catch_exceptions=False).stdout


def ids(path: Path) -> list[str]:
    return [row["id"] for row in json.loads(call("show", path, "--json", "-n", "1000"))]


def test_a_split_writes_its_parts_and_says_what_it_did(tmp_path: Path) -> None:
    out = tmp_path / "parts"
    shares = ["--shares", "train=0.8,dev=rest", "--by", "context", "--stratify"]
    said = json.loads(call("split", *RUN, "--out", out, *shares, "--to", "csv", "--json"))
    assert list(said["parts"]) == ["train", "dev"]
    assert (said["by"], said["seed"], said["stratify"], said["left_out"]) == ("context", 0, True, 0)
    found = {name: ids(out / f"{name}.csv") for name in said["parts"]}
    assert {name: len(held) for name, held in found.items()} == {
        name: part["questions"] for name, part in said["parts"].items()
    }
    assert not set(found["train"]) & set(found["dev"])
    assert sum(map(len, found.values())) == 60
    table = call("split", *RUN, "--out", out, *shares, "--seed", "1")
    assert "By context, seed 1, stratified by answerability. No context stands in two parts." in table
    assert f"Written into {out}." in table
    assert [line.split()[0] for line in table.splitlines()[2:4]] == ["train.json", "dev.json"]
    assert sorted(path.name for path in out.iterdir()) == ["dev.csv", "dev.json", "train.csv", "train.json"]


def test_a_split_keeps_what_an_earlier_one_divided(tmp_path: Path) -> None:
    old, new, shares = tmp_path / "old", tmp_path / "new", ["--shares", "train=0.7,test=rest", "--by", "context"]
    call("sample", tmp_path / "few.csv", *RUN, "-n", "40", "--by", "context")
    call("convert", tmp_path / "all.jsonl", *RUN)
    call("split", tmp_path / "few.csv", "--out", old, *shares)
    kept = json.loads(call("split", tmp_path / "all.jsonl", "--out", new, *shares, "--keep", old, "--json"))
    few = set(ids(tmp_path / "few.csv"))
    for name in ("train", "test"):
        assert set(ids(old / f"{name}.csv")) == set(ids(new / f"{name}.jsonl")) & few
    contexts = sum(part["contexts"] for part in kept["parts"].values())
    assert 0 < kept["kept"] < contexts
    assert (kept["torn"], kept["absent"]) == (0, 0)
    again = ["split", tmp_path / "all.jsonl", "--out", tmp_path / "third", "--by", "context", "--keep", old]
    said = CliRunner().invoke(app, ["data", *map(str, again), "--shares", "train=1"])
    gone = {row["context"] for row in json.loads(call("show", old / "test.csv", "--json", "-n", "1000"))}
    assert f"{kept['kept'] - len(gone)} of {contexts} contexts stayed" in said.output
    assert f"{old / 'test.csv'}: no part is called so; its questions are divided anew" in said.output


def test_a_split_has_the_form_of_its_data(tmp_path: Path) -> None:
    call("convert", tmp_path / "all.csv", *RUN)
    call("split", tmp_path / "all.csv", "--out", tmp_path, "--counts", "few=10", "--by", "context")
    assert (tmp_path / "few.csv").exists()


def test_a_sample_is_written_in_the_form_of_its_ending(tmp_path: Path) -> None:
    out = tmp_path / "few.jsonl.gz"
    said = call("sample", out, *RUN, "-n", "10")
    assert said.startswith(f"{out}: 10 questions, ")
    assert said.endswith("of 60, seed 0\n")
    more = tmp_path / "more.json"
    assert json.loads(call("sample", more, *RUN, "-n", "20", "--json"))["questions"] == 20
    assert set(ids(out)) < set(ids(more))


@pytest.mark.parametrize(
    ("text", "said"),
    [("train", "'' for train is not a share"), ("a=0.5,a=0.5", "the part 'a' stands twice"), ("../a=1", "no name")],
)
def test_shares_that_say_nothing(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        call("split", *RUN, "--out", tmp_path, "--shares", text)
    assert not list(tmp_path.iterdir())
