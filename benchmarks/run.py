"""Every row side by side with its plain reference: make bench, or python benchmarks/run.py --help."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

import auditing
import cache
import checking
import compare
import decoding
import features
import heads
import long
import models
import page
import pipeline
import processes
import reading
import scoring
import sizes
import together
from common import Row
from table import as_data, console, machine, markdown, show

PAGE = Path(__file__).resolve().parents[1] / "docs" / "results" / "performance.md"
BEGIN, END = "<!-- bench: made by `make bench`, do not edit -->\n", "<!-- end of bench -->\n"
BENCHMARKS: dict[str, tuple[Callable[[int], list[Row]], int]] = {
    "features": (features.measure, 5),
    "cache": (cache.measure, 5),
    "auditing": (auditing.measure, 3),
    "decoding": (decoding.measure, 5),
    "checking": (checking.measure, 3),
    "scoring": (scoring.measure, 5),
    "reading": (reading.measure, 5),
    "processes": (processes.measure, 11),
    "compare": (compare.measure, 5),
    "page": (page.measure, 3),
    "models": (models.measure, 3),
    "heads": (heads.measure, 3),
    "pipeline": (pipeline.measure, 3),
    "long": (long.measure, 1),
    "together": (together.measure, 3),
    "growth": (sizes.growth, 3),
}
"""What is measured, and how often."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--repetitions", type=int, help="instead of each benchmark's own number")
    parser.add_argument("--memory", action="store_true", help="also 1,000,000 windows: minutes, and gigabytes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON too")
    parser.add_argument("--write-docs", action="store_true", help="write the table into docs/results/performance.md")
    parser.add_argument("--profile", type=Path, metavar="RUN", help="with --write-docs: stages of this run folder too")
    o = parser.parse_args()
    if unknown := [name for name in o.only if name not in BENCHMARKS]:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    rows: list[Row] = []
    for name in [*(o.only or BENCHMARKS), *(["memory"] if o.memory else [])]:
        sys.stderr.write(f"{name} ...\n")
        measure, repetitions = (sizes.memory, 1) if name == "memory" else BENCHMARKS[name]
        rows += measure(o.repetitions or repetitions)
        if o.json:  # after each, for what comes next may take long
            o.json.write_text(json.dumps(as_data(rows), indent=1) + "\n", encoding="utf-8")
    show(rows, console())
    if o.write_docs:
        made = [about(" ".join(["python benchmarks/run.py", *sys.argv[1:]])), markdown(rows)]
        write_page("\n\n".join([*made, *([profile(o.profile)] if o.profile else [])]))


def write_page(made: str, document: Path = PAGE) -> None:
    """Put what was made between the document's marks."""
    text = document.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{document} lacks the marks between which the table belongs")
    document.write_text(f"{before}{BEGIN}\n{made}\n\n{END}{after}", encoding="utf-8")


def about(command: str) -> str:
    """Where, when and how the table was made."""
    held = machine()
    packages = ", ".join(f"{name} {version}" for name, version in held["packages"].items())
    place = f"{held['cpu']}, {held['cores']} cores, {held['system']}; Python {held['python']}, {packages}"
    return f"Measured on {held['date']} with `{command}`: {place}."


def profile(folder: Path) -> str:
    """The stages of a run, out of its manifest."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    total = sum(stage["seconds"] for stage in manifest["stages"].values())
    model = manifest["model"]
    lines = [
        f"A whole `qatk run`, {manifest['name']}, stage by stage, on {model['device']} in {model['precision']}, "
        f"{model['threads']} threads; peak memory {manifest['peak_memory_bytes'] / 2**30:.2f} GiB:",
        "",
        "| stage | seconds | share | windows/s |",
        "|---|--:|--:|--:|",
    ]
    for name, stage in manifest["stages"].items():
        rate = stage["counts"].get("windows_per_second")
        share = f"{100 * stage['seconds'] / total:.1f} %"
        lines.append(f"| {name} | {stage['seconds']:.2f} | {share} | {'' if rate is None else f'{rate:.1f}'} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
