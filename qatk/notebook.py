"""How results show themselves in a notebook: plain HTML tables in the notebook's own style, no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from qatk.pairs import Difference
from qatk.slices import SliceRow, mean_interval
from qatk.types import Bool, Float64

METRICS = {"exact": "EM", "f1": "F1"}


def run_html(name: str, figures: str, folder: Path | None) -> str:
    """A run: its name, the HTML of its figures, and where its page is."""
    page = None if folder is None else folder / "report.html"
    link = (
        f'<p><a href="{escape(page.resolve().as_uri())}">{escape(str(page))}</a></p>' if page and page.exists() else ""
    )
    return f"<p><b>{escape(name)}</b></p>{figures}{link}"


def figures_html(per_question: Mapping[str, Float64], has_answer: Bool, slices: Sequence[SliceRow]) -> str:
    """Each metric of all, answerable and unanswerable questions with 95 % intervals, and of the slices, folded away.

    Args:
        per_question: float64[n] of each metric, as fractions.
        has_answer: bool[n].
        slices: groups of questions, in the order to show them.
    """
    headers = ["", "questions", *(METRICS.get(metric, metric) for metric in per_question)]
    main = _table(headers, _groups(per_question, has_answer))
    rows = [
        [
            f"{row.slicer}: {row.name}",
            f"{row.total:,}",
            *(_value(row.metrics[m], row.intervals.get(m)) for m in row.metrics),
        ]
        for row in slices
    ]
    return f"{main}<details><summary>slices</summary>{_table(headers, rows)}</details>" if rows else main


def comparison_html(verdicts: Sequence[str], differences: Sequence[tuple[str, Difference]], clusters: str) -> str:
    """The verdicts, and the difference of each pair in each metric and group with its interval.

    Args:
        verdicts: one a pair.
        differences: each with the name of its pair.
        clusters: ``article`` or ``context``.
    """
    said = "".join(f"<p><b>{escape(verdict)}</b></p>" for verdict in verdicts)
    rows = [
        [
            *(pair, METRICS[d.metric], d.group, f"{d.total:,}"),
            *(_figure(d.baseline), _figure(d.other), f"{d.difference:+.1f}", _bounds(d.by_cluster), d.verdict),
        ]
        for pair, d in differences
    ]
    by = f"95 % by {clusters}"
    return said + _table(["", "", "", "questions", "baseline", "other", "difference", by, "verdict"], rows)


def _groups(per_question: Mapping[str, Float64], has_answer: Bool) -> Iterator[list[str]]:
    for name, rows in (("all", has_answer | True), ("HasAns", has_answer), ("NoAns", ~has_answer)):
        if rows.any() and (name == "all" or not rows.all()):
            columns = [column[rows] for column in per_question.values()]
            yield [name, f"{int(rows.sum()):,}", *(_value(100 * float(c.mean()), mean_interval(c)) for c in columns)]


def _value(value: float, bounds: tuple[float, float] | None) -> str:
    return _figure(value) + (f" ({_bounds(bounds)})" if bounds else "")


def _figure(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "-"


def _bounds(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.1f} to {bounds[1]:.1f}" if all(map(math.isfinite, bounds)) else "-"


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(header)}</th>" for header in headers)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
