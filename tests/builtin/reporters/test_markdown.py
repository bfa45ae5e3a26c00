"""Markdown for a pull request: the figures are there, and what comes from the data shows as it is and does nothing."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from compare_tools import articles, system
from make_result import CASES, Case, make_result
from qatk.comparison.compare import compare_systems
from qatk.display.text import printable
from qatk.plugins.host import PluginHost
from qatk.results.comparison import Comparison, System
from qatk_builtin.reporters.markdown.escape import code, details, escape, table

DATA = articles(96, 4)
NASTY = (
    "<script>alert(1)</script> @octocat #12 GH-3 :tada: https://x.org www.x.org a@b.org $x$ `code` **b** _i_ ~~s~~ "
    "[l](u) ![i](u) | cell | </details> <!-- c --> &amp; \\* \x1b[31m \u202e turned"
)
SAFE_TAGS = {
    *("h1", "h2", "p", "strong", "em", "b", "br", "code", "sub", "span", "ul", "li", "blockquote"),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary"),
}


def render(markdown: str) -> str:
    """As GitHub does: raw HTML passes, tables are on."""
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


def tags(page: str) -> set[str]:
    return set(re.findall(r"</?([a-zA-Z!][\w-]*)", page))


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", page)).replace("\u200b", "")


def compare_to_markdown(host: PluginHost, comparison: Comparison, show: int = 3) -> str:
    console = Console(file=StringIO(), width=60)
    host.build("reporter", "markdown").compare(comparison, None, console, show=show)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def comparison(host: PluginHost) -> Comparison:
    return compare_systems([system(host, "old", DATA, [0.3, 0.4]), system(host, "new", DATA, [0.9, 0.8], 7)])


def test_a_comparison_says_what_the_terminal_says(host: PluginHost, comparison: Comparison) -> None:
    markdown = compare_to_markdown(host, comparison)
    assert markdown.startswith("## old against new\n\n**new is better than old by ")
    for part in (
        "| A | old | 3",
        "<sub>seed 1</sub>",
        "95 % by question | p by question | 95 % by article | 95 % over seeds | p | Holm p | detects",
        "design effect ",
        "<summary>Right and wrong, by kind</summary>",
        "<summary>B right, A wrong: 3 of ",
        "- gold: ",
        "> It was built in ",
        "| EM | all | ",
    ):
        assert part in markdown, part
    assert markdown.count("<details>") == markdown.count("</details>") >= 4
    assert tags(render(markdown)) <= SAFE_TAGS


def test_slices_that_are_left_out_are_counted(
    host: PluginHost, comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "<summary>Slices in which A and B differ: 3 of 3</summary>" in compare_to_markdown(host, comparison)
    monkeypatch.setattr("qatk_builtin.reporters.markdown.reporter.MOST_SLICES", 2)
    cut = compare_to_markdown(host, comparison)
    assert "<summary>Slices in which A and B differ: the clearest 2 of 3, of 3</summary>" in cut


def test_every_table_has_as_many_cells_in_each_row(host: PluginHost, comparison: Comparison) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", compare_to_markdown(host, comparison), re.MULTILINE)
    assert len(blocks) >= 3
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1, block


def test_text_of_the_data_is_no_markup(host: PluginHost, comparison: Comparison) -> None:
    context = [f"{text} {NASTY}" for text in DATA.context]
    examples = replace(DATA, question=[NASTY] * len(DATA), context=context, title=[NASTY] * len(DATA))
    examples = replace(examples, id=[f"{i}<b>|{NASTY}" for i in DATA.id])
    systems = [
        System(f"{s.name} {NASTY}", [replace(e, examples=examples) for e in s.evaluations], s.seeds, s.sources)
        for s in comparison.systems
    ]
    markdown = compare_to_markdown(host, compare_systems(systems, draws=100))
    page = render(markdown)
    assert tags(page) <= SAFE_TAGS
    assert "<script" not in page
    assert "<!--" not in markdown
    for live in ("@octocat", "#12", "GH-3", ":tada:", "https://", "www.x", "$x", "\x1b", "\u202e", "a@b"):
        assert live not in html.unescape(markdown), live
    assert printable(NASTY) in text_of(page)


def test_a_column_that_intervals_go_by_is_no_markup(host: PluginHost, comparison: Comparison) -> None:
    name = "a|b<i>"
    examples = replace(DATA, columns={name: [str(k % 5) for k in range(len(DATA))]})
    systems = [
        System(s.name, [replace(e, examples=examples) for e in s.evaluations], s.seeds, s.sources)
        for s in comparison.systems
    ]
    markdown = compare_to_markdown(host, compare_systems(systems, draws=100, cluster=name))
    assert "95 % by a&#124;b&#60;i&#62;" in markdown
    assert tags(render(markdown)) <= SAFE_TAGS


@pytest.mark.parametrize("blanks", ["\n- ", "\n1. ", "\n\n\t\t   "])
def test_a_context_that_begins_with_blanks_stays_a_text(host: PluginHost, comparison: Comparison, blanks: str) -> None:
    examples = replace(DATA, context=[f"{blanks}*{text}*" for text in DATA.context])
    systems = [
        System(s.name, [replace(e, examples=examples) for e in s.evaluations], s.seeds, s.sources)
        for s in comparison.systems
    ]
    page = render(compare_to_markdown(host, compare_systems(systems, draws=100)))
    assert tags(page) <= SAFE_TAGS
    assert not {"pre", "ol"} & tags(page)
    assert "<blockquote>\n<ul>" not in page


@given(st.text())
def test_escaped_text_shows_as_it_is(text: str) -> None:
    expected = " ".join(printable(text).split())
    for page in (render(f"x {escape(text)} x"), render(table(["a"], [[f"x {escape(text)} x"]])), code(f"x {text} x")):
        shown = text_of(page)
        assert expected in " ".join(shown.split()) or "\u200b" in text
        assert tags(page) <= SAFE_TAGS


@given(st.text(alphabet="@#:/ghGHw.-$|`*_<>&[]()12ab \\!~"))
def test_no_markup_comes_of_what_could_be_some(text: str) -> None:
    page = render(f"x {escape(text)} x\n\n{details(escape(text), escape(text))}\n\n{escape(text)}")
    assert tags(page) <= {"p", "span", "details", "summary"}, page
    assert not re.search(r"@\w|#\d|://|www\.", html.unescape(page))


def test_a_run_writes_its_report(host: PluginHost, tmp_path: Path) -> None:
    agreeing = replace(CASES[0], gold=("1843", "1843", "in 1843"))
    result = make_result(host, (agreeing, *CASES[1:], Case(NASTY, (), "1843", 9.0, 0.0)))
    host.build("reporter", "markdown").report(result, tmp_path, Console(quiet=True))
    markdown = (tmp_path / "report.md").read_text()
    assert markdown.startswith("# arlen\n\n|  | EM | F1 | questions |")
    for part in (
        "| all questions | ",
        "| with an answer | ",
        "By question word",
        "<summary>Losses: ",
        "<summary>Wins: ",
        "each scored against the others: EM 66.7, F1 88.9 (1 question",
    ):
        assert part in markdown, part
    page = render(markdown)
    assert tags(page) <= SAFE_TAGS
    assert printable(NASTY) in text_of(page)
    assert "<b>«" in markdown


def test_figures_of_further_metrics_have_a_table(host: PluginHost, tmp_path: Path) -> None:
    result = make_result(host)
    more = {"chr_f": 12.5, "HasAns_chr_f": 25.0, "a|b": 0.25}
    for metrics in ({**result.metrics, **more}, more):
        found = replace(result, evaluation=replace(result.evaluation, metrics=metrics))
        host.build("reporter", "markdown").report(found, tmp_path, Console(quiet=True))
        markdown = (tmp_path / "report.md").read_text()
        assert "| further metrics | all questions | HasAns | NoAns |\n" in markdown
        assert "| chr&#95;f | 12.500 | 25.000 | &#45; |\n| a&#124;b | 0.250 | &#45; | &#45; |\n\n" in markdown
        assert ("| EM | F1 | questions |" in markdown) == ("f1" in metrics)
    host.build("reporter", "markdown").report(result, tmp_path, Console(quiet=True))
    assert "further metrics" not in (tmp_path / "report.md").read_text()


def test_nothing_is_written_without_a_folder(host: PluginHost) -> None:
    host.build("reporter", "markdown").report(make_result(host), None, Console(quiet=True))


def test_a_run_without_odds_or_questions_of_a_kind(host: PluginHost, tmp_path: Path) -> None:
    result = make_result(host, CASES[:1], odds=False, epochs=0)
    host.build("reporter", "markdown").report(result, tmp_path, Console(quiet=True))
    assert "Losses" not in (tmp_path / "report.md").read_text()
