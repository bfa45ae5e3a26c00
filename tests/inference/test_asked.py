"""Questions that are read in blocks: what is wrong with any is said first, and memory does not grow with them."""

from __future__ import annotations

import json
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from qatk.data import save
from qatk.errors import DataError, DataWarning, UsageError
from qatk.files import streaming
from qatk.inference.asked import Asked, Survey, read_asked
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset
from qatk.types import Examples
from qatk_builtin.datasets import table_streams

HOST = PluginHost.discover(environ={})
ROW = {"context": "Ann met Bob in Oslo. Oslo is old.", "question": "Where?"}
GOLD = {"text": ["Oslo"], "answer_start": [15]}


def dataset(path: Path, use: str = "table", **options: Any) -> LiveDataset:
    return HOST.live(LiveDataset, "dataset", use, {"path": str(path), **options})


def asked(path: Path, *rows: dict[str, Any], **options: Any) -> Asked:
    path.write_text("".join(json.dumps(ROW | row) + "\n" for row in rows))
    return read_asked(dataset(path, **options), 2)


def test_a_block_at_a_time_is_given_as_often_as_it_is_asked_for(tmp_path: Path) -> None:
    found = asked(tmp_path / "a.jsonl", *({"id": str(n), "answers": GOLD} for n in range(5)))
    assert (found.count, found.has_gold) == (5, True)
    for _ in range(2):
        assert [list(block.id) for block in found.blocks()] == [["0", "1"], ["2", "3"], ["4"]]
    again = asked(tmp_path / "b.jsonl", *({"id": str(n), "answers": GOLD} for n in range(5)))
    assert found.digest == again.digest
    other = asked(tmp_path / "c.jsonl", *({"id": str(n), "answers": GOLD} for n in (0, 1, 2, 4, 3)))
    assert other.digest != found.digest


def test_what_one_process_saw_spares_others_a_reading(tmp_path: Path) -> None:
    first, seen = asked(tmp_path / "a.jsonl", *({"id": str(n), "answers": GOLD} for n in range(5))), list[Examples]()
    assert first.survey is not None
    first.survey.write(tmp_path / "survey.json")
    known = Survey.known(tmp_path / "survey.json")
    assert known == first.survey
    again = read_asked(dataset(tmp_path / "a.jsonl"), 2, look=seen.append, known=known)
    assert not seen, "nothing was read"
    assert (again.digest, again.sizes, again.has_gold) == (first.digest, [2, 2, 1], True)
    assert [list(block.id) for block in again.blocks(range(1, 3))] == [["2", "3"], ["4"]]
    asked(tmp_path / "a.jsonl", *({"id": str(n), "answers": GOLD} for n in range(9)))
    with pytest.raises(DataError, match=r"the data changed since they were first read\n.*OUT\.parts"):
        list(again.blocks(range(2, 3)))
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(UsageError, match="there is no such file"):
        list(again.blocks(range(1)))
    (tmp_path / "survey.json").write_text("{")
    assert Survey.known(tmp_path / "survey.json") is None


def test_what_is_wrong_is_said_as_of_a_whole_reading(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 question id occurs more than once: 1"):
        asked(tmp_path / "twice.jsonl", *({"id": str(n % 4)} for n in (0, 1, 2, 3, 5)))
    wrong = {"id": "x", "answers": {"text": ["Oslo"], "answer_start": [3]}}
    with pytest.raises(DataError, match=r"(?s)1 answer of 1 question is not .*x: 'Oslo' at 3"):
        asked(tmp_path / "wrong.jsonl", *({"id": str(n), "answers": GOLD} for n in range(4)), wrong)
    with pytest.raises(DataError, match=r"'question' is null in 1 row, first in .*null\.jsonl:5"):
        asked(tmp_path / "null.jsonl", *({"id": str(n)} for n in range(4)), {"id": "x", "question": None})
    (tmp_path / "cut.jsonl").write_text(json.dumps({"id": "a", **ROW}) + "\n" + '{"id": "b", "context"\n')
    with pytest.raises(DataError, match=r"cut\.jsonl:2: this line is not JSON"):
        read_asked(dataset(tmp_path / "cut.jsonl"), 2)


def test_gold_of_some_blocks_alone_is_left_to_a_whole_reading(tmp_path: Path) -> None:
    """A question that is impossible needs no answers, so that a block of such looks as if gold were absent."""

    def qa(name: str, **answers: Any) -> dict[str, Any]:
        return {"id": name, "question": "Where?", **answers}

    gold = {"answers": [{"text": "Oslo", "answer_start": 15}]}
    impossible = [qa("b", is_impossible=True), qa("c", is_impossible=True)]
    for last, code in (([qa("d", **gold)], 0), ([qa("d", **gold), qa("e")], 1)):
        parts = [{"context": ROW["context"], "qas": qas} for qas in ([qa("a", **gold)], impossible, last)]
        path = tmp_path / "x.json"
        path.write_text(json.dumps({"data": [{"paragraphs": [part]} for part in parts]}))
        if code:
            with pytest.raises(DataError, match="1 question has no 'answers' while others have: e"):
                read_asked(dataset(path, "squad"), 2)
        else:
            found = read_asked(dataset(path, "squad"), 2)
            assert found.has_gold
            assert [block.has_answer.tolist() for block in found.blocks()] == [[True, False], [False, True]]


def test_warnings_are_shown_once_and_not_one_for_each_block(tmp_path: Path) -> None:
    rows = ({"id": str(n), "answers": "Oslo", "question": None, "q": "Where?"} for n in range(12))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = asked(tmp_path / "a.jsonl", *rows, roles={"question": "q"}, columns=[])
        assert sum(len(block) for block in found.blocks()) == 12
    texts = [str(each.message) for each in said if issubclass(each.category, DataWarning)]
    assert len(texts) == 4
    assert texts[-1] == "3 warnings more of other questions"
    (tmp_path / "b.csv").write_text("id,question,context\n,,\n" + "".join(f"{n},Who?,Ann.\n" for n in range(6)))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert sum(len(block) for block in read_asked(dataset(tmp_path / "b.csv"), 2).blocks()) == 6
    assert [str(each.message) for each in said] == [f"{tmp_path / 'b.csv'}: left out: 1 empty row"]


def test_data_that_change_between_two_readings_are_refused(tmp_path: Path) -> None:
    found = asked(tmp_path / "a.jsonl", *({"id": str(n)} for n in range(4)))
    blocks = found.blocks()
    next(blocks)
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "0", **ROW}) + "\n")
    with pytest.raises(DataError, match="the data changed"):
        list(found.blocks())


def test_a_look_sees_all_questions_with_gold_before_the_first_is_answered(tmp_path: Path) -> None:
    seen: list[str] = []

    def look(examples: Examples) -> None:
        seen.extend(examples.id)

    path = tmp_path / "a.jsonl"
    asked(path, *({"id": str(n), "answers": GOLD} for n in range(5)))
    read_asked(dataset(path), 2, look=look)
    assert seen == list("01234")
    path.rename(tmp_path / "a.ndjson")
    save(dataset(tmp_path / "a.ndjson").load(), tmp_path / "a.json")
    seen.clear()
    read_asked(HOST.live(LiveDataset, "dataset", "facts", {"questions": 3}), 2, look=look)
    assert len(seen) == 3  # a dataset that does not stream


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet"])
def test_memory_does_not_grow_with_the_questions(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's and Arrow's; a block of 50 questions of 5 kB is held, of files of 10 MB and of 30 MB."""
    monkeypatch.setattr(streaming, "BLOCK", 1 << 17)
    monkeypatch.setattr(table_streams, "_BLOCK", 1 << 17)
    peaks = {}
    for count in (2_000, 6_000):
        examples = Examples.from_rows(
            [
                {"id": f"q{n}", "question": "Where?", "context": f"{n} {'word ' * 1000}", "title": f"T{n // 50}"}
                for n in range(count)
            ]
        )
        path = tmp_path / f"{count}{name}"
        save(examples, path)
        del examples
        source = dataset(path, "squad" if name.endswith(".json") else "table")
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        most = 0
        found = read_asked(source, 50)
        for block in found.blocks():
            assert len(block) <= 50
            most = max(most, pa.total_allocated_bytes() - before)
        peaks[count] = most + tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.count == count
    assert peaks[6_000] < peaks[2_000] + 4_000_000, peaks
