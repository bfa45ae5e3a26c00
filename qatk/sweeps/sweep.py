"""A sweep: the runs of a recipe with some of its keys varied, made where they are missing and read as systems."""

from __future__ import annotations

import signal
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from qatk.comparison.alignment import refuse_no_pair
from qatk.comparison.systems import read_systems
from qatk.errors import QatkError, QatkWarning, UsageError
from qatk.plugins.host import PluginHost
from qatk.plugins.live_launchers import LiveLauncher
from qatk.recipes.sections import DEFAULTS
from qatk.results.comparison import System
from qatk.run_folder.recipes import find_recipe
from qatk.signals import handling
from qatk.spelling import spelled
from qatk.sweeps.events import Begun, Failed, Listener, Reused
from qatk.sweeps.launched import Launched
from qatk.sweeps.plan import Planned, check_data, check_sets
from qatk.sweeps.plan_folder import read_plan

_WITHOUT_RESULT = ("failed", "missing")


@dataclass(frozen=True)
class Outcome:
    """What became of a planned run.

    Attributes:
        run: the plan.
        state: ``made``, ``resumed``, ``reused``, ``failed``, or of a plan ``missing``.
        error: why it failed, in the words of the run.
    """

    run: Planned
    state: str
    error: str = ""


def sweep(
    runs: Sequence[Planned],
    executor: Launched,
    listener: Listener,
    *,
    host: PluginHost,
    nbest: bool = True,
    on: str = "dev",
    cluster: str | None = None,
    paired: bool = False,
) -> tuple[list[System], list[Outcome]]:
    """Make those of the planned runs that are missing, and read the systems of all that succeeded.

    Args:
        runs: see :func:`qatk.sweeps.plan.plan`.
        executor: where the runs go.
        listener: called with every event.
        host: the plugins to use.
        nbest: read the best spans of each question too.
        on: the evaluation set to compare on.
        cluster: the column of it to cluster by.
        paired: whether something is asked that a single system has no answer to.

    Raises:
        UsageError: for a single system where two are due, a folder that cannot hold runs, or a set or column that the
            runs would not have, before any run starts.
        QatkError: where fewer than two systems succeeded, or of one system fewer than two seeds.
    """
    if paired:
        refuse_no_pair(len({run.system for run in runs}))
    check_sets(runs, host, on, cluster)
    _make_folder(runs[0].folder.parent)
    check_data(runs, host, _warn)
    with terminated_as_interrupted():
        outcomes = make_runs(runs, executor, listener)
    return _systems(outcomes, host, nbest, on), outcomes


def gather(
    folder: Path, *, host: PluginHost, nbest: bool = True, on: str = "dev"
) -> tuple[list[System], list[Outcome]]:
    """Read the systems of a plan's runs that are made; the outcomes of the others are ``missing``.

    Args:
        folder: the plan, see :mod:`qatk.sweeps.plan_folder`.
        host: the plugins to use.
        nbest: read the best spans of each question too.
        on: the evaluation set to compare on.

    Raises:
        UsageError: where the folder is no plan.
        QatkError: where fewer than two systems are made, or of one system fewer than two seeds.
    """
    runs = read_plan(folder)
    check_data(runs, host, _warn)
    outcomes = [Outcome(run, "reused" if run.finished else "missing") for run in runs]
    return _systems(outcomes, host, nbest, on), outcomes


def _systems(outcomes: Sequence[Outcome], host: PluginHost, nbest: bool, on: str) -> list[System]:
    """The systems of the runs that are there."""
    good = [outcome.run for outcome in outcomes if outcome.state not in _WITHOUT_RESULT]
    alone = len({outcome.run.system for outcome in outcomes}) == 1
    if len(good if alone else {run.system for run in good}) < 2:
        fix = f"fewer than two {'runs' if alone else 'systems'} succeeded: there is nothing to compare"
        raise QatkError(failures(outcomes), fix=fix)
    names = [run.system for run in good]
    return read_systems([run.folder for run in good], names=names, nbest=nbest, on=on, host=host)


def _warn(text: str) -> None:
    warnings.warn(text, QatkWarning, stacklevel=4)


def make_runs(runs: Sequence[Planned], executor: Launched, listener: Listener) -> list[Outcome]:
    """Make the runs that are not finished; one that fails does not stop the others.

    Returns:
        One outcome a run, in their order.
    """
    listener(Begun(runs))
    states = {run.folder: "reused" if run.finished else "resumed" if run.begun else "made" for run in runs}
    errors: dict[Path, str] = {}
    for run in runs:
        if states[run.folder] == "reused":
            listener(Reused(run))
    missing = [run for run in runs if states[run.folder] != "reused"]
    with closing(executor.execute(missing)) as events:
        for event in events:
            if isinstance(event, Failed):
                errors[event.run.folder] = event.message
            listener(event)
    return [
        Outcome(run, "failed", errors[run.folder]) if run.folder in errors else Outcome(run, states[run.folder])
        for run in runs
    ]


def failures(outcomes: Sequence[Outcome]) -> str:
    """How many runs failed or are missing, and which; empty where there are none."""
    said = []
    for state, verb in (("failed", "failed"), ("missing", "are not finished")):
        if named := [outcome.run.name for outcome in outcomes if outcome.state == state]:
            said.append(f"{len(named)} of {len(outcomes)} runs {verb}: {'; '.join(named)}")
    return "; ".join(said)


def launched(
    section: Mapping[str, object] | None, host: PluginHost, *, jobs: int | None = None, keep: bool = False
) -> Launched:
    """The executor that hands runs to a launcher, with the plugins of the host.

    Args:
        section: the launcher as a recipe names a component; ``None`` is the default one.
        host: the plugins to use.
        jobs: the number of runs at a time, an option of the launcher.
        keep: leave runs where this process is interrupted.

    Raises:
        UsageError: for a section that names no launcher.
    """
    chosen = {**(section or DEFAULTS["launcher"]), **({} if jobs is None else {"jobs": jobs})}
    if not isinstance(chosen.get("use"), str):
        raise UsageError(f"{section} names no launcher", fix="for example {'use': 'local', 'jobs': 2}")
    launcher = host.live_section(LiveLauncher, "launcher", chosen)
    files = [word for file in host.files for word in ("--plugin", file)]
    return Launched(launcher, [*files, *(word for name in host.block for word in ("--no-plugin", name))], keep=keep)


def launcher_of(run: Planned, host: PluginHost) -> Mapping[str, object] | None:
    """The launcher that the recipe of a run names, with its options; ``None`` where it names none."""
    choice = find_recipe(run.recipe, host, run.settings, importing=True).one("launcher")
    return None if choice is None else choice.filled()


def _make_folder(folder: Path) -> None:
    """The folder of the runs, or a message before any of them starts."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(
            f"{folder} cannot hold runs: {error.strerror}", fix=f"name another with {spelled('out')}"
        ) from None


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends the runs in progress as Ctrl-C does, instead of leaving them behind.

    Only the main thread receives signals; elsewhere nothing changes, and neither where SIGTERM is heeded already.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    heeded = signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    with nullcontext() if heeded else handling(interrupt, signal.SIGTERM):
        yield
