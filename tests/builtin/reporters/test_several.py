"""Answers of several spans in the terminal, as Markdown and on the page: all that are due, and all that were given."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from qatk.comparison.compare import compare_systems
from qatk.evaluation.evaluate import evaluate_examples
from qatk.plugins.host import PluginHost
from qatk.results import Evaluation, RunResult, System
from qatk.types import Examples
from qatk_builtin.reporters.html.questions import browser
from qatk_builtin.reporters.shared.cases import marks_of
from several_cases import examples_of_spans


def examples() -> Examples:
    """Context: "0: Arlen | old Cadiz | Cadiz | Borsk | Delft"; due are Arlen, (old) Cadiz and Borsk."""
    made = examples_of_spans([["Arlen"], ["old Cadiz", "Cadiz"], ["Borsk"]])
    return replace(made, context=[f"{made.context[0]} | Delft"])


def said(*texts: str) -> Evaluation:
    return evaluate_examples(examples(), {"q0": list(texts)})


def printed(result: RunResult, host: PluginHost) -> str:
    console = Console(file=io.StringIO(), width=150)
    host.build("reporter", "console", {}).report(result, None, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run(evaluation: Evaluation) -> RunResult:
    return RunResult("several", None, {}, evaluation, [], [])


def test_every_span_is_marked_in_one_context() -> None:
    marks = marks_of(said("Arlen", "Delft"), 0)
    context = examples().context[0]
    assert [(mark.open, context[mark.start : mark.end]) for mark in marks] == [
        ("«", "Arlen"),
        ("[", "old Cadiz"),
        ("[", "Borsk"),
        ("«", "Delft"),
    ]
    assert [mark.open for mark in marks_of(said(), 0)] == ["["] * 3


def test_the_terminal_shows_all_spans(host: PluginHost) -> None:
    text = printed(run(said("Arlen", "Delft")), host)
    assert "Arlen; old Cadiz | Cadiz; Borsk" in text
    assert "Arlen; Delft" in text
    assert "some spans right" in text
    assert "«Arlen» | [old Cadiz] | Cadiz | [Borsk] | «Delft»" in text


def test_markdown_shows_all_spans(host: PluginHost, tmp_path: Path) -> None:
    host.build("reporter", "markdown", {}).report(run(said("Arlen", "Borsk")), tmp_path, Console(quiet=True))
    text = (tmp_path / "report.md").read_text()
    assert "- gold: Arlen; old Cadiz / Cadiz; Borsk" in text
    assert "- predicted (missing spans): Arlen; Borsk" in text


def test_comparisons_mark_the_spans_of_both(host: PluginHost, tmp_path: Path) -> None:
    systems = [
        System(name, [said(*texts)], [0], {}) for name, texts in (("a", ["Arlen"]), ("b", ["Arlen", "Borsk", "Delft"]))
    ]
    comparison = compare_systems(systems, draws=100)
    console = Console(file=io.StringIO(), width=150)
    host.build("reporter", "console", {}).compare(comparison, None, console, show=3)
    assert isinstance(console.file, io.StringIO)
    assert "A«B«[Arlen]»» | [old Cadiz] | Cadiz | B«[Borsk]» | B«Delft»" in console.file.getvalue()
    host.build("reporter", "markdown", {}).compare(comparison, tmp_path / "compare.md", console, show=3)
    text = (tmp_path / "compare.md").read_text()
    assert "<b>B«Delft»</b>" in text
    for shown in (text, console.file.getvalue()):
        assert "B«Delft»" in shown
        assert "Arlen; Borsk; Delft" in shown


def test_the_page_has_columns_for_further_spans_only_where_there_are_any() -> None:
    def columns(evaluation: Evaluation) -> set[str]:
        about = browser([System("a", [evaluation], [0], {})], None, 100).about
        tables = about["columns"]
        assert isinstance(tables, dict)
        return {column["name"] if isinstance(column, dict) else column[0] for column in tables["rows"]}

    more = {"gold_span", "more_count.0", "more_start.0", "more_length.0"}
    assert more <= columns(said("Arlen", "Borsk"))
    single = replace(examples(), answer_span=np.zeros(4, np.int32))
    assert not more & columns(evaluate_examples(single, {"q0": "Arlen"}))
