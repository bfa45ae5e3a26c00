"""Draw a finished run for the README: ``python tools/make_picture.py runs/quickstart``.

``docs/reference/report.svg`` is its report in the terminal; ``docs/reference/page.png`` its page, opened in Chromium,
with a question that the run has wrong.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

import qatk
from qatk.results import System
from qatk_builtin.reporters import ConsoleOptions
from qatk_builtin.reporters.console.reporter import ConsoleReporter
from qatk_builtin.reporters.html.document import write_page

DOCS = Path(__file__).parents[1] / "docs" / "reference"


def main(folder: str, chromium: str = "chromium") -> None:
    """Write both pictures."""
    result = qatk.load_run(folder)
    console = Console(width=100, record=True, file=io.StringIO(), force_terminal=True)
    ConsoleReporter(ConsoleOptions(wins=2, losses=3)).report(result, None, console)
    console.save_svg(str(DOCS / "report.svg"), title="qatk run examples/quickstart.yaml")
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "report.html"
        write_page(page, [System.of_run(result)], run=result, questions=50_000)
        photograph(page, chromium)


def photograph(page: Path, chromium: str) -> None:
    """The charts above, an open question below."""
    with opened(page, chromium, address="#kind=wrong", height=760) as view:
        view.locator("#list a").first.click()
        view.wait_for_selector("#asked")
        view.mouse.move(0, 0)
        view.screenshot(path=str(DOCS / "page.png"))


@contextmanager
def opened(page: Path, chromium: str = "chromium", *, address: str = "", height: int = 1000) -> Iterator[Any]:
    """A page of a report in the browser, its charts drawn, until the block ends."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(chromium), args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1200, "height": height})
        view.goto(page.as_uri() + address)
        view.wait_for_selector("html[data-charts=drawn]")
        yield view
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
