"""What ``qatk compare`` does with recipes: their runs are made, or written down as a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qatk.cli.compare_options import launcher_section
from qatk.cli.shared import output, print_json
from qatk.errors import Interrupted, UsageError, message

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost
    from qatk.results.comparison import System
    from qatk.sweeps.overrides import Over
    from qatk.sweeps.plan import Planned
    from qatk.sweeps.sweep import Outcome


@dataclass(frozen=True)
class Runs:
    """The runs that the options ask for; ``over`` and ``seeds`` as they were given."""

    recipes: Sequence[Path]
    over: Sequence[str]
    seeds: str | None
    settings: Sequence[str]
    out: Path | None
    limit: int | None
    jobs: int | None
    launcher: str | None
    keep: bool

    def make(self, host: PluginHost, *, nbest: bool, on: str, paired: bool) -> tuple[list[System], list[Outcome]]:
        """Make what is missing, and read the systems; ``paired`` refuses a single one."""
        from qatk.cli.sweep_progress import show_sweep
        from qatk.sweeps.sweep import launched, launcher_of, sweep

        overs, seeds = self._varied()
        section = launcher_section(self.launcher) or launcher_of(self.recipes[0], self.settings, host)
        executor = launched(section, host, jobs=self.jobs, keep=self.keep)
        try:
            with show_sweep() as show:
                return sweep(
                    self.recipes,
                    overs,
                    seeds,
                    host=host,
                    executor=executor,
                    listener=show,
                    settings=self.settings,
                    out=self.out,
                    limit=self.limit,
                    nbest=nbest,
                    on=on,
                    paired=paired,
                )
        except KeyboardInterrupt:
            left = "interrupted; what was started goes on" if self.keep else "interrupted"
            raise Interrupted(left, fix="run the same command again to continue") from None

    def write(self, folder: Path, host: PluginHost, *, json: bool) -> None:
        """Write the plan, and say how to make its runs."""
        from qatk.sweeps.plan import plan
        from qatk.sweeps.plan_folder import write_plan

        overs, seeds = self._varied()
        settings, out, limit = self.settings, self.out, self.limit
        runs = plan(self.recipes, overs, seeds, host=host, settings=settings, out=out, limit=limit)
        write_plan(folder, runs, host)
        if json:
            print_json([_described(folder, number, run) for number, run in enumerate(runs, 1)])
        else:
            output().print(message(_summary(folder, runs)), markup=False, soft_wrap=True)

    def _varied(self) -> tuple[list[Over], list[int] | None]:
        from qatk.sweeps.overrides import parse_over, parse_seeds

        seeds = None if self.seeds is None else parse_seeds(self.seeds)
        if len(self.recipes) == 1 and not self.over and len(seeds or ()) < 2:
            fix = "vary it with --over KEY=A,B, give it several --seeds, or add another recipe"
            raise UsageError("one recipe is only one system", fix=fix)
        return [parse_over(text) for text in self.over], seeds


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
