"""A bare Typer app with the commands that qatk has, and nothing in them: the yardstick for ``qatk --help``."""

from __future__ import annotations

import typer

COMMANDS = {
    "": (
        "run",
        "eval",
        "calibrate",
        "compare",
        "predict",
        "ask",
        "ask-llm",
        "serve",
        "push",
        "pull",
        "export",
        "bench",
        "report",
    ),
    "data": ("show", "check", "stats", "audit", "convert", "split", "sample"),
    "recipe": ("check", "fill", "schema"),
    "plugins": ("list", "show", "new", "check", "doctor"),
    "runs": ("list", "watch"),
}
"""The commands of each group; a test holds them against qatk's."""


def nothing() -> None:
    """Do nothing."""


app = typer.Typer(no_args_is_help=True, add_completion=False, help="An app that does nothing.")
for group, names in COMMANDS.items():
    inner = typer.Typer() if group else app
    for name in names:
        inner.command(name)(nothing)
    if group:
        app.add_typer(inner, name=group, help="A group.")

if __name__ == "__main__":
    app()
