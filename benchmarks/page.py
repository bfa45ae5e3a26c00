"""The page of a comparison: its size, and how soon its filters answer in Chromium. Run: python benchmarks/page.py.

The systems are those of compare.py: 11,873 questions, 20 best spans each. A filter has answered when the browser has
painted what it found: the clock runs from the change of a control to the second frame after it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import Row, figure, seconds
from compare import QUESTIONS, dev_like, make_run
from table import alone

from qatk.comparison.compare import compare_systems
from qatk.comparison.systems import read_systems
from qatk.plugins.host import PluginHost
from qatk_builtin.reporters.html.document import write_page

SIZE, FILTER = 12.0, 200.0
"""Megabytes that the file may have, and milliseconds that a filter may take."""
CASE = f"2 systems, {QUESTIONS:,} questions, 20 best spans"
CHANGES = (
    ("text", "the"),
    ("text", "a context of no kind"),
    ("text", ""),
    ("kind", "wrong"),
    ("slice", "0"),
    ("sort", "f1"),
    ("sort", "odds-down"),
    ("sort", "apart"),
    ("slice", ""),
    ("kind", ""),
    ("system", "1"),
    ("outcome", "wins.1"),
    ("outcome", ""),
)
"""What is done to the controls, one after the other."""
TIME = """([name, value]) => new Promise((done) => {
  const control = document.getElementById("filters").elements.namedItem(name), begun = performance.now();
  control.value = value;
  control.dispatchEvent(new Event(name === "text" ? "input" : "change"));
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)));
})"""


def measure(repetitions: int = 3) -> list[Row]:
    """Rows for the file and, where a Chromium is found, for its filters."""
    examples, host = dev_like(), PluginHost.discover()
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / f"run-{k}" for k in range(2)]
        for k, path in enumerate(runs):
            make_run(path, examples, 0.6 + 0.02 * k, k, host)
        comparison = compare_systems(read_systems(runs))
        page = Path(folder) / "page.html"

        def write() -> None:
            write_page(page, comparison.systems, comparison, questions=50_000)

        write()  # once, so that the charts' script is in the cache
        times = [seconds(write)[0] for _ in range(repetitions)]
        megabytes = page.stat().st_size / 1e6
        rows = [
            figure("page, file", CASE, "MB", [megabytes], target=SIZE, note="charts' script included."),
            figure("page, written", CASE, "s", times),
        ]
        return rows + filters(page, repetitions)


def filters(page: Path, repetitions: int) -> list[Row]:
    """The slowest of all changes of a control, in each repetition."""
    browser = os.environ.get("QATK_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return []
    times = [max(_walk(browser, page)) for _ in range(repetitions)]
    note = f"slowest of {len(CHANGES)} changes, painted."
    return [figure("page, any filter", CASE, "ms", times, target=FILTER, note=note)]


def _walk(browser: str, page: Path) -> Sequence[float]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        view: Any = found.new_page(viewport={"width": 1280, "height": 900})
        view.goto(page.as_uri())
        view.wait_for_selector("html[data-charts=drawn]")
        times = [float(view.evaluate(TIME, [name, value])) for name, value in CHANGES]
        found.close()
    return times


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=3)
