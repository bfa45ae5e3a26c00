"""What ``qatk bench`` measured, as rows of a table and as an HTML page with a chart of each figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from typing import NamedTuple

from qatk.cores import usable_cores
from qatk.display import METRICS, still_page
from qatk.errors import counted
from qatk.inference.bench import Measured
from qatk.run_folder.provenance import processor


class Figure(NamedTuple):
    """A figure of each case: its header in the table, its title in the page, its value and how it is written.

    One that is not ``by_batch`` is the same for all sizes of batches.
    """

    header: str
    title: str
    of: Callable[[Measured], float]
    form: str
    by_batch: bool = True


_LESS = "less is better"
FIGURES = (
    Figure("questions/s", "Questions per second: more is better", lambda row: row.questions_per_second, ",.1f"),
    Figure("p50 ms", f"Median time of a call, in ms: {_LESS}", lambda row: row.p50_ms, ",.1f"),
    Figure("p99 ms", f"Time that 99 % of the calls take at most, in ms: {_LESS}", lambda row: row.p99_ms, ",.1f"),
    Figure("memory MB", f"Most memory of a fresh process, in MB: {_LESS}", lambda row: row.memory_bytes / 1e6, ",.0f"),
    Figure(
        "model MB", f"Model and tokenizer, in MB: {_LESS}", lambda row: row.model_bytes / 1e6, ",.1f", by_batch=False
    ),
)
F1 = Figure("F1", "F1, in per cent: more is better", lambda row: row.f1 or 0.0, ".2f", by_batch=False)
LABELS = ("model", "runtime", "batch")
"""Headers of the columns that name a case."""


class Bar(NamedTuple):
    """A case in a chart: its name, its number, and its share of the longest bar, in per cent."""

    name: str
    number: str
    width: float


class Chart(NamedTuple):
    """A figure of all cases."""

    title: str
    bars: Sequence[Bar]


def headers_of(measured: Sequence[Measured]) -> list[str]:
    """The headers of the table; EM and F1 where answers were scored."""
    return [*LABELS, *(figure.header for figure in FIGURES), *(METRICS.values() if _scored(measured) else ())]


def rows_of(measured: Sequence[Measured], models: Sequence[str]) -> Iterator[list[str]]:
    """The rows of the table. ``models``: what to call the model of each case."""
    for row, model in zip(measured, models, strict=True):
        figures = [format(figure.of(row), figure.form) for figure in FIGURES]
        scores = [] if row.exact is None or row.f1 is None else [f"{row.exact:.2f}", f"{row.f1:.2f}"]
        yield [model, f"{row.runtime} {row.precision}".strip(), str(row.batch_size), *figures, *scores]


def bench_html(measured: Sequence[Measured], models: Sequence[str]) -> str:
    """The page: one file that runs no script and asks no network. ``models``: as of :func:`rows_of`."""
    return still_page(
        (files("qatk.inference") / "bench.html.jinja").read_text("utf-8"),
        title=", ".join(dict.fromkeys(row.model for row in measured)),
        machine=f"{processor()}, {counted(usable_cores(), 'processor')}",
        charts=list(_charts(measured, models)),
        headers=headers_of(measured),
        labels=len(LABELS) - 1,
        rows=list(rows_of(measured, models)),
    )


def _charts(measured: Sequence[Measured], models: Sequence[str]) -> Iterator[Chart]:
    several = len(set(models)) > 1
    for figure in FIGURES:
        yield _chart(figure, measured, models if several else ())
    if scored := [k for k, row in enumerate(measured) if row.f1 is not None]:
        yield _chart(F1, [measured[k] for k in scored], [models[k] for k in scored] if several else ())


def _chart(figure: Figure, measured: Sequence[Measured], models: Sequence[str]) -> Chart:
    """``models``: what to call the model of each case; empty where there is one alone."""
    most = max(map(figure.of, measured)) or 1.0
    bars: dict[str, Bar] = {}
    for place, row in enumerate(measured):
        parts = [*models[place : place + 1], f"{row.runtime} {row.precision}".strip()]
        # The last space does not break, so that no number stands in a line of its own.
        name = ", ".join([*parts, *([f"batch\u00a0{row.batch_size}"] if figure.by_batch else [])])
        share = round(100 * figure.of(row) / most, 1)
        bars.setdefault(name, Bar(name, format(figure.of(row), figure.form), share))
    return Chart(figure.title, list(bars.values()))


def _scored(measured: Sequence[Measured]) -> bool:
    return any(row.f1 is not None for row in measured)
