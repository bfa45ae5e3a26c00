"""What a data set is like: figures that can be counted by hand, bars that hold every number, a page that is safe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from page_tools import Elements, network_names, policy
from qatk.data import describe, length_rows, stats_html, strict
from qatk.data.stats import BINS, spread
from qatk.data.stats_page import charts_of
from qatk.errors import DataWarning
from qatk.types import Examples
from qatk_builtin.datasets.squad import read_raw_squad
from squad_files import document, qa, write


def examples(tmp_path: Path) -> Examples:
    rows = [qa("a", ("Bob", 8), ("met Bob", 4)), qa("b"), qa("c", ("Oslo", None))]
    with pytest.warns(DataWarning, match="1 answer has no answer_start"):
        return strict(read_raw_squad(write(tmp_path, document(*rows))), "error", "x")


def test_figures(tmp_path: Path) -> None:
    stats = describe(examples(tmp_path), {"asked": {"what": np.array([True, False, True])}}, np.array([1, 2, 4]))
    assert stats.counts == {
        "questions": 3,
        "contexts": 1,
        "articles": 1,
        "answers": 3,
        "questions_without_answer": 1,
        "questions_of_several_spans": 0,
        "answers_of_unknown_position": 1,
    }
    rows = {row[0]: row[1:] for row in length_rows(stats)}
    assert rows["words of an answer"] == ["3", "1", "1", "1.3", "2", "2"]
    assert rows["answers of a question that has any"] == ["2", "1", "1.5", "1.5", "2", "2"]
    assert rows["windows of a question"] == ["3", "1", "2", "2.3", "4", "4"]
    assert rows["place of an answer in its context, per cent"][0] == "2"
    assert stats.groups == {"asked": {"what": 2}}
    assert next(charts_of(stats)).title == "asked"


def test_characters_of_scripts_without_blanks_are_words(tmp_path: Path) -> None:
    row = {**qa("a", ("北京", 8)), "question": "哪里 is it?"}
    stats = describe(strict(read_raw_squad(write(tmp_path, document(row, context="Bob met 北京 here."))), "keep", "x"))
    assert {name: stats.spreads[name].most for name in stats.spreads if name.startswith("words")} == {
        "words_per_question": 4,
        "words_per_context": 5,
        "words_per_answer": 2,
    }


def test_data_without_gold_has_no_answers(tmp_path: Path) -> None:
    raw = read_raw_squad(write(tmp_path, document({"id": "a", "question": "Who?"})))
    stats = describe(strict(raw, "error", "x"))
    assert set(stats.counts) == {"questions", "contexts", "articles"}
    assert not [name for name in stats.spreads if "answer" in name]


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_every_number_is_in_its_bar(numbers: list[int]) -> None:
    found = spread(np.array(numbers))
    assert sum(count for _, count in found.bars) == found.count == len(numbers)
    assert len(found.bars) <= BINS + 1
    low = -1
    for high, count in found.bars:
        assert count == sum(low < number <= high for number in numbers)
        low = high
    assert low >= max(numbers)


def test_the_page_runs_nothing_and_shows_texts_as_they_are(tmp_path: Path) -> None:
    stats = describe(examples(tmp_path), {"asked": {"<b>\u202ewhat</b>": np.array([True, False, True])}})
    page = stats_html(stats, "<script>alert(1)</script>.json")
    elements = Elements(page)
    assert network_names(elements) == []
    assert "script-src 'none'" in policy(elements)
    assert "unsafe" not in policy(elements)
    assert elements.scripts == []
    assert "\u202e" not in page
    assert "<script>alert(1)</script>.json" in "".join(elements.texts)
    assert not any(key.startswith("on") or key == "style" for _, about in elements.found for key in about)
    widths = [about["width"] for tag, about in elements.found if tag == "rect"]
    assert len(widths) == sum(len(chart.bars) for chart in charts_of(stats))
    assert all(0 <= float(width or "x") <= 100 for width in widths)
