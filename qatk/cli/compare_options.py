"""The arguments and options of ``qatk compare``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import number_of, runtime_settings, section_of
from qatk.errors import UsageError

Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="SYSTEM",
        help="Run folders and prediction files; models and prediction files with --data; recipes with --over or "
        "--seeds; or one plan. The first system is the baseline; a single one is reported by itself.",
        show_default=False,
        autocompletion=completion.runs,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Data that models (run folders, saved models, checkpoints) answer now, and that prediction files answer.",
        show_default=False,
    ),
]
Use = Annotated[
    str | None,
    typer.Option(
        "--use",
        metavar="DATASET",
        help="Dataset component that reads --data.",
        show_default="by its ending",
        autocompletion=completion.datasets,
    ),
]
NullOdds = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        help="Null odds of the prediction files: one --null-odds for each in order, - if it has none.",
        show_default="those of their rows",
    ),
]
Thresholds = Annotated[
    list[str] | None,
    typer.Option(
        "--na-prob-thresh",
        metavar="X",
        help="Score answers of prediction files whose null odds are above X as no answer, as qatk eval does. Repeated: "
        "one for each file in order, - for none.",
    ),
]
Over = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=A,B",
        help="Vary a key of the recipe; 'KEY=[A, B]' is read as YAML. Several --over run every combination.",
        autocompletion=completion.recipe_keys,
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(metavar="N,N", help="Run every system with each of these seeds, such as 0,1,2.", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of every recipe; with --data, set an option of its dataset. May be repeated.",
        autocompletion=completion.keys_to_compare,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Folder for the new run folders.", show_default="runs/RECIPE-compare"),
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Run with only the first N questions of each split.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Number of runs at a time, each on its own GPU or sharing the CPU.", show_default="1"
    ),
]
Launcher = Annotated[
    str | None,
    typer.Option(
        "--launcher",
        metavar="NAME",
        help="Where the runs of a recipe go: local, slurm, ray or a plugin's, such as '{use: slurm, partition: gpu}'.",
        show_default="the recipe's, or local",
    ),
]
KeepRunning = Annotated[
    bool,
    typer.Option(
        "--keep-running", help="Ctrl-C leaves the runs that were started running; the same command follows them again."
    ),
]
Plan = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FOLDER",
        help="Write the runs' recipes to a folder instead of making the runs: qatk run --task FOLDER:N makes one.",
    ),
]
Common = Annotated[bool, typer.Option("--common", help="Compare only the questions that all systems share.")]
GroupSeeds = Annotated[
    bool, typer.Option("--group-seeds", help="Treat run folders that differ only in their seed as one system.")
]
MarginOption = Annotated[
    float | None,
    typer.Option(metavar="POINTS", help="Also say whether a system is no worse than the baseline, by a margin of F1."),
]
AllPairs = Annotated[
    bool, typer.Option("--all-pairs", help="Compare every system with every other, not only with the first.")
]
On = Annotated[
    str, typer.Option(metavar="SET", help="Compare on this evaluation set of the runs, such as test (--on test).")
]
Detect = Annotated[
    float | None,
    typer.Option(metavar="POINTS", help="Plan: also say how many articles and seeds a difference of F1 needs."),
]
Show = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="N", help="Wins and losses to show for each pair.", show_default="3, or 1 with several pairs"
    ),
]
Slice = Annotated[
    str | None,
    typer.Option("--slice", metavar="'SLICER: NAME'", help="Show wins and losses of this slice only."),
]
Grep = Annotated[
    str | None,
    typer.Option(metavar="REGEX", help="Show only questions whose id, text, gold or answers match, ignoring case."),
]
Runtimes = Annotated[
    list[str] | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        help="What models or recipes predict with, such as onnx:int8. Repeated: one for each MODEL in order.",
        autocompletion=completion.runtimes,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON instead of the report.")]
Markdown = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write Markdown, as for a pull request; - prints it.")
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write one self-contained HTML page.")]
Report = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=FILE",
        help="Write a file with any reporter that supports comparisons; - prints it.",
        autocompletion=completion.reporter_files,
    ),
]
Draws = Annotated[
    int,
    typer.Option(min=1000, max=1_000_000, metavar="N", help="Number of draws for bootstrap and randomisation test."),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Seed of these draws.")]


def thresholds(texts: Sequence[str]) -> list[float | None]:
    """What each ``--na-prob-thresh`` says, ``-`` being none. Raises :class:`UsageError` for what is no number."""
    found: list[float | None] = []
    for text in texts:
        value = None if text == "-" else number_of(text)
        if value is not None and math.isnan(value):
            fix = "give a number on the scale of the null odds, or - for none"
            raise UsageError(f"{text!r} is no number", where="--na-prob-thresh", fix=fix)
        found.append(value)
    return found


def launcher_section(text: str | None) -> dict[str, object] | None:
    """The section of a recipe that ``--launcher`` stands for. Raises :class:`UsageError` where it names none."""
    return None if text is None else section_of(text, "--launcher", "launcher", "{use: slurm, partition: gpu}")


def recipe_runtime(runtimes: Sequence[str]) -> list[str]:
    """The settings of recipes that ``--runtime`` stands for. Raises :class:`UsageError` for several."""
    if len(runtimes) > 1:
        fix = "vary it with --over runtime.use=torch,onnx"
        raise UsageError("recipes take one --runtime", where="--runtime", fix=fix)
    return runtime_settings(next(iter(runtimes), None))
