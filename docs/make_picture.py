"""Draw the report of a finished run as ``docs/report.svg``: ``python docs/make_picture.py runs/quickstart``."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console

import qatk
from qatk_builtin.reports import ConsoleOptions
from qatk_builtin.reports.console import ConsoleReporter


def main(folder: str) -> None:
    """Write the picture."""
    console = Console(width=100, record=True, file=io.StringIO(), force_terminal=True)
    ConsoleReporter(ConsoleOptions(wins=2, losses=3)).report(qatk.load_run(folder), None, console)
    console.save_svg(str(Path(__file__).parent / "report.svg"), title="qatk run examples/quickstart.yaml")


if __name__ == "__main__":
    main(sys.argv[1])
