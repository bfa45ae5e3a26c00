"""The command line: one thin file a command group, heavy imports inside the bodies."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Annotated

import typer

from qatk.cli.completion import adapt_scripts, rejoin_bash_words
from qatk.cli.lazy import Commands, Lazy
from qatk.cli.shared import Settings
from qatk.cli.standard_output import safe_output
from qatk.errors import Interrupted, QatkError, Terminated
from qatk.spelling import in_command

COMMANDS = {
    "run": Lazy("qatk.cli.run", "run_command"),
    "eval": Lazy("qatk.cli.eval", "evaluate_command"),
    "calibrate": Lazy("qatk.cli.calibrate", "calibrate_command"),
    "compare": Lazy("qatk.cli.compare", "compare_command"),
    "predict": Lazy("qatk.cli.predict", "predict_command"),
    "ask": Lazy("qatk.cli.ask", "ask_command"),
    "ask-llm": Lazy("qatk.cli.ask_llm", "ask_llm_command"),
    "serve": Lazy("qatk.cli.serve", "serve_command"),
    "push": Lazy("qatk.cli.hub", "push_command"),
    "pull": Lazy("qatk.cli.hub", "pull_command"),
    "export": Lazy("qatk.cli.export", "export_command"),
    "bench": Lazy("qatk.cli.bench", "bench_command"),
    "report": Lazy("qatk.cli.report", "report_command"),
    "runs": Lazy("qatk.cli.runs", "runs_app", "List and watch runs."),
    "data": Lazy("qatk.cli.data", "data_app", "Inspect and prepare data."),
    "recipe": Lazy("qatk.cli.recipe", "recipe_app", "Check, complete and describe recipes."),
    "plugins": Lazy("qatk.cli.plugins", "plugins_app", "List, test and create plugins."),
}
"""Each is imported when it is used: its file, what it is called there, and of a group what help says of it."""


class _Root(Commands):
    lazy = COMMANDS


app = typer.Typer(
    cls=_Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: no panels, and no type beside a flag
    context_settings={"max_content_width": 100},
    help="Train, evaluate, compare and serve extractive question answering models.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"qatk {version('qatk')}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    plugin: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="Load this plugin file as well. May be repeated.")
    ] = None,
    no_plugin: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Disable this plugin. May be repeated.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    context.with_resource(in_command())
    context.obj = Settings(files=tuple(plugin or ()), block=tuple(no_plugin or ()))


def main() -> None:
    """Run the command line: a :class:`QatkError`, and what a component or the system raised, becomes one message.

    SIGINT and SIGTERM end it from within, so that nothing is left half-written, and then as they would have ended it:
    a shell sees 130 and 143, and stops its loop.
    """
    # Read when torch loads: threads that spin while they wait make training ten times slower on a shared machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    received = [signal.SIGINT]

    def stop(*_: object) -> None:
        received.append(signal.SIGTERM)
        raise Terminated

    signal.signal(signal.SIGTERM, stop)
    rejoin_bash_words()
    sys.argv[1:] = map(_with_home, sys.argv[1:])
    if {"--install-completion", "--show-completion"} & set(sys.argv):
        adapt_scripts()
    try:
        with safe_output():
            app(prog_name="qatk")
    except Interrupted as error:
        sys.stderr.write(f"error: {error}\n")
        _end_by(received[-1])
    except SystemExit as left:
        if left.code == 128 + signal.SIGINT:  # what Typer makes of a KeyboardInterrupt
            _end_by(received[-1])
        raise
    except QatkError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from None
    except Exception as error:
        if (said := _explain(error)) is None:
            raise
        sys.stderr.write(f"error: {said}\n")
        raise SystemExit(1) from None


def _with_home(word: str) -> str:
    """A word with the home of the user in place of the ``~`` in ``--out=~/a``, which bash leaves behind ``=``."""
    from qatk.files import expanded

    option, equals, value = word.partition("=")
    return f"{option}={expanded(value)}" if equals and option.startswith("--") and value.startswith("~/") else word


def _end_by(number: signal.Signals) -> None:
    """End this process by a signal, as if it had not been caught."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _explain(error: Exception) -> str | None:
    """What a component did wrong or the system refused; ``None`` of other failures, and if $QATK_TRACEBACK is set."""
    from qatk.plugins.attribution import TRACEBACK, explain

    if os.environ.get(TRACEBACK):
        return None
    if (said := explain(error)) is None and isinstance(error, OSError):
        where = None if error.filename is None else str(error.filename)
        what = error.strerror or str(error)
        said = str(QatkError(what, where=where, fix=f"{TRACEBACK}=1 shows the traceback"))
    return said
