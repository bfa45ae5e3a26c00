"""The ``label-studio`` and ``doccano`` datasets, on files in the form that the tools export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qatk.errors import DataError, DataWarning
from qatk.types import Examples
from qatk_builtin.datasets import DoccanoOptions, LabelStudioOptions
from qatk_builtin.datasets.doccano import DoccanoDataset
from qatk_builtin.datasets.label_studio import LabelStudioDataset

TEXT = "😀 The mill was built in 1843 by Ann."


def result(label: str, text: str, start: int) -> dict[str, Any]:
    """A region as the editor of Label Studio saves it."""
    value = {"start": start, "end": start + len(text), "text": text, "labels": [label]}
    region = {"id": "gew3t9", "from_name": "label", "to_name": "text", "type": "labels", "origin": "manual"}
    return {"value": value, **region}


def annotation(number: int, *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    about = {"completed_by": number, "was_cancelled": False, "ground_truth": False, "lead_time": 4.2, "task": 1}
    return {"id": number, "result": list(results), **about, **more}


def task(number: int, data: dict[str, Any], *annotations: dict[str, Any]) -> dict[str, Any]:
    about = {"file_upload": "x.json", "predictions": [], "meta": {}, "created_at": "2026-01-02T03:04:05Z", "project": 1}
    return {"id": number, "annotations": list(annotations), "drafts": [], "data": data, **about}


# In the browser, the smiling face is two units long, so that places are one further than characters.
YEAR, WHO, MILL = result("WHEN", "1843", 25), result("WHO", "Ann", 33), result("WHAT", "The mill", 3)
ASKED = {"text": TEXT, "question": "When was it built?"}


def studio(folder: Path, rows: object, **options: Any) -> Examples:
    (folder / "export.json").write_text(json.dumps(rows))
    return LabelStudioDataset(LabelStudioOptions(path=str(folder / "export.json"), **options)).load()


def doccano(folder: Path, *rows: object, **options: Any) -> Examples:
    (folder / "all.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return DoccanoDataset(DoccanoOptions(path=str(folder / "all.jsonl"), **options)).load()


def plain(examples: Examples) -> list[tuple[str, str, list[str]]]:
    found = []
    for row in range(len(examples)):
        found.append((examples.id[row], examples.question[row], examples.answers_of(row)))
        for start, end in examples.spans_of(row):
            assert examples.context_of(row)[start:end] in examples.answers_of(row)
    return found


def test_a_question_in_the_task_is_answered_by_its_spans(tmp_path: Path) -> None:
    tasks = [
        task(
            1,
            ASKED,
            annotation(1, YEAR),
            annotation(2, result("WHEN", "in 1843", 22)),
            annotation(3, WHO, was_cancelled=True),
        ),
        task(2, {**ASKED, "question": "Why?"}, annotation(4)),
    ]
    examples = studio(tmp_path, tasks)
    assert plain(examples) == [("1", "When was it built?", ["1843", "in 1843"]), ("2", "Why?", [])]
    assert list(examples.context) == [TEXT]
    assert examples.spans_of(0)[0] == (TEXT.index("1843"), TEXT.index("1843") + 4)
    golden = studio(tmp_path, [task(1, ASKED, annotation(1, YEAR), annotation(2, WHO, ground_truth=True))])
    assert golden.answers_of(0) == ["Ann", "1843"]


def test_labels_ask_where_tasks_have_no_question(tmp_path: Path) -> None:
    tasks = [task(1, {"text": TEXT}, annotation(1, WHO, YEAR)), task(2, {"text": "Bob did."}, annotation(1))]
    due = [("1-WHEN", "WHEN", ["1843"]), ("1-WHO", "WHO", ["Ann"]), ("2-WHEN", "WHEN", []), ("2-WHO", "WHO", [])]
    assert plain(studio(tmp_path, tasks)) == due
    asked = studio(tmp_path, tasks, questions={"WHO": "Who built it?"})
    assert plain(asked) == [("1-WHO", "Who built it?", ["Ann"]), ("2-WHO", "Who built it?", [])]


def test_the_short_export_has_an_annotation_a_row(tmp_path: Path) -> None:
    spans = [{key: each["value"][key] for key in ("start", "end", "text", "labels")} for each in (YEAR, WHO)]
    about = {
        "annotator": 1,
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z",
        "lead_time": 3.1,
    }
    rows = [
        {"text": TEXT, "id": 1, "label": spans[:1], "annotation_id": 1, **about},
        {"text": TEXT, "id": 1, "label": spans, "annotation_id": 2, **about},
        {"text": "Bob did.", "id": 2, "annotation_id": 3, **about},
    ]
    whole = [
        ("1-WHEN", "WHEN", ["1843", "1843"]),
        ("1-WHO", "WHO", ["Ann"]),
        ("2-WHEN", "WHEN", []),
        ("2-WHO", "WHO", []),
    ]
    assert plain(studio(tmp_path, rows)) == whole
    asked = studio(tmp_path, [{**row, "question": "When?"} for row in rows], questions={"WHEN": ""})
    assert plain(asked) == [("1", "When?", ["1843", "1843"]), ("2", "When?", [])]


def test_spans_may_all_be_due(tmp_path: Path) -> None:
    tasks = [task(1, ASKED, annotation(1, WHO, YEAR), annotation(2, MILL))]
    assert studio(tmp_path, tasks).answers_of(0) == ["1843", "Ann", "The mill"]
    several = studio(tmp_path, tasks, spans="due")
    assert [[answer.text for answer in span] for span in several.spans_of_answer(0)] == [["1843"], ["Ann"]]
    lines = {"id": 1, "text": "Ann and Bob did.", "label": [[8, 11, "WHO"], [0, 3, "WHO"]]}
    found = doccano(tmp_path, lines, spans="due").spans_of_answer(0)
    assert [[answer.text for answer in span] for span in found] == [["Ann"], ["Bob"]]


def test_tasks_that_nobody_labelled(tmp_path: Path) -> None:
    labelled, left = task(1, ASKED, annotation(1, YEAR)), task(2, ASKED)
    with pytest.warns(DataWarning, match=r"1 of 2 tasks are not labelled, and are left out \(2\)"):
        assert list(studio(tmp_path, [left, labelled]).id) == ["1"]
    assert not studio(tmp_path, [left]).has_gold


def test_doccano_in_all_its_forms(tmp_path: Path) -> None:
    text, spans = "The mill was built in 1843 by Ann.", [[22, 26, "WHEN"], [30, 33, "WHO"]]
    entities = [{"id": 7, "label": label, "start_offset": start, "end_offset": end} for start, end, label in spans]
    due = [("1-WHEN", "WHEN", ["1843"]), ("1-WHO", "WHO", ["Ann"])]
    forms = (
        {"id": 1, "text": text, "label": spans, "Comments": []},
        {"id": 1, "text": text, "labels": spans, "meta": {}},
        {"id": 1, "text": text, "entities": entities, "relations": [], "Comments": []},
    )
    for row in forms:
        assert plain(doccano(tmp_path, row)) == due
    for asked in (
        {"id": 1, "text": text, "question": "Who?", "label": spans[1:]},
        {"id": 1, "text": text, "label": spans[1:], "meta": {"question": "Who?"}},
    ):
        assert plain(doccano(tmp_path, asked, {**asked, "id": 2, "label": []})) == [
            ("1", "Who?", ["Ann"]),
            ("2", "Who?", []),
        ]
    named = doccano(
        tmp_path, {"id": 3, "body": text, "ask": "Who?", "label": spans[1:]}, context="body", question="ask"
    )
    assert plain(named) == [("3", "Who?", ["Ann"])]
    assert list(doccano(tmp_path, {"text": text, "label": spans}).id) == ["1-WHEN", "1-WHO"]


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ([], {}, "export.json: the file has no tasks"),
        ({"id": 1}, {}, "this is no list of tasks with ids"),
        ([{"id": 1}], {}, "task 1 has no field that is known to hold the text (fields found: none)"),
        ([task(1, {"body": TEXT})], {}, "has no field that is known to hold the text (fields found: body)"),
        ([task(1, ASKED)], {"context": "body"}, "task 1 has no field 'body' (fields found: text, question)"),
        ([task(1, ASKED)], {"question": "q"}, "task 1 has no field 'q' (fields found: text, question)"),
        ([task(1, ASKED), task(2, {"text": TEXT})], {}, "[1]: task 2 has no text in 'question' (fields found: text)"),
        ([task(1, {"text": None})], {}, "the tasks have no question, and no label asks one"),
        ([{**task(1, ASKED), "annotations": 3}], {}, "[0]: task 1 has no 'data' or no 'annotations'"),
        (
            [task(1, ASKED, annotation(1, {"value": {"start": "/p[1]", "end": "/p[1]", "labels": ["X"]}}))],
            {},
            "no numbers of char",
        ),
        (
            [task(1, ASKED, annotation(1, result("X", "y", 99)))],
            {},
            "task 1 has a span of 'X' from 99 to 100, outside its",
        ),
        ([task(1, ASKED, annotation(1, result("X", "Riga", 26)))], {}, "1: 'Riga' at 26, where the context has"),
        (
            [task(1, {**ASKED, "text": "\ud800" + TEXT}, annotation(1, YEAR))],
            {},
            "half of a surrogate pair in context",
        ),
        ([task(1, ASKED, annotation(1)), task(1, ASKED, annotation(1))], {}, "1 question id occurs more than once: 1"),
        (
            [task(1, ASKED, annotation(1, {"value": {"start": "/p[1]", "end": "/p[1]", "hypertextlabels": ["X"]}}))],
            {},
            "only spans of plain text are read (the tag Text, not HyperText)",
        ),
        (
            [{"id": 1, "text": TEXT, "dialogue": [{"start": "0", "end": "1", "paragraphlabels": ["X"]}]}],
            {},
            "task 1 has a span from '0' to '1', no numbers of characters",
        ),
        (
            [task(1, ASKED, annotation(1, YEAR))],
            {"questions": {"WHEM": "When?"}},
            "export.json: no span has the label 'WHEM' (labels found: 'WHEN')\n  name labels as they stand in the file",
        ),
    ],
)
def test_what_is_wrong_in_label_studio_is_said(tmp_path: Path, rows: object, options: Any, says: str) -> None:
    with pytest.raises(DataError) as caught:
        studio(tmp_path, rows, **options)
    assert says in str(caught.value)


def test_a_label_that_is_rare_is_warned_of(tmp_path: Path) -> None:
    asked = {"WHEN": "When?", "WHY": "Why?"}
    with pytest.warns(DataWarning, match=r"export.json: no span has the label 'WHY' \(labels found: 'WHEN'\)"):
        found = studio(tmp_path, [task(1, {"text": TEXT}, annotation(1, YEAR))], questions=asked)
    assert plain(found) == [("1-WHEN", "When?", ["1843"]), ("1-WHY", "Why?", [])]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "all.jsonl: the file has no tasks"),
        ([[1]], "all.jsonl:1: a list instead of an object"),
        ([{"id": 1, "text": "x"}], "all.jsonl:1: this text has no labels (keys found: 'id', 'text')"),
        ([{"id": 1, "text": "x", "label": "WHO"}], "the labels are 'WHO', no list"),
        ([{"id": 1, "text": "x", "label": ["WHO"]}], "the span WHO is not [start, end, label]"),
        ([{"id": 1, "text": "x", "label": [[0, 9, "WHO"]]}], "from 0 to 9, outside its text of 1 character"),
        ([{"id": 1, "text": " ", "label": [[0, 1, "WHO"]]}], "task 1 has no text in 'text'"),
        ([{"id": 1, "text": None, "label": [[0, 1, "WHO"]]}], "all.jsonl:1: task 1 has no text in 'text'"),
    ],
)
def test_what_is_wrong_in_doccano_is_said(tmp_path: Path, rows: list[object], says: str) -> None:
    with pytest.raises(DataError) as caught:
        doccano(tmp_path, *rows)
    assert says in str(caught.value)


def test_further_fields_are_columns_and_a_title_is_one(tmp_path: Path) -> None:
    about = {"title": "Mills", "doc": "manual-3.pdf", "page": 4, "tags": [], "id": "d7"}
    columns = {"doc": ["manual-3.pdf"], "page": ["4"]}
    span = [TEXT.index("1843"), TEXT.index("1843") + 4, "WHEN"]
    studio(tmp_path, [task(1, {**ASKED, **about}, annotation(1, YEAR))])
    doccano(tmp_path, {"text": TEXT, "label": [span], "Comments": [], "meta": {"question": "When?", **about}})
    for dataset in (
        LabelStudioDataset(LabelStudioOptions(path=str(tmp_path / "export.json"))),
        DoccanoDataset(DoccanoOptions(path=str(tmp_path / "all.jsonl"))),
    ):
        assert (dataset.load().title, dataset.load().columns) == (["Mills"], {})
        assert dataset.load_whole().columns == columns
        assert dataset.raw(whole=True).columns == columns
    page = studio(tmp_path, [task(1, {"text": TEXT, **about}, annotation(1, YEAR, WHO))], columns=["page"])
    assert (page.columns, page.title) == ({"page": ["4", "4"]}, ["Mills", "Mills"])
    nested = studio(tmp_path, [task(1, {**ASKED, "title": ["a", "b"]}, annotation(1, YEAR))])
    assert list(nested.title) == [""]


@pytest.mark.parametrize(("named", "title"), [({}, ""), ({"headline": "Mills"}, ""), ({"title": "Mills"}, "Mills")])
def test_the_field_of_the_text_or_the_question_is_no_title(named: dict[str, str], title: str, tmp_path: Path) -> None:
    fields = {"article": TEXT, "question": "When?", **named}
    asked = studio(tmp_path, [task(1, fields, annotation(1, YEAR))], context="article")
    assert (list(asked.title), list(asked.context)) == ([title], [TEXT])
    swapped = {"text": TEXT, "article": "When?", **named}
    asked = studio(tmp_path, [task(1, swapped, annotation(1, YEAR))], question="article")
    assert (list(asked.title), list(asked.question)) == ([title], ["When?"])
