"""``qatk data``: look at data and work on it; one file a command."""

from __future__ import annotations

import typer

from qatk.cli.data.audit import audit_command
from qatk.cli.data.check import check_command
from qatk.cli.data.convert import convert_command
from qatk.cli.data.sample import sample_command
from qatk.cli.data.show import show_command
from qatk.cli.data.split import split_command
from qatk.cli.data.stats import stats_command

data_app = typer.Typer(no_args_is_help=True)
data_app.command("show")(show_command)
data_app.command("check")(check_command)
data_app.command("audit")(audit_command)
data_app.command("stats")(stats_command)
data_app.command("convert")(convert_command)
data_app.command("split")(split_command)
data_app.command("sample")(sample_command)
