"""What ``qatk compare`` does with recipes: their runs are made, or written down as a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qatk.cli.shared import output, print_json
from qatk.errors import Interrupted, message

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost
    from qatk.results.comparison import System
    from qatk.sweeps.launched import Launched
    from qatk.sweeps.plan import Planned
    from qatk.sweeps.sweep import Outcome


def make(
    runs: Sequence[Planned],
    executor: Launched,
    host: PluginHost,
    *,
    nbest: bool,
    on: str,
    cluster: str | None,
    paired: bool,
) -> tuple[list[System], list[Outcome]]:
    """Make what is missing, and read the systems; ``paired`` refuses a single one."""
    from qatk.cli.sweep_progress import show_sweep
    from qatk.sweeps.sweep import sweep

    try:
        with show_sweep() as show:
            return sweep(runs, executor, show, host=host, nbest=nbest, on=on, cluster=cluster, paired=paired)
    except KeyboardInterrupt:
        left = "interrupted; what was started goes on" if executor.keep else "interrupted"
        raise Interrupted(left, fix="run the same command again to continue") from None


def write(folder: Path, runs: Sequence[Planned], host: PluginHost, *, json: bool) -> None:
    """Write the plan, and say how to make its runs."""
    from qatk.sweeps.plan_folder import write_plan

    write_plan(folder, runs, host)
    if json:
        print_json([_described(folder, number, run) for number, run in enumerate(runs, 1)])
    else:
        output().print(message(_summary(folder, runs)), markup=False, soft_wrap=True)


def _described(folder: Path, number: int, run: Planned) -> dict[str, object]:
    return {
        "task": f"{folder}:{number}",
        "system": run.system,
        "seed": run.seed,
        "folder": str(run.folder),
        "finished": run.finished,
    }


def _summary(folder: Path, runs: Sequence[Planned]) -> str:
    made = sum(run.finished for run in runs)
    return (
        f"{folder}: {len(runs)} runs, {made} of them finished\n"
        f"  make each: qatk run --task {folder}:N, for N from 1 to {len(runs)}\n"
        f"  then compare them: qatk compare {folder}"
    )
