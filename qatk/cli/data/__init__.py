"""``qatk data``: look at data and work on it; one file a command."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from qatk.cli.data.audit import audit_command
from qatk.cli.data.check import check_command
from qatk.cli.data.convert import convert_command
from qatk.cli.data.sample import sample_command
from qatk.cli.data.show import show_command
from qatk.cli.data.split import split_command
from qatk.cli.data.stats import stats_command
from qatk.errors import UsageError


class _OnData(TyperCommand):
    """A command of one DATA, which says what to do where the shell made several files of a glob."""

    allow_extra_args = True

    def invoke(self, ctx: Any) -> object:
        if ctx.args:
            fix = 'put a glob in quotes ("part-*.csv"), or list files: --use table --set "path=[a.csv, b.csv]"'
            raise UsageError(f"unexpected extra argument {ctx.args[0]!r}", fix=fix)
        return super().invoke(ctx)


data_app = typer.Typer(no_args_is_help=True)
data_app.command("show", cls=_OnData)(show_command)
data_app.command("check", cls=_OnData)(check_command)
data_app.command("audit", cls=_OnData)(audit_command)
data_app.command("stats", cls=_OnData)(stats_command)
data_app.command("convert", cls=_OnData)(convert_command)
data_app.command("split", cls=_OnData)(split_command)
data_app.command("sample", cls=_OnData)(sample_command)
