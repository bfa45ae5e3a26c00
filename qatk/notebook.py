"""How results show themselves in a notebook: plain HTML tables in the notebook's own style, no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from qatk.results import Evaluation, RunResult
from qatk.scoring import mean_interval

if TYPE_CHECKING:
    from qatk.comparison import Comparison

METRICS = {"exact": "EM", "f1": "F1"}


def run_html(result: RunResult) -> str:
    """A run: its name, the figures of its evaluation, and where its page is."""
    page = None if result.folder is None else result.folder / "report.html"
    link = (
        f'<p><a href="{escape(page.resolve().as_uri())}">{escape(str(page))}</a></p>' if page and page.exists() else ""
    )
    return f"<p><b>{escape(result.name)}</b></p>{evaluation_html(result.evaluation)}{link}"


def evaluation_html(evaluation: Evaluation) -> str:
    """Each metric of all, answerable and unanswerable questions with 95 % intervals, and of the slices, folded away."""
    main = _table(["", "questions", *_names(evaluation)], _groups(evaluation))
    slices = [
        [
            f"{row.slicer}: {row.name}",
            f"{row.total:,}",
            *(_value(row.metrics[m], row.intervals.get(m)) for m in row.metrics),
        ]
        for row in evaluation.slices
    ]
    if not slices:
        return main
    return f"{main}<details><summary>slices</summary>{_table(['', 'questions', *_names(evaluation)], slices)}</details>"


def comparison_html(comparison: Comparison) -> str:
    """The verdicts, and the difference of each pair in each metric and group with its interval."""
    names = [system.name for system in comparison.systems]
    said = "".join(f"<p><b>{escape(pair.verdict)}</b></p>" for pair in comparison.pairs)
    rows = [
        [
            *(f"{names[pair.other]} - {names[pair.baseline]}", METRICS[d.metric], d.group, f"{d.total:,}"),
            *(_figure(d.baseline), _figure(d.other), f"{d.difference:+.1f}", _bounds(d.by_cluster), d.verdict),
        ]
        for pair in comparison.pairs
        for d in pair.differences
    ]
    by = f"95 % by {comparison.clusters}"
    return said + _table(["", "", "", "questions", "baseline", "other", "difference", by, "verdict"], rows)


def _names(evaluation: Evaluation) -> list[str]:
    return [METRICS.get(metric, metric) for metric in evaluation.per_question]


def _groups(evaluation: Evaluation) -> Iterator[list[str]]:
    has_answer = evaluation.examples.has_answer
    for name, rows in (("all", has_answer | True), ("HasAns", has_answer), ("NoAns", ~has_answer)):
        if rows.any() and (name == "all" or not rows.all()):
            columns = [column[rows] for column in evaluation.per_question.values()]
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
