"""The runs that ``qatk compare RECIPE --over ...`` makes, and their progress on standard error."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from qatk.cli.shared import Settings

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost
    from qatk.results.comparison import System
    from qatk.sweeps.local import Listener, Outcome
    from qatk.sweeps.plan import Planned

_DONE = re.compile(r"(.+): (\d+)/(\d+)")


def sweep(
    host: PluginHost,
    options: Sequence[str],
    recipes: Sequence[Path],
    *,
    over: Sequence[str],
    seeds: str | None,
    settings: Sequence[str],
    out: Path | None,
    limit: int | None,
    jobs: int,
    nbest: bool,
) -> tuple[list[System], list[Outcome]]:
    """Plan, make what is missing, and read the systems of the runs that came through.

    The arguments are the command's; ``nbest`` reads the best spans too, and ``options`` stand before the command in the
    processes of the runs.

    Raises:
        UsageError: for anything wrong with the options or the recipe, before any run starts.
        QatkError: where fewer than two systems came through.
    """
    from qatk.comparison.systems import read_systems
    from qatk.errors import QatkError, UsageError
    from qatk.sweeps.local import make_runs
    from qatk.sweeps.overrides import parse_over, parse_seeds
    from qatk.sweeps.plan import check_data, plan

    overs = [parse_over(text) for text in over]
    chosen = None if seeds is None else parse_seeds(seeds)
    runs = plan(recipes, overs, chosen, host=host, settings=settings, out=out, limit=limit)
    if len({run.system for run in runs}) < 2:
        raise UsageError("one value is one system", fix="give --over two values or more: KEY=A,B")
    _make_folder(runs[0].folder.parent)
    check_data(runs, host, lambda text: _write(f"warning: {text}\n"))
    try:
        with _terminated_as_interrupted(), _progress(runs) as tell:
            outcomes = make_runs(runs, tell, jobs=_jobs(jobs), options=options)
    except KeyboardInterrupt:
        raise QatkError("interrupted", fix="the same command goes on with what is there") from None
    for outcome in outcomes:
        if outcome.state == "failed":
            _write(f"failed: {outcome.run.name}: {outcome.error}\n")
    good = [outcome.run for outcome in outcomes if outcome.state != "failed"]
    _refuse_failure(outcomes)
    return read_systems([run.folder for run in good], names=[run.system for run in good], nbest=nbest), outcomes


def _make_folder(folder: Path) -> None:
    """The folder of the runs, or a message before any of them starts."""
    from qatk.errors import UsageError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} is no place for runs: {error.strerror}", fix="name another with --out") from None


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends the runs that are at work as Ctrl-C does, instead of leaving them behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _write(text: str) -> None:
    sys.stderr.write(text)


def _refuse_failure(outcomes: Sequence[Outcome]) -> None:
    """Nothing can be compared where fewer than two systems came through."""
    from qatk.errors import QatkError

    if len({outcome.run.system for outcome in outcomes if outcome.state != "failed"}) < 2:
        raise QatkError(failures(outcomes), fix="fewer than two systems came through: there is nothing to compare")


def failures(outcomes: Sequence[Outcome]) -> str:
    """How many runs failed, and which; empty where none did."""
    failed = [outcome.run.name for outcome in outcomes if outcome.state == "failed"]
    return f"{len(failed)} of {len(outcomes)} runs failed: {'; '.join(failed)}" if failed else ""


def _jobs(wanted: int) -> int:
    from qatk.sweeps.local import most_jobs

    if wanted > 1 and wanted > (most := most_jobs()):
        sys.stderr.write(f"warning: --jobs {wanted}: this machine takes {most} at a time (one a GPU, or one a core)\n")
        return most
    return wanted


def plugin_options(context: typer.Context) -> list[str]:
    """The options before the command that name plugins, for the processes of the runs."""
    settings = context.obj if isinstance(context.obj, Settings) else Settings()
    files = [word for file in settings.files for word in ("--plugin", file)]
    return [*files, *(word for name in settings.block for word in ("--no-plugin", name))]


@contextmanager
def _progress(runs: Sequence[Planned]) -> Iterator[Listener]:
    """Lines on standard error; in a terminal a bar for each run that is at work, and one for all of them."""
    there = sum(run.finished for run in runs)
    text = f"{len(runs)} runs, {there} of them there already, {len(runs) - there} to make"
    if there == len(runs):
        yield lambda *_: None
    elif sys.stderr.isatty():
        with _bars(text, runs) as tell:
            yield tell
    else:
        sys.stderr.write(f"{text}\n")
        yield _tell_line


def _tell_line(run: Planned, line: str) -> None:
    sys.stderr.write(f"{run.name}: {line}\n")


@contextmanager
def _bars(text: str, runs: Sequence[Planned]) -> Iterator[Callable[[Planned, str], None]]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from qatk.display.text import printable
    from qatk.sweeps.local import ENDS

    console = Console(stderr=True)
    console.print(text, markup=False, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {run.name: progress.add_task(escape(run.name), total=None, visible=False) for run in runs}

        def tell(run: Planned, line: str) -> None:
            line = printable(line)
            if line.startswith(("warning: ", "error: ")):
                progress.console.print(f"{run.name}: {line}", markup=False, highlight=False)
            elif line in ENDS:
                progress.update(tasks[run.name], visible=False)
            elif found := _DONE.fullmatch(line):
                what, done, total = found.groups()
                description = escape(f"{run.name}: {what}")
                progress.update(
                    tasks[run.name], description=description, completed=int(done), total=int(total), visible=True
                )

        yield tell
