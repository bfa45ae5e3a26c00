"""Statistics of a data set as rows and bars, for every form of output, and as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import NamedTuple

from qatk.data.stats import COUNTS, LENGTHS, Spread, Stats
from qatk.display.numbers import figure
from qatk.display.page import still_page

HEADERS = ("", "number", "least", "median", "mean", "90 %", "most")
"""Of the table of lengths; 90 % of the numbers are not above the one under ``90 %``."""


class Bar(NamedTuple):
    """A bar of a chart: its name, its number, its share of all, and its share of the longest bar, both in per cent."""

    name: str
    number: str
    share: str
    width: float


class Chart(NamedTuple):
    """A small chart."""

    title: str
    bars: Sequence[Bar]


def length_rows(stats: Stats) -> Iterator[list[str]]:
    """The rows of the table of lengths."""
    for name, each in stats.spreads.items():
        middle = (f"{each.median:,.{0 if each.median.is_integer() else 1}f}", f"{each.mean:,.1f}", f"{each.p90:,.0f}")
        yield [LENGTHS[name], f"{each.count:,}", f"{each.least:,}", *middle, f"{each.most:,}"]


def count_rows(stats: Stats) -> Iterator[tuple[str, str]]:
    """The rows of the table of counts."""
    for name, number in stats.counts.items():
        yield COUNTS[name], f"{number:,}"


def charts_of(stats: Stats) -> Iterator[Chart]:
    """A chart of each group and of each length."""
    for name, groups in stats.groups.items():
        yield _chart(name.replace("-", " "), list(groups.items()))
    for name, each in stats.spreads.items():
        yield _chart(LENGTHS[name], list(zip(_ranges(each), (count for _, count in each.bars), strict=True)))


def _ranges(spread: Spread) -> Iterator[str]:
    low = int(spread.least)
    for high, _ in spread.bars:
        yield f"{low:,}" if low == high else f"{low:,}-{high:,}"
        low = high + 1


def _chart(title: str, counts: Sequence[tuple[str, int]]) -> Chart:
    total, most = sum(count for _, count in counts) or 1, max(count for _, count in counts) or 1
    share = [f"{figure(100 * count / total, 1)} %" for _, count in counts]
    bars = [
        Bar(name, f"{count:,}", part, round(100 * count / most, 1))
        for (name, count), part in zip(counts, share, strict=True)
    ]
    return Chart(title, bars)


def stats_html(stats: Stats, title: str) -> str:
    """The page: one file that runs no script and asks no network."""
    return still_page(
        (files("qatk.data") / "stats.html.jinja").read_text("utf-8"),
        title=title,
        counts=list(count_rows(stats)),
        headers=HEADERS,
        rows=list(length_rows(stats)),
        charts=list(charts_of(stats)),
    )
