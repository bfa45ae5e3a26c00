"""``qatk.data`` from Python on files: read as they stand, checked, mended, described and saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qatk.data import check, describe, fix, read, save, strict
from qatk.errors import DataError, UsageError
from repository import ROOT

FOLDER = ROOT / "examples" / "check"


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
