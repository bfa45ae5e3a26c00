"""The options of commands that align free-text answers."""

from __future__ import annotations

from typing import Annotated

import typer

FUZZY = 90.0
"""The default of ``--fuzzy``."""
Align = Annotated[
    bool,
    typer.Option("--align", help="Align free-text answers of a language model to spans of their contexts first."),
]
Fuzzy = Annotated[
    float,
    typer.Option(
        min=0, max=100, metavar="N", help="With --align: least similarity of a fuzzy match, in per cent; 0 for none."
    ),
]
Abstention = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="With --align: another text that means no answer. May be repeated."),
]
