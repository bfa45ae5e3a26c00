"""How results show themselves in a notebook: plain HTML tables in the notebook's own style, no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from qatk.display.numbers import METRICS, interval, points, signed


def run_html(name: str, figures: str, folder: Path | None, sets: Mapping[str, str]) -> str:
    """A run: its name, the HTML of its figures, and of those of its other evaluation sets, and where its page is."""
    page = None if folder is None else folder / "report.html"
    link = (
        f'<p><a href="{escape(page.resolve().as_uri())}">{escape(str(page))}</a></p>' if page and page.exists() else ""
    )
    others = "".join(f"<p>{escape(other)}</p>{html}" for other, html in sets.items())
    return f"<p><b>{escape(name)}</b></p>{figures}{others}{link}"


class Row(NamedTuple):
    """A group of questions: its name, how many it has, and each metric's value with its interval, if it has one."""

    name: str
    total: int
    figures: Sequence[tuple[float, tuple[float, float] | None]]


def figures_html(metrics: Iterable[str], groups: Iterable[Row], slices: Sequence[Row], normaliser: str) -> str:
    """Each metric of some groups of questions with 95 % intervals, by a normaliser; of the slices, folded away."""
    headers = ["", "questions", *(METRICS.get(metric, metric) for metric in metrics)]
    main = f"<p>per cent, by normaliser {escape(normaliser)}</p>{_table(headers, map(_cells, groups))}"
    if not slices:
        return main
    return f"{main}<details><summary>slices</summary>{_table(headers, map(_cells, slices))}</details>"


class Compared(NamedTuple):
    """A metric of a group of questions in two systems: per cent, points, and a 95 % interval."""

    pair: str
    metric: str
    group: str
    total: int
    baseline: float
    other: float
    difference: float
    bounds: tuple[float, float]
    verdict: str


def comparison_html(verdicts: Iterable[str], differences: Iterable[Compared], by: str) -> str:
    """The verdicts, and the difference of each pair in each metric and group with its interval.

    Args:
        verdicts: one a pair.
        differences: of all pairs.
        by: what the intervals are by, such as ``article``.
    """
    said = "".join(f"<p><b>{escape(verdict)}</b></p>" for verdict in verdicts)
    rows = [
        [
            *(d.pair, METRICS[d.metric], d.group, f"{d.total:,}"),
            *(points(d.baseline), points(d.other), signed(d.difference), interval(d.bounds), d.verdict),
        ]
        for d in differences
    ]
    headers = ["", "", "", "questions", "baseline", "other", "difference", f"95 % by {by}", "verdict"]
    return said + _table(headers, rows)


def _cells(row: Row) -> list[str]:
    return [row.name, f"{row.total:,}", *(_value(*figure) for figure in row.figures)]


def _value(value: float, bounds: tuple[float, float] | None) -> str:
    return points(value) + (f" ({interval(bounds)})" if bounds else "")


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(header)}</th>" for header in headers)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
