"""Rows for people and for programs."""

from __future__ import annotations

import argparse
import json
import math
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from common import Row
from rich.console import Console
from rich.table import Table

from qatk.cores import usable_cores
from qatk.run_folder.provenance import processor

COLUMNS = ("what", "on", "against", "qatk", "reference", "ratio", "least to most", "target", "verdict")
PACKAGES = ("qatk", "torch", "transformers", "tokenizers", "datasets", "accelerate", "numpy", "typer")


def alone(doc: str | None, measure: Callable[[int], list[Row]], repetitions: int) -> None:
    """The command line of one benchmark by itself."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--repetitions", type=int, default=repetitions)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(arguments.repetitions)
    if arguments.json:
        print(json.dumps(as_data(rows), indent=1))
    else:
        show(rows, console())


def console() -> Console:
    """Standard output, wide where it is no terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=180)


def as_data(rows: Sequence[Row]) -> dict[str, Any]:
    """Ready for JSON: the machine, the rows, and their verdicts."""
    plain = [{**asdict(row), "reached": row.reached} for row in rows]
    for row in plain:
        row |= {name: None for name, value in row.items() if isinstance(value, float) and math.isnan(value)}
    return {**machine(), "rows": plain}


def machine() -> dict[str, Any]:
    """Where and when this is measured, and with what."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cpu": processor(),
        "cores": usable_cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def show(rows: Sequence[Row], console: Console) -> None:
    """The table; below it the notes."""
    table = Table(*COLUMNS[:3])
    for name in COLUMNS[3:]:
        table.add_column(name, justify="left" if name == "verdict" else "right")
    for row in rows:
        colour = {True: "[green]", False: "[red]", None: ""}[row.reached]
        table.add_row(*(f"{colour}{cell}" if name == "verdict" else cell for name, cell in _named(row)))
    console.print(table)
    for note in notes(rows):
        console.print(note, highlight=False)


def markdown(rows: Sequence[Row]) -> str:
    """The same for a page."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|---|--:|--:|--:|--:|--:|---|"]
    lines += ["| " + " | ".join(cell for _, cell in _named(row)) + " |" for row in rows]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes(rows))])


def notes(rows: Iterable[Row]) -> list[str]:
    """What rows have to say, once each."""
    return list(dict.fromkeys(f"{row.what}: {row.note}" for row in rows if row.note))


def _named(row: Row) -> list[tuple[str, str]]:
    """The cells of a row under their columns."""
    verdict = {True: "reached", False: "not reached", None: ""}[row.reached]
    reference = "" if math.isnan(row.reference) else short(row.reference)
    spread = "" if row.least == row.most else f"{short(row.least)} to {short(row.most)}"
    target = "" if row.target is None else f"{'at most' if row.at_most else 'at least'} {row.target:g}"
    what = f"{row.what}, {row.unit}" if row.unit else row.what
    cells = (what, row.case, row.against, short(row.qatk), reference, short(row.value))
    return list(zip(COLUMNS, (*cells, spread, target, verdict), strict=True))


def short(value: float) -> str:
    """Three digits that matter."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
