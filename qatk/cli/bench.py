"""``qatk bench``: how fast models answer, with which runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.data.options import Set, Use
from qatk.cli.shared import Device, output, plain_warnings, plugin_host, print_json
from qatk.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from qatk.inference.bench import Measured

BAR = 20
"""Characters of the longest bar."""


def bench_command(
    context: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL", help="Run folder, saved or exported model, or checkpoint of the hub."),
    ],
    runtimes: Annotated[
        list[str] | None,
        typer.Option(
            "--runtime",
            metavar="NAME",
            help="Runtimes, such as torch,onnx,onnx:int8. May be repeated.",
            show_default="the model's own",
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
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure how fast models answer: throughput, latency, memory and size, beside EM and F1.

    For example: qatk bench runs/quickstart --runtime torch,onnx,onnx:int8 --data dev.json. Each line comes from a fresh
    process, with as many threads as OMP_NUM_THREADS says.
    """
    from qatk.cli.progress import show_progress
    from qatk.cli.reading import read_examples
    from qatk.inference.bench import bench

    plain_warnings()
    host = plugin_host(context)
    examples = None if data is None and use is None else read_examples(host, use, data, settings or [])
    named = [name for text in runtimes or [] for name in text.split(",")]
    with show_progress():
        measured = bench(models, named, _sizes(batch_sizes), data=examples, seconds=seconds, device=device, host=host)
    if json:
        print_json([{k: v for k, v in asdict(row).items() if v is not None} for row in measured])
    else:
        output().print(_table(measured))


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        raise UsageError(f"{text!r} is no list of numbers", where="--batch-size", fix="such as 1,8,32") from None


def _table(measured: Sequence[Measured]) -> Table:
    from qatk.display.tables import plain_table

    scored = any(row.f1 is not None for row in measured)
    headers = ["model", "runtime", "batch", "questions/s", "", "p50 ms", "p99 ms", "memory MB", "model MB"]
    table = plain_table(*headers, *(["EM", "F1"] if scored else []), left=(0, 1, 4))
    most = max(row.questions_per_second for row in measured)
    for row in measured:
        cells = [
            row.model,
            f"{row.runtime} {row.precision}".strip(),
            str(row.batch_size),
            f"{row.questions_per_second:,.1f}",
            "█" * max(1, round(BAR * row.questions_per_second / most)),
            f"{row.p50_ms:,.1f}",
            f"{row.p99_ms:,.1f}",
            f"{row.memory_bytes / 1e6:,.0f}",
            f"{row.model_bytes / 1e6:,.1f}",
        ]
        table.add_row(*cells, *([f"{v:.2f}" for v in (row.exact, row.f1) if v is not None] if scored else []))
    return table
