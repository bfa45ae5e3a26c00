"""``qatk.data`` from Python on files: read as they stand, checked, mended, described and saved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest

from qatk.data import BadAnswers, check, describe, fix, read, read_rows, save, strict
from qatk.errors import DataError, DataWarning, UsageError
from qatk.plugins.endings import reader_of
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset
from qatk.types import Examples
from repository import ROOT

FOLDER = ROOT / "examples" / "check"


def loaded_by(host: PluginHost, path: Path, **options: object) -> Examples:
    use, option = reader_of(str(path), None, host)
    return host.live(LiveDataset, "dataset", use, {option: str(path), **options}).load()


def test_a_file_is_read_as_it_stands_mended_and_saved(tmp_path: Path) -> None:
    raw, train = read(FOLDER / "dev.jsonl"), read(FOLDER / "train.jsonl")
    kinds = [finding.kind for finding in check(raw, train).errors]
    assert {"misplaced-answer", "duplicate-id", "question-in-train"} <= set(kinds)
    with pytest.raises(DataError, match="the data: "):
        strict(raw)
    mended, changes = fix(raw)
    assert len(changes) == 5
    save(mended, tmp_path / "mended.jsonl")
    saved = read(tmp_path / "mended.jsonl")
    assert check(saved).plain() == check(replace(mended, place=saved.place)).plain()
    assert describe(mended).plain() == describe(strict(mended)).plain()
    assert describe(raw).counts["questions"] == 8


@pytest.mark.filterwarnings("ignore:.*(several times in the context|no answer_start):qatk.errors.DataWarning")
@pytest.mark.parametrize("ambiguous", ["first", "last", "unknown"])
@pytest.mark.parametrize(
    "starts", [["", "", ""], [",answer_start", ',"[-1, null]"', ","], [",answer_start", ",", ",-1"]]
)
def test_places_of_a_table_are_those_that_its_reader_finds(
    starts: list[str], ambiguous: str, tmp_path: Path, host: PluginHost
) -> None:
    path = tmp_path / "rows.csv"
    answers = '"[""Ada"", ""Rome""]"'
    rows = "id,question,context,answers", f"a,Who?,Ada met Ada in Rome.,{answers}", "b,Who?,Eve and Ada.,Ada"
    path.write_text("".join(f"{row}{start}\n" for row, start in zip(rows, starts, strict=True)))
    raw, loaded = read(path, ambiguous=ambiguous), loaded_by(host, path, ambiguous=ambiguous)
    assert strict(raw).digest() == loaded.digest()
    assert describe(raw).plain() == describe(loaded).plain()
    for name in ("saved.json", "saved.jsonl", "saved.csv", "saved.parquet"):
        save(raw, tmp_path / name)
        assert loaded_by(host, tmp_path / name).answer_start.tolist() == loaded.answer_start.tolist()


@pytest.mark.parametrize("policy", get_args(BadAnswers))
def test_answers_that_stand_nowhere_are_bad_however_they_are_read(
    policy: BadAnswers, tmp_path: Path, host: PluginHost
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,question,context,answers\na,Who?,Ada met Eve.,Bob\nb,Who?,Ada met Eve.,EVE\nc,Who?,Ada.,Ada\n")
    if policy == "error":
        with pytest.raises(DataError, match="a: 'Bob' is not in the context\n    b: 'EVE' is not in the context"):
            strict(read(path))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        assert strict(read(path), policy).digest() == loaded_by(host, path, bad_answers=policy).digest()


def test_examples_are_checked_and_mended_too() -> None:
    raw = fix(read(FOLDER / "dev.jsonl"))[0]
    examples = strict(raw)
    assert check(examples, strict(read(FOLDER / "train.jsonl"))).errors
    assert fix(examples)[1] == []


def test_a_dataset_and_its_options_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "asked.csv").write_text("query;context;id\nWho?;A red fox.;q0\n")
    roles = {name: name for name in ("id", "context")} | {"question": "query"}
    raw = read(tmp_path / "asked.csv", "table", delimiter=";", roles=roles)
    assert (raw.question, raw.context) == (["Who?"], ["A red fox."])
    with pytest.raises(UsageError, match="the dataset 'facts' reads no file"):
        read(tmp_path / "asked.csv", "facts")
    with pytest.raises(UsageError, match="there is no such file"):
        read(tmp_path / "absent.csv")


@pytest.mark.parametrize("take", [check, fix, describe, lambda data: save(data, "x.json")])
def test_what_is_no_data_is_refused(take: Callable[[Any], object]) -> None:
    for wrong in ("dev.json", [{"id": "a"}], None):
        with pytest.raises(
            UsageError, match=r"no examples but an object of type (str|list|NoneType)\n  read a file by"
        ):
            take(wrong)


def test_rows_at_hand_are_read_as_those_of_a_file(tmp_path: Path) -> None:
    rows = [
        {"question": "What is old?", "passage": "The mill of Delft is old.", "answers": "the mill of Delft.", "n": "1"},
        {"question": "Who?", "passage": "The mill of Delft is old.", "answers": "Ann", "n": "2"},
    ]
    roles = {"context": "passage"}
    with pytest.raises(DataError, match=r"2 answers are not in the context.*\n.*\n.*\n.*qatk.data.read_rows takes all"):
        Examples.from_rows(rows, roles=roles)
    raw = read_rows(rows, roles=roles)
    pd.DataFrame(rows).to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    from_file = read(tmp_path / "rows.jsonl", roles=roles)
    assert check(raw).plain() == check(replace(from_file, place=raw.place)).plain()
    mended, changes = fix(raw)
    assert [(change.place, change.kind) for change in changes] == [
        ("row 0", "padded-answer"),
        ("row 0", "misspelt-answer"),
    ]
    with pytest.warns(DataWarning, match="1 question left out"):
        kept = strict(mended, "skip")
    assert (kept.spans_of(0), len(kept), kept.columns["n"]) == ([(0, 17)], 1, ["1"])
    with pytest.raises(UsageError, match="ambiguous is 'any'"):
        read_rows(rows, ambiguous="any")  # type: ignore[arg-type]


def test_bad_answers_name_what_mends_more(tmp_path: Path, host: PluginHost) -> None:
    (tmp_path / "rows.csv").write_text("question,context,answers\nWho?,Ann met Bob.,Ann.\n")
    with pytest.raises(DataError, match="scores them; `qatk data check FILE --fix OUT` also mends others"):
        loaded_by(host, tmp_path / "rows.csv")
    with pytest.raises(DataError, match="scores them; `qatk data check FILE --fix OUT` also mends others"):
        strict(read(tmp_path / "rows.csv"))
