"""Pages for tests, and the Chromium to look at them."""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from make_result import CASES, Case, make_result
from qatk.api import Examples, NBest, Predictions
from qatk.comparison.compare import compare_systems
from qatk.evaluation.metrics import judge
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric, LiveSlicer
from qatk.results.comparison import Comparison, System
from qatk.results.evaluation import Evaluation
from qatk_builtin.reporters.html.document import write_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@dataclass
class Seen:
    """What a browser told of a page."""

    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: Any) -> Seen:
        """What it is going to tell of this page."""
        seen = cls()
        page.on("console", lambda message: seen.messages.append(message.text))
        page.on("pageerror", lambda error: seen.messages.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        return seen

    def clear(self) -> None:
        """Forget it."""
        self.messages.clear()
        self.requests.clear()


def launched() -> Iterator[Any]:
    """A running Chromium, which ends with the fixture that yields from this."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield found
        found.close()


def find_chromium() -> str | None:
    """The Chromium of $QATK_CHROMIUM, or one on the path."""
    named = os.environ.get("QATK_CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def run_page(path: Path, host: PluginHost, cases: tuple[Case, ...] = CASES, questions: int = 50_000) -> Path:
    result = make_result(host, cases)
    write_page(path, [System(result.name, [result.evaluation])], run=result, questions=questions)
    return path


def two_systems(
    host: PluginHost, cases: tuple[Case, ...] = CASES, names: tuple[str, str] = ("bold", "careful")
) -> Comparison:
    """A system that answers as the cases say, and one that is right where they are not, and the reverse."""
    first = make_result(host, cases).evaluation
    others = tuple(replace(case, said=_other(case), passed=_other(case) or case.passed or case.said) for case in cases)
    second = replace(make_result(host, others).evaluation, examples=first.examples)
    return compare_systems([System(names[0], [first]), System(names[1], [second])], draws=200)


def _other(case: Case) -> str:
    right = case.said in case.gold if case.gold else not case.said
    return "The" if right else case.gold[0] if case.gold else ""


def comparison_page(path: Path, comparison: Comparison, questions: int = 50_000) -> Path:
    write_page(path, comparison.systems, comparison, questions=questions)
    return path


class Elements(HTMLParser):
    """What a browser would make of a page: the elements with their attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            about, before = self.scripts[-1]
            self.scripts[-1] = (about, before + data)
        elif self._inside != "style":
            self.texts.append(data)

    def script(self, name: str) -> str:
        return next(text for about, text in self.scripts if about.get("id") == name)


def held(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What a page says of its questions, and its columns by name: of the questions and of the best spans."""
    elements = Elements(path.read_text("utf-8"))
    about = json.loads(elements.script("about"))
    rows, best = (
        _columns(about["columns"][name], zlib.decompress(b64decode(elements.script(name)))) for name in ("rows", "best")
    )
    return about, rows, best


def _columns(table: list[Any], data: bytes) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    at = 0
    for name, kind, count, length, scale in table:
        part, at = data[at : at + length], at + length
        if kind == "text":
            text = part.decode().encode("utf-16-le")
            ends = 2 * np.cumsum(columns[name]).astype(int)
            columns[name] = [text[e - 2 * n : e].decode("utf-16-le") for e, n in zip(ends, columns[name], strict=True)]
        else:
            planes = np.frombuffer(part, np.uint8).reshape(int(kind[1]), count)
            values = planes.T.copy().view(f"<{kind}").ravel().astype(np.int64)
            columns[name] = values / scale if scale else values
    assert at == len(data)
    return columns


def large_evaluation(host: PluginHost, seed: int, questions: int = 11_873, contexts: int = 1_204) -> Evaluation:
    """As large as SQuAD v2's dev set, in questions, contexts and their lengths, with 20 best spans a question."""
    rng = np.random.default_rng(7)
    letters = "".join(rng.choice(list("abcdefghijklmnoprstu"), 48_000))
    words = np.array([letters[k : k + n] for k, n in zip(range(0, 48_000, 6), rng.integers(2, 11, 8000), strict=True)])
    texts = [" ".join(rng.choice(words, 125)) for _ in range(contexts)]
    index = np.sort(rng.integers(0, contexts, questions)).astype(np.int32)
    asked = [" ".join(rng.choice(words, 10)) + "?" for _ in range(questions)]
    counts = np.where(rng.random(questions) < 0.5, 0, 3)
    start = rng.integers(0, 300, counts.sum()).astype(np.int32)
    owners = np.repeat(index, counts)
    examples = Examples(
        id=[f"{i:024x}" for i in range(questions)],
        question=asked,
        title=[f"Article_{i // 350}" for i in range(questions)],
        context=texts,
        context_index=index,
        answer_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        answer_text=[texts[c][s : s + 12] for c, s in zip(owners, start, strict=True)],
        answer_start=start,
    )
    rng = np.random.default_rng(seed)
    spans = 20 * questions
    begin = rng.integers(0, 500, spans).astype(np.int32)
    end = (begin + rng.integers(2, 60, spans)).astype(np.int32)
    which = np.repeat(index, 20)
    nbest = NBest(
        np.arange(0, spans + 1, 20, dtype=np.int64),
        [texts[c][b:e] for c, b, e in zip(which, begin, end, strict=True)],
        begin,
        end,
        rng.normal(size=spans).astype(np.float32),
        rng.random(spans).astype(np.float32),
    )
    answered = rng.random(questions) < 0.6
    said = [text if a else "" for text, a in zip(nbest.text[::20], answered, strict=True)]
    first, last = (np.where(answered, ends[::20], -1).astype(np.int32) for ends in (begin, end))
    scores = [rng.normal(size=questions).astype(np.float32) for _ in range(2)]
    predictions = Predictions(said, first, last, *scores, nbest)
    slicers = [host.live(LiveSlicer, "slicer", name) for name in ("question-word", "answer-length", "article")]
    return judge(examples, predictions, [host.live(LiveMetric, "metric", "squad")], slicers)


def policy(elements: Elements) -> str:
    found = [about for tag, about in elements.found if tag == "meta" and about.get("http-equiv")]
    return str(found[0]["content"])


def network_names(elements: Elements) -> list[str]:
    """Every address that a browser would fetch or follow."""
    values = [value or "" for _, about in elements.found for key, value in about.items() if key in ("src", "href")]
    return [value for value in values if not re.match(r"#|$", value)]


CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) {
    const colour = numbers(getComputedStyle(e).backgroundColor);
    if ((colour[3] ?? 1) > 0.99) return colour; } return [255, 255, 255]; };
  return [...document.querySelectorAll("body *:not(script):not(svg):not(svg *)")].filter((e) =>
      e.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) && !e.closest(":disabled") &&
      [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((e) => { const [a, b] = [light(numbers(getComputedStyle(e).color)), light(ground(e))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 120)]; })
    .filter(([ratio]) => ratio < 4.5);
}"""
"""JavaScript: the texts of a page that stand out too little from their ground, with their contrast."""


def until(page: Any, expression: str) -> None:
    """Wait until an expression is true; the page's policy forbids Playwright's own way, which evaluates text there."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {expression}")
