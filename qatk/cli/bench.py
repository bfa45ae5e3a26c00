"""``qatk bench``: how fast models answer, with which runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import Device, Set, Use, output, plain_warnings, plugin_host, print_json
from qatk.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from qatk.inference.bench import Measured


Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL",
        help="Run folder, saved or exported model, or checkpoint of the hub.",
        autocompletion=completion.runs,
    ),
]


def bench_command(
    context: typer.Context,
    models: Models,
    runtimes: Annotated[
        list[str] | None,
        typer.Option(
            "--runtime",
            metavar="NAME",
            help="Runtimes, such as torch,onnx,onnx:int8. May be repeated.",
            show_default="the model's own",
            autocompletion=completion.runtimes,
        ),
    ] = None,
    batch_sizes: Annotated[str, typer.Option("--batch-size", metavar="N,N", help="Questions of a call.")] = "1,8,32",
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Data to ask, and to score where it has gold answers.", show_default=False),
    ] = None,
    use: Use = None,
    settings: Set = None,
    seconds: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Time for each figure, at least.")] = 5.0,
    device: Device = None,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML page with a chart of each figure too.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure how fast models answer: throughput, latency, memory and size, beside EM and F1.

    For example: qatk bench runs/quickstart --runtime torch,onnx,onnx:int8 --data dev.json --html bench.html. Each line
    comes from a fresh process, with as many threads as OMP_NUM_THREADS says.
    """
    from qatk.cli.progress import show_progress
    from qatk.cli.reading import read_examples
    from qatk.inference.bench import Measured, measure

    plain_warnings()
    host = plugin_host(context)
    asked = data is not None or use is not None
    examples = read_examples(host, use, data, settings or [], whole=True, scoring=True, out=page) if asked else None
    if page is not None and not page.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {page.parent}", where=f"--html {page}", fix="make it first")
    named = [name for text in runtimes or [] for name in text.split(",")]
    sizes, measured = _sizes(batch_sizes), list[Measured]()
    try:
        with show_progress():
            measured.extend(measure(models, named, sizes, data=examples, seconds=seconds, device=device, host=host))
    finally:
        if measured:  # also where a later one failed
            _say(measured, page, as_json=json)


def _say(measured: Sequence[Measured], page: Path | None, *, as_json: bool) -> None:
    from qatk.files import write_atomically
    from qatk.inference.bench_page import bench_html

    if page is not None:
        write_atomically(page, bench_html(measured, _names(measured)))
    if as_json:
        print_json([row.as_dict() for row in measured])
        return
    console = output()
    for table in _tables(measured, console.width):
        console.print(table)


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        raise UsageError(f"{text!r} is no list of numbers", where="--batch-size", fix="such as 1,8,32") from None


def _tables(measured: Sequence[Measured], width: int) -> list[Table]:
    """The figures, in several tables below each other where one is too wide."""
    from qatk.display.tables import in_blocks, plain_table
    from qatk.inference.bench_page import LABELS, headers_of, rows_of

    models = _names(measured)
    alone = len(set(models)) == 1
    headers = headers_of(measured)[alone:]
    names = len(LABELS) - alone
    table = plain_table(*headers, left=range(names - 1), title=measured[0].model if alone else None)
    for row in rows_of(measured, models):
        table.add_row(*row[alone:])
    tables = in_blocks(table, width, labels=names)
    tables[0].title = table.title
    return tables


def _names(measured: Sequence[Measured]) -> list[str]:
    """What tells the models apart, for each case."""
    from qatk.comparison.names import distinct_names

    models = list(dict.fromkeys(row.model for row in measured))
    short = dict(zip(models, distinct_names(models), strict=True))
    return [short[row.model] for row in measured]
