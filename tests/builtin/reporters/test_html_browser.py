"""The page in a real Chromium: what is clicked, typed and seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from make_result import BELL, CASES, Case, make_result
from page_tools import (
    CONTRAST,
    Seen,
    comparison_page,
    find_chromium,
    large_evaluation,
    launched,
    run_page,
    two_systems,
    until,
)
from qatk.evaluation.evaluate import evaluate_examples
from qatk.plugins.host import PluginHost
from qatk.results.comparison import System
from qatk_builtin.reporters.html.document import write_page
from several_cases import examples_of_spans

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium was found: install one, or name it in QATK_CHROMIUM, to test the page in it"
)
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
ASTRAL = Case(
    "Where is \U0001f34e?",
    ("\U0001f34e here",),
    "\U0001f34e here",
    3.0,
    1.0,
    context="The \U0001f98a\U0001f98a saw \U0001f34e here.",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from launched()


@pytest.fixture(scope="module")
def tabs(browser: Any) -> Tabs:
    """Those that are open, by their options: a new one would compile the script of the charts anew."""
    return Tabs(browser)


class Tabs:
    def __init__(self, browser: Any) -> None:
        self.browser, self.open = browser, dict[str, tuple[Any, Seen]]()

    def tab(self, **options: Any) -> tuple[Any, Seen]:
        """An empty tab."""
        if repr(options) not in self.open:
            page = self.browser.new_context(**options).new_page()
            self.open[repr(options)] = page, Seen.of(page)
        page, seen = self.open[repr(options)]
        page.emulate_media(color_scheme=options.get("color_scheme", "light"))
        page.goto("about:blank")
        seen.clear()
        return page, seen


@contextmanager
def opened(tabs: Tabs, path: Path, address: str = "", **options: Any) -> Iterator[tuple[Any, Seen]]:
    """A page with its charts drawn; it must ask nothing of the network and have nothing to complain of."""
    page, seen = tabs.tab(**{"viewport": WIDE, **options})
    page.goto(path.as_uri() + address)
    page.wait_for_selector("html[data-charts=drawn]")
    yield page, seen
    assert seen.messages == []
    assert all(url.startswith("file:") for url in seen.requests)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, host: PluginHost) -> Path:
    return run_page(tmp_path_factory.mktemp("run") / "report.html", host, (*CASES, ASTRAL))


@pytest.fixture(scope="module")
def versus(tmp_path_factory: pytest.TempPathFactory, host: PluginHost) -> Path:
    return comparison_page(tmp_path_factory.mktemp("versus") / "c.html", two_systems(host))


def asked(page: Any) -> list[str]:
    return list(page.locator("#list .asked").all_inner_texts())


def test_every_chart_is_drawn_from_disk(tabs: Tabs, run: Path) -> None:
    with opened(tabs, run) as (page, seen):
        figures = page.locator("figure")
        assert figures.count() >= 7
        assert page.locator("figure .chart svg").count() == figures.count()
        assert len(seen.requests) == 1
        assert page.locator("#chart-sweep svg path").count() > 2


def test_a_chart_shows_another_view_and_its_numbers(tabs: Tabs, run: Path) -> None:
    with opened(tabs, run) as (page, _):
        chart = page.locator("#chart-slices")
        assert "who" in chart.locator("svg").text_content()
        chart.get_by_label("Show").select_option("answer length")
        until(page, "document.querySelector('#chart-slices svg').textContent.includes('no answer')")
        chart.get_by_text("The numbers").click()
        assert "no answer" in chart.locator(".numbers:visible").inner_text()


def test_filters_and_sorts_answer(tabs: Tabs, run: Path) -> None:
    with opened(tabs, run) as (page, _):
        everything = asked(page)
        assert len(everything) == len(CASES) + 1
        page.get_by_role("searchbox").fill("RIVER does")
        assert asked(page) == ["On which river does the mill stand?"]
        assert page.get_by_role("status").inner_text() == f"1 of {len(CASES) + 1} questions"
        page.get_by_role("searchbox").fill("rings at noon")
        assert asked(page) == ["When did [red]the bell[/red] fall?"], "a text of the context"
        page.get_by_role("button", name="Clear").click()
        page.get_by_role("combobox", name="Kind", exact=True).select_option("wrong")
        assert len(asked(page)) == 5
        page.get_by_role("combobox", name="Kind", exact=True).select_option(label="false abstention (1)")
        assert asked(page) == ["On which river does the mill stand?"]
        page.get_by_role("button", name="Clear").click()
        page.get_by_role("combobox", name="Slice", exact=True).select_option(label="who (2)")
        assert asked(page) == ["Who built the mill?", "Who helped to build the mill?"]
        page.get_by_role("button", name="Clear").click()
        page.get_by_role("combobox", name="Sort", exact=True).select_option("null odds, highest first")
        assert asked(page)[0] == "On which river does the mill stand?"
        page.get_by_role("combobox", name="Sort", exact=True).select_option("score, highest first")
        assert asked(page)[0] == "How many doors has the mill?"
        page.get_by_role("combobox", name="Sort", exact=True).select_option("F1, lowest first")
        assert "✗" in page.locator("#list .outcomes").first.inner_text()
        page.get_by_role("searchbox").fill("no such thing")
        assert asked(page) == []
        assert "No matching question." in page.locator("#pager").inner_text()


def test_a_question_opens_with_everything_marked_in_its_context(tabs: Tabs, run: Path) -> None:
    with opened(tabs, run) as (page, _):
        page.get_by_text("Who built the mill?").click()
        question = page.locator("#question")
        assert question.get_by_role("heading", level=3).inner_text() == "Who built the mill?"
        assert page.locator("#context .gold").all_inner_texts() == ["Ada Lovelace"]
        assert page.locator("#context mark").all_inner_texts() == ["Ada Lovelace", " and Charles Babbage"]
        assert "too long" in question.inner_text()
        assert page.locator("#context").inner_text().rstrip().endswith("bought it again.")
        question.get_by_role("radio", name="best spans").check()
        question.locator(".best button").first.click()
        assert "".join(page.locator("#context .told").all_inner_texts()) == "Ada Lovelace and Charles Babbage"


def test_places_count_code_points(tabs: Tabs, run: Path) -> None:
    with opened(tabs, run, f"#q=arlen-{len(CASES)}") as (page, _):
        page.wait_for_selector("#asked")
        assert page.locator("#context mark").all_inner_texts() == ["\U0001f34e here"]


def test_address_leads_to_the_question_and_back_leads_back(tabs: Tabs, run: Path) -> None:
    with opened(tabs, run) as (page, _):
        page.get_by_role("combobox", name="Kind", exact=True).select_option("wrong")
        page.get_by_text("How many doors").click()
        page.wait_for_selector("#asked")
        address = page.url
        assert "q=arlen-5" in address
        page.locator("#question").get_by_role("button", name="Next").click()
        until(page, "document.getElementById('asked').textContent.includes('fall')")
        page.go_back()
        until(page, "document.getElementById('asked').textContent.includes('doors')")
        page.go_back()
        page.wait_for_selector("#asked", state="detached")
        assert len(asked(page)) == 5, "the filter stays"
    with opened(tabs, run, address[address.index("#") :]) as (page, _):
        assert page.locator("#asked").inner_text() == "How many doors has the mill?"
        assert page.get_by_role("combobox", name="Kind", exact=True).input_value() == "wrong"
    with opened(tabs, run, "#q=nobody") as (page, _):
        assert "There is no question nobody on this page." in page.locator("#unknown").inner_text()


def test_it_is_walked_by_keyboard_alone(tabs: Tabs, run: Path) -> None:
    with opened(tabs, run) as (page, _):
        press = page.keyboard.press

        def focused() -> str:
            return str(page.evaluate("document.activeElement.name || document.activeElement.id || ''"))

        press("Tab")
        assert "Skip to the questions" in page.evaluate("document.activeElement.textContent")
        press("Enter")
        assert focused() == "questions"
        press("/")
        assert focused() == "text"
        page.keyboard.type("mill")
        while not page.evaluate("document.activeElement.classList.contains('row')"):
            press("Tab")
        press("ArrowDown")
        second = page.evaluate("document.activeElement.querySelector('.asked').textContent")
        press("Enter")
        page.wait_for_selector("#asked")
        assert focused() == "asked"
        assert page.locator("#asked").inner_text() == second
        press("n")
        until(page, f"document.getElementById('asked').textContent !== {second!r}")
        press("p")
        until(page, f"document.getElementById('asked').textContent === {second!r}")
        press("Escape")
        page.wait_for_selector("#asked", state="detached")
        assert page.evaluate("document.activeElement.querySelector('.asked').textContent") == second


def test_a_screen_reader_finds_its_way(tabs: Tabs, versus: Path) -> None:
    with opened(tabs, versus) as (page, _):
        for role in ("banner", "main", "contentinfo", "search", "status"):
            assert page.get_by_role(role).count() == 1, role
        assert page.get_by_role("heading", level=1).inner_text() == "bold against careful"
        assert [h.inner_text() for h in page.get_by_role("heading", level=2).all()] == ["Charts", "Questions"]
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("input, select, button, a, [role=img], [role=region]")].filter((e) =>
                 !(e.ariaLabel || e.labels?.length || e.textContent.trim())).map((e) => e.outerHTML)"""
        )
        assert unnamed == []
        assert page.locator("#list > li > a").count() == len(CASES)
        assert page.locator("[role=status][aria-live=polite]").count() == 1


def test_wins_and_losses_of_a_comparison(tabs: Tabs, versus: Path) -> None:
    with opened(tabs, versus) as (page, _):
        page.get_by_role("combobox", name="Outcome", exact=True).select_option(label="B right, A wrong (5)")
        assert len(asked(page)) == 5
        assert page.get_by_role("combobox", name="Sort", exact=True).input_value() == "telling"
        assert all("B" in text and "✓" in text for text in page.locator("#list .outcomes").all_inner_texts())
        page.get_by_role("combobox", name="System", exact=True).select_option(label="B careful")
        page.get_by_role("combobox", name="Kind", exact=True).select_option("wrong")
        assert asked(page) == []
        page.get_by_role("button", name="Clear").click()
        page.get_by_text("Who helped to build the mill?").click()
        page.wait_for_selector("#asked")
        tags = page.locator("#context span.begins").all_inner_texts()
        assert [tag.strip("[ \n") for tag in tags] == ["A", "gold", "B"]
        rows = page.locator(".said tbody tr").all_inner_texts()
        assert [[" ".join(part.split()) for part in row.split("\t")][:2] for row in rows] == [
            ["gold", "Charles Babbage"],
            ["A bold", "Arlen"],
            ["B careful", "Charles Babbage"],
        ]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, host: PluginHost) -> Path:
    """A comparison over two pages of questions, 70 in all."""
    return comparison_page(tmp_path_factory.mktemp("many") / "c.html", two_systems(host, CASES * 10))


def test_next_and_previous_follow_the_list_as_it_is_now(tabs: Tabs, many: Path) -> None:
    with opened(tabs, many, "#q=arlen-1") as (page, _):
        tools = page.locator("#question .tools")
        page.get_by_role("combobox", name="Kind", exact=True).select_option("wrong")
        ids = page.evaluate(
            "[...document.querySelectorAll('#list a')].map((a) => new URLSearchParams(a.hash.slice(1)).get('q'))"
        )
        assert "arlen-1" not in ids
        tools.get_by_role("button", name="Next").click()
        until(page, f"location.hash.includes('q={ids[0]}')")
        assert tools.get_by_role("button", name="Previous").is_disabled()
        tools.get_by_role("button", name="Next").click()
        until(page, f"location.hash.includes('q={ids[1]}')")
        assert not tools.get_by_role("button", name="Previous").is_disabled()


def test_the_list_turns_to_the_open_question_and_takes_the_focus_back(tabs: Tabs, many: Path) -> None:
    with opened(tabs, many, "#q=arlen-62") as (page, _):
        page.wait_for_selector("#asked")
        assert "51 to 70 of 70" in page.locator("#pager").inner_text()
        inside = """(row) => { const [place, list] = [row, row.closest("ol")].map((e) => e.getBoundingClientRect());
                    return place.top >= list.top - 1 && place.bottom <= list.bottom + 1; }"""
        assert page.locator("[aria-current]").evaluate(inside)
        page.keyboard.press("Escape")
        page.wait_for_selector("#asked", state="detached")
        assert page.evaluate("document.activeElement.dataset.row") == "62"
    with opened(tabs, many, "#q=arlen-49") as (page, _):
        page.wait_for_selector("#asked")
        page.locator("#question .tools").get_by_role("button", name="Next").click()
        until(page, "document.querySelector('[aria-current]')?.dataset.row === '50'")
        assert "51 to 70 of 70" in page.locator("#pager").inner_text()


def test_a_new_order_begins_at_its_top(tabs: Tabs, many: Path) -> None:
    with opened(tabs, many) as (page, _):
        page.evaluate("document.getElementById('list').scrollTop = 1500")
        page.get_by_role("combobox", name="Sort", exact=True).select_option("score, highest first")
        assert page.evaluate("document.getElementById('list').scrollTop") == 0
        assert "score 9.00" in page.locator("#list .outcomes").first.inner_text()


@pytest.mark.parametrize(
    "address", ["#outcome=wins.7", "#outcome=foo.B", "#system=length", "#kind=zzz&slice=999", "#sort=odds-up&page=x"]
)
def test_an_address_of_another_page_leaves_out_what_is_not_here(tabs: Tabs, many: Path, address: str) -> None:
    with opened(tabs, many, address) as (page, _):
        assert page.get_by_role("status").inner_text() == "70 of 70 questions"
        assert page.evaluate("[...document.querySelectorAll('#filters select')].every((s) => s.selectedIndex === 0)")


def test_a_kind_outlives_a_change_of_system(tabs: Tabs, many: Path) -> None:
    with opened(tabs, many) as (page, _):
        page.get_by_role("combobox", name="Kind", exact=True).select_option("too long")
        assert page.get_by_role("status").inner_text() == "10 of 70 questions"
        page.get_by_role("combobox", name="System", exact=True).select_option("B")
        assert page.get_by_role("status").inner_text() == "0 of 70 questions"
        kind = page.get_by_role("combobox", name="Kind", exact=True)
        assert kind.evaluate("(select) => select.selectedOptions[0].textContent") == "too long (0)"


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_question_that_is_not_here_is_told(tabs: Tabs, many: Path, viewport: dict[str, int]) -> None:
    with opened(tabs, many, "#q=nobody", viewport=viewport) as (page, _):
        assert page.get_by_role("alert").inner_text() == "There is no question nobody on this page."
        assert page.get_by_role("alert").is_visible()
        assert page.locator("#list a").first.is_visible()
        page.locator("#list a").first.click()
        page.wait_for_selector("#asked")
        assert page.get_by_role("alert").inner_text() == ""


def test_the_skip_link_keeps_the_filters(tabs: Tabs, many: Path) -> None:
    with opened(tabs, many, "#kind=wrong") as (page, _):
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.url.endswith("#kind=wrong")
        assert page.evaluate("document.activeElement.id") == "questions"


def test_a_system_has_its_colour_everywhere(tabs: Tabs, versus: Path) -> None:
    with opened(tabs, versus, "#q=arlen-3") as (page, _):
        page.wait_for_selector("#asked")
        colour = "(e) => getComputedStyle(e).color"
        a, b = (each.evaluate(colour) for each in page.locator(".said .letter").all())
        assert a != b
        drawn = """(e) => { e.style.color = e.getAttribute("stroke"); return getComputedStyle(e).color; }"""
        for chart, expected in (("differences", {b}), ("slices", {b}), ("sweep", {a, b}), ("risk-coverage", {a, b})):
            strokes = page.locator(f"#chart-{chart} svg :is(.mark-rule line, .mark-line path)[aria-roledescription]")
            assert {each.evaluate(drawn) for each in strokes.all()} >= expected, chart
        assert "B careful" in page.locator("#chart-differences svg").text_content()


def test_each_of_overlapping_gold_answers_has_its_ends(tabs: Tabs, run: Path) -> None:
    with opened(tabs, run, "#q=arlen-0") as (page, _):
        page.wait_for_selector("#asked")
        marks = [(m.inner_text(), m.get_attribute("class")) for m in page.locator("#context mark").all()]
        assert marks == [("in ", "gold begins"), ("1843", "gold begins ends")]


def test_answers_without_a_place_are_told(tabs: Tabs, tmp_path: Path, host: PluginHost) -> None:
    from qatk.evaluation.evaluate import evaluate_examples

    examples = make_result(host).evaluation.examples
    texts = ["Ada Lovelace", "Arlen or Borsk", "ghost", "bought it", *[""] * 3]
    moved = replace(examples, answer_start=examples.answer_start + 1, answer_text=["ghost", *examples.answer_text[1:]])
    system = System("file", [evaluate_examples(moved, dict(zip(examples.id, texts, strict=True)))])
    write_page(tmp_path / "p.html", [system], questions=100)
    with opened(tabs, tmp_path / "p.html", "#q=arlen-0") as (page, _):
        page.wait_for_selector("#asked")
        legend = page.locator("#question .legend")
        assert "gold “\u2068ghost\u2069”: position in the context unknown." in legend.inner_text()
        assert page.locator("#context mark.gold").all_inner_texts() == ["in 1843"], (
            "one place only: the start was wrong"
        )
        page.locator("#list a").nth(1).click()
        said = "predicted “\u2068Arlen or Borsk\u2069”"
        until(page, f"document.querySelector('#question .legend').textContent.includes('{said}')")
        page.locator("#list a").nth(3).click()
        until(
            page,
            "document.querySelector('#question .legend').textContent.includes('nearest to a gold answer is marked')",
        )


def test_a_best_span_shows_itself_without_losing_its_button(tabs: Tabs, tmp_path: Path, host: PluginHost) -> None:
    evaluation = large_evaluation(host, 1, 40, 20)
    write_page(tmp_path / "p.html", [System("large", [evaluation])], questions=100)
    with opened(tabs, tmp_path / "p.html", f"#q={0:024x}") as (page, _):
        page.wait_for_selector("#asked")
        button = page.locator(".best button").nth(8)
        button.focus()
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#context .told') !== null")
        seen = """(e) => { const [box, inside] = [e, e.closest("#question")].map((of) => of.getBoundingClientRect());
                  return box.bottom > inside.top && box.top < inside.bottom; }"""
        assert page.locator("#context .told").first.evaluate(seen)
        assert button.evaluate(seen)
        assert button.evaluate("(e) => e === document.activeElement")


@pytest.mark.parametrize("kind", ["run", "versus"])
def test_a_phone_needs_no_sideways_scroll(tabs: Tabs, kind: str, request: pytest.FixtureRequest) -> None:
    with opened(tabs, request.getfixturevalue(kind), viewport=PHONE) as (page, _):
        wide = "document.documentElement.scrollWidth > window.innerWidth"
        assert not page.evaluate(wide)
        page.locator("#list a").first.click()
        page.wait_for_selector("#asked")
        assert not page.evaluate(wide)
        assert not page.locator("#list").is_visible()
        page.get_by_role("button", name="Back to the list").click()
        page.wait_for_selector("#asked", state="detached")
        assert page.locator("#list").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["run", "versus"])
def test_text_stands_out_in_light_and_dark(tabs: Tabs, kind: str, scheme: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(kind)
    with opened(tabs, path, "#q=arlen-2", color_scheme=scheme) as (page, _):
        page.wait_for_selector("#asked")
        assert page.evaluate(CONTRAST) == []
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_charts_follow_a_change_to_dark(tabs: Tabs, run: Path) -> None:
    with opened(tabs, run) as (page, _):
        colour = "document.querySelector('#chart-kinds svg .mark-rect path').getAttribute('fill')"
        before = page.evaluate(colour)
        page.emulate_media(color_scheme="dark")
        until(page, f"{colour} !== {before!r}")


def test_markup_in_the_data_does_nothing(tabs: Tabs, tmp_path: Path, host: PluginHost) -> None:
    hostile = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>&amp;\u2028 \"<!--"
    case = Case(hostile, ("1843",), "1843", 1.0, 0.0, context=f"The {hostile} was built in 1843. {BELL}")
    path = comparison_page(tmp_path / "p.html", two_systems(host, (case, *CASES), (hostile, f"{hostile}2")))
    shown = " ".join(hostile.split())
    with opened(tabs, path) as (page, _):
        assert " ".join(page.locator("#list .asked").first.inner_text().split()) == shown
        assert shown in " ".join(page.get_by_role("heading", level=1).inner_text().split())
        page.locator("#list a").first.click()
        page.wait_for_selector("#asked")
        assert hostile[:30] in page.locator("#context").inner_text()
        assert "B </script><script>window.hacked" in page.locator("#chart-sweep svg").text_content()
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0


def test_all_spans_of_an_answer_are_marked(tabs: Tabs, tmp_path: Path) -> None:
    gold = examples_of_spans([["Arlen"], ["old Cadiz", "Cadiz"]], [])
    found = evaluate_examples(gold, {"q0": ["Arlen", "0"], "q1": []})
    write_page(tmp_path / "page.html", [System("towns", [found])], questions=10)
    with opened(tabs, tmp_path / "page.html", "#q=q0") as (page, _):
        page.wait_for_selector("#asked")
        tags = page.locator("#context span.begins").all_inner_texts()
        assert [tag.strip("[ \n") for tag in tags] == ["predicted", "gold", "predicted", "gold", "gold"]
        rows = page.locator(".said tbody tr").all_inner_texts()
        assert [[" ".join(part.split()) for part in row.split("\t")][:3] for row in rows] == [
            ["gold", "Arlen; old Cadiz / Cadiz", ""],
            ["predicted", "0; Arlen", "✗ some spans right"],
        ]


def test_other_scripts_are_shown_right(tabs: Tabs, host: PluginHost, tmp_path: Path) -> None:
    """Each text has its own direction, and no mark cuts a letter from its accent."""
    hebrew = Case("מתי נבנה המגדל?", ("1843",), "1843", 3.0, 1.0, context="המגדל נבנה בשנת 1843 בעיר.")
    accented = Case("Where?", ("Cafe",), "Cafe", 3.0, 1.0, context="The \U0001f98a likes Cafe\u0301 noir.")
    page_file = run_page(tmp_path / "page.html", host, (hebrew, accented))
    with opened(tabs, page_file, "#q=arlen-0") as (page, _):
        page.wait_for_selector("#context mark")
        style = "element => getComputedStyle(element).direction"
        assert page.locator("#asked").evaluate(style) == "rtl"
        assert page.locator("#context").evaluate(style) == "rtl"
        assert page.locator("#list .asked").evaluate_all(f"all => all.map({style})") == ["rtl", "ltr"]
        assert page.locator("#question .said bdi").count() >= 2
    with opened(tabs, page_file, "#q=arlen-1") as (page, _):
        page.wait_for_selector("#context mark")
        assert set(page.locator("#context mark").all_inner_texts()) == {"Cafe\u0301"}
