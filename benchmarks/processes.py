"""Whole processes, side by side: ``qatk eval`` and ``qatk --help``. Run: python benchmarks/processes.py.

``qatk eval`` stands against the reference of the official script, which imports what that script imports; both read
plain JSON files and must print the same figures. ``qatk --help`` stands against a Typer app with as many commands.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import Row, Timed, alternate, duration, figure, mini_or_generated
from scoring import invented
from table import alone

HERE = Path(__file__).parent
QATK = Path(sys.executable).with_name("qatk")
HEAVY = ("numpy", "torch", "transformers", "datasets")
LOADED = f"""
import sys
from qatk.cli import main
sys.argv = ["qatk", "--help"]
try:
    main()
finally:
    print("loaded:", *(name for name in {HEAVY} if name in sys.modules))
"""
TARGET_EVAL, TARGET_HELP, TARGET_HELP_S = 1.0, 1.2, 0.35


def measure(repetitions: int = 11) -> list[Row]:
    """``qatk eval`` with and without null odds, ``qatk --help``, and what the latter loads."""
    return [*evaluation(repetitions), *help_page(repetitions)]


def evaluation(repetitions: int) -> list[Row]:
    case = invented(*mini_or_generated())
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.json" for name in ("data", "predictions", "odds")]
        for path, content in zip(paths, (case.data, case.predictions, case.odds), strict=True):
            path.write_text(json.dumps(content), encoding="utf-8")
        data, predictions, odds = map(str, paths)
        plain = _evaluate(case.name, [data, predictions], [data, predictions], repetitions)
        with_odds = [data, predictions, "--null-odds", odds], [data, predictions, "--na-prob-file", odds]
        return [plain, _evaluate(f"{case.name}, null odds", *with_odds, repetitions)]


def _evaluate(name: str, ours: list[str], theirs: list[str], repetitions: int) -> Row:
    qatk = [str(QATK), "eval", "--json", *ours]
    reference = [sys.executable, str(HERE / "reference_scoring.py"), *theirs]
    if list(json.loads(output(qatk)).items()) != list(json.loads(output(reference)).items()):
        raise SystemExit(f"{name}: qatk eval and the reference differ")
    times = alternate({"qatk": lambda: output(qatk), "reference": lambda: output(reference)}, repetitions)
    mine, other = Timed(times["qatk"], 1), Timed(times["reference"], 1)
    return duration("qatk eval, process", name, mine, other, "the official script", target=TARGET_EVAL)


def help_page(repetitions: int) -> list[Row]:
    qatk, bare = [str(QATK), "--help"], [sys.executable, str(HERE / "reference_help.py"), "--help"]
    for command in (qatk, bare):  # once, so that compiled files are there
        output(command)
    times = alternate({"qatk": lambda: output(qatk), "bare": lambda: output(bare)}, repetitions)
    mine, other = Timed(times["qatk"], 1), Timed(times["bare"], 1)
    loaded = heavy_modules()
    note = f"of {', '.join(HEAVY)} it loads {', '.join(loaded) or 'none'}."
    against = "a bare Typer app"
    return [
        duration("qatk --help, process", "", mine, other, against, target=TARGET_HELP, note=note),
        figure("qatk --help, process", "", "s", times["qatk"], target=TARGET_HELP_S),
        figure("qatk --help", "", "heavy modules", [len(loaded)], target=0),
    ]


def heavy_modules() -> list[str]:
    """Those of ``HEAVY`` that ``qatk --help`` loads."""
    return output([sys.executable, "-c", LOADED]).rpartition("loaded:")[2].split()


def output(command: list[str]) -> str:
    """What a command prints; it must succeed. Compiled files are kept, as they are for a user."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=11)
