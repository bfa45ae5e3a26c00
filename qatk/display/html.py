"""How results show themselves in a notebook: plain HTML tables in the notebook's own style, no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from qatk.display.numbers import METRICS

Rows = Sequence[Sequence[str]]


def run_html(name: str, figures: str, folder: Path | None, sets: Mapping[str, str]) -> str:
    """A run: its name, the HTML of its figures, and of those of its other evaluation sets, and where its page is."""
    page = None if folder is None else folder / "report.html"
    link = (
        f'<p><a href="{escape(page.resolve().as_uri())}">{escape(str(page))}</a></p>' if page and page.exists() else ""
    )
    others = "".join(f"<p>{escape(other)}</p>{html}" for other, html in sets.items())
    return f"<p><b>{escape(name)}</b></p>{figures}{others}{link}"


def figures_html(metrics: Iterable[str], groups: Rows, slices: Rows, normaliser: str) -> str:
    """The cells of groups of questions, by a normaliser: name, number, and each metric; of the slices, folded away."""
    headers = ["", "questions", *(METRICS.get(metric, metric) for metric in metrics)]
    main = f"<p>per cent, by normaliser {escape(normaliser)}</p>{_table(headers, groups)}"
    if not slices:
        return main
    return f"{main}<details><summary>slices</summary>{_table(headers, slices)}</details>"


def comparison_html(verdicts: Iterable[str], differences: Rows, by: str) -> str:
    """The verdicts, and the difference of each pair in each metric and group with its interval.

    Args:
        verdicts: one a pair.
        differences: of all pairs, as cells.
        by: what the intervals are by, such as ``article``.
    """
    said = "".join(f"<p><b>{escape(verdict)}</b></p>" for verdict in verdicts)
    headers = ["", "", "", "questions", "baseline", "other", "difference", f"95 % by {by}", "verdict"]
    return said + _table(headers, differences)


def _table(headers: Sequence[str], rows: Rows) -> str:
    head = "".join(f"<th>{escape(header)}</th>" for header in headers)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
