"""The report in the terminal, as Markdown, and as a page. Registration only; see the sibling folders."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Natural, Options, Positive, hookimpl


class ConsoleOptions(Options):
    """Options of the ``console`` reporter."""

    slices: Natural = 10
    """Number of slices to show; if there are more, those that stand out most."""
    wins: Natural = 3
    """Number of right answers to show."""
    losses: Natural = 6
    """Number of wrong answers to show."""


class MarkdownOptions(Options):
    """Options of the ``markdown`` reporter."""

    wins: Natural = 5
    """Number of right answers to show."""
    losses: Natural = 10
    """Number of wrong answers to show."""


class HtmlOptions(Options):
    """Options of the ``html`` reporter."""

    questions: Positive = 50_000
    """Maximum number of questions on the page; if there are more, those with a wrong answer come first."""


@hookimpl
def qatk_reporters() -> Iterable[Component]:
    """The report in the terminal, as Markdown, and as a page."""
    terminal, markdown, page = (
        "the report in the terminal",
        "report.md, for a pull request",
        "report.html, charts and all questions",
    )
    former = ("reports",)
    return [
        Component("console", f"{__name__}.console.reporter:ConsoleReporter", ConsoleOptions, terminal, formerly=former),
        Component(
            "markdown", f"{__name__}.markdown.reporter:MarkdownReporter", MarkdownOptions, markdown, formerly=former
        ),
        Component("html", f"{__name__}.html.reporter:HtmlReporter", HtmlOptions, page, formerly=former),
    ]
