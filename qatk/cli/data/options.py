"""Arguments and options that the commands of ``qatk data`` share."""

from __future__ import annotations

from typing import Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import section_of

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
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]


def backbone_of(text: str) -> dict[str, object]:
    """The section of a recipe that ``--backbone`` gives; of the name of a model, that of the usual backbone.

    Raises:
        UsageError: where the section names no component.
    """
    from qatk.inference.sources import backbone_section

    if text.lstrip().startswith("{"):
        return section_of(text, "--backbone", "backbone", "{use: tiny}")
    return backbone_section(text)
