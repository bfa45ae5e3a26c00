"""Arguments and options that the commands of ``qatk data`` share."""

from __future__ import annotations

from typing import Annotated

import typer

Data = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="SQuAD file, or rows (CSV, JSONL, Parquet ...); with --use, the first required option.",
        show_default=False,
    ),
]
Use = Annotated[
    str | None,
    typer.Option("--use", metavar="DATASET", help="Dataset component that reads DATA.", show_default="by its ending"),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set an option of the dataset. May be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
