"""What all commands share: the plugins that they may use, the console, the form of warnings."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from qatk.cli import completion
from qatk.cli.standard_output import takes_unicode
from qatk.errors import RecipeError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.plugins.host import PluginHost

T = TypeVar("T")
_CLUSTER = "Column of the data (or title, context) whose values group related questions."
Cluster = Annotated[str | None, typer.Option(metavar="COLUMN", help=_CLUSTER, show_default="title")]
RecipeCluster = Annotated[
    str | None, typer.Option(metavar="COLUMN", help=_CLUSTER, show_default="the recipe's, or title")
]
RunCluster = Annotated[str | None, typer.Option(metavar="COLUMN", help=_CLUSTER, show_default="the run's, or title")]

Language = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Normaliser by which answers are compared, such as de.", show_default="en, the script's"
    ),
]
RunLanguage = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="NAME",
        help="Normaliser by which answers are compared, such as de.",
        show_default="the run's",
    ),
]
LanguageColumn = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column of the data that names each question's normaliser.")
]

Data = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="SQuAD file, or rows (CSV, JSONL, Parquet ...); with --use, the first required option.",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set an option of the dataset. May be repeated.",
        autocompletion=completion.dataset_options,
    ),
]
Use = Annotated[
    str | None,
    typer.Option(
        "--use",
        metavar="DATASET",
        help="Dataset component that reads DATA.",
        show_default="by its ending",
        autocompletion=completion.datasets,
    ),
]
ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Run folder, saved or exported model, or checkpoint of the hub.",
        show_default=False,
        autocompletion=completion.runs,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Device: cpu, cuda or mps.",
        show_default="best available",
        autocompletion=completion.devices,
    ),
]
Passages = Annotated[
    str | None,
    typer.Option(
        "--passages",
        metavar="RETRIEVER",
        help="Score only windows that a retriever keeps: bm25, '{use: bm25, keep: 8}', or none to score all.",
        show_default="as in the run",
        autocompletion=completion.retrievers,
    ),
]
NullThreshold = Annotated[
    str | None,
    typer.Option(
        "--null-threshold",
        metavar="X|calibrated|never",
        help="Null odds above which there is no answer: a number, calibrated (what qatk calibrate fitted), or never.",
        show_default="as in the run",
        autocompletion=completion.null_thresholds,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_WIDEST = 10_000
"""Columns of a listing at most."""
MOST = 1000
"""Spans that ``-k`` may ask for: all there are of a long document are millions."""
NoOverlap = Annotated[
    bool, typer.Option("--no-overlap", help="List spans that do not overlap: the best of each place.")
]


def answering_settings(
    passages: str | None, null_threshold: str | None, *, no_overlap: bool = False
) -> dict[str, dict[str, object]]:
    """What ``--passages``, ``--null-threshold`` and ``--no-overlap`` set of a model.

    Raises:
        UsageError: where ``--passages`` names no component, or ``--null-threshold`` is no threshold.
    """
    from qatk.recipes.sections import RETRIEVAL

    decoder: dict[str, object] = {"overlapping": False} if no_overlap else {}
    if null_threshold is not None:
        decoder["null_threshold"] = _threshold(null_threshold)
    found = {"decoder": decoder} if decoder else {}
    if passages is None:
        return found
    chosen = {} if passages == "none" else section_of(passages, "--passages", "retriever", "{use: bm25, keep: 8}")
    return {**found, RETRIEVAL: chosen}


def _threshold(text: str) -> float | str:
    if text in completion.NULL_THRESHOLDS:
        return text
    value = number_of(text)
    if not math.isfinite(value):
        fix = "write a number, calibrated or never"
        raise UsageError(f"{text!r} is no threshold", where="--null-threshold", fix=fix)
    return value


def number_of(text: str) -> float:
    """The number that a text says; NaN where it says none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def section_of(text: str, option: str, kind: str, example: str) -> dict[str, object]:
    """The section of a recipe that an option gives: the name of a component, or ``{use: ...}`` with its options.

    Raises:
        RecipeError: where it is not valid YAML, or gives a key twice.
        UsageError: where it names no component.
    """
    from qatk.recipes.document import parse

    marked = parse(text, option)
    if marked.problems:
        raise RecipeError(marked.problems)
    section = marked.value
    if isinstance(section, str):
        section = {"use": section}
    if not isinstance(section, dict) or not isinstance(section.get("use"), str):
        raise UsageError(f"{text!r} names no {kind}", where=option, fix=f"{option} '{example}'")
    return section


RuntimeName = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        help="What predicts: torch, onnx, openvino or a plugin's, with a precision behind a colon (onnx:int8).",
        show_default="the model's own",
        autocompletion=completion.runtimes,
    ),
]


def runtime_settings(runtime: str | None) -> list[str]:
    """The settings of a recipe that ``--runtime`` stands for."""
    from qatk.exports.runtimes import runtime_section

    return [] if runtime is None else [f"runtime.{key}={value}" for key, value in runtime_section(runtime).items()]


def share(text: str) -> float:
    """A share as people write it, ``5%`` or ``0.05``, between 0 and 1 exclusive."""
    value = number_of(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    if not 0 < value < 1:
        raise typer.BadParameter(f"{text!r} is not a share between 0 and 1: write 5% or 0.05")
    return value


@dataclass(frozen=True)
class Settings:
    """The options that come before the command."""

    files: tuple[str, ...] = ()
    block: tuple[str, ...] = ()


def plugin_host(context: typer.Context) -> PluginHost:
    """The plugins that this call of qatk may use. A plugin file that cannot be loaded is an error at once."""
    host = found_plugins(context)
    if host.files:
        host.components()
    return host


def found_plugins(context: typer.Context) -> PluginHost:
    """The same, before anything is loaded."""
    from qatk.plugins.host import PluginHost

    settings = context.obj if isinstance(context.obj, Settings) else Settings()
    return PluginHost.discover(files=settings.files, block=settings.block)


def output(*, quiet: bool = False, listing: bool = False) -> Console:
    """Where results go; ``quiet`` goes nowhere.

    A ``listing`` has a line for each row, for ``grep``, where neither a terminal nor ``COLUMNS`` sets the width.
    """
    from qatk.cli.console import SafeConsole

    wide = listing and not os.environ.get("COLUMNS") and not sys.stdout.isatty()
    return SafeConsole(highlight=False, quiet=quiet, width=_WIDEST if wide else None)


def print_json(value: object) -> None:
    """Strict JSON on standard output; what a terminal would obey is escaped, as JSON has it."""
    import json

    from qatk.errors import UNSAFE
    from qatk.files import finite

    text = json.dumps(finite(value), indent=1, ensure_ascii=not takes_unicode())
    lines = (UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in text.split("\n"))
    sys.stdout.write("\n".join(lines) + "\n")


def json_keys(named: Mapping[str, T]) -> dict[str, T]:
    """Values by what JSON calls the kinds that tables show in words: ``letters_lost`` for ``letters lost``."""
    return {name.replace(" ", "_"): value for name, value in named.items()}


def plain_warnings(*, show: bool = True) -> None:
    """Show each warning of qatk on one line, or none, and those of libraries only if the user asked for warnings."""
    from qatk.errors import QatkWarning

    def write(message: Warning | str, *_: object, **__: object) -> None:
        sys.stderr.write(f"warning: {message}\n")

    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always" if show else "ignore", QatkWarning)
        warnings.showwarning = write
