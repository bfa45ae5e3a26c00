"""Jobs of the batch scheduler SLURM, by submitit. Only this module and its tests import submitit."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import submitit
from submitit.core.core import Job as Submitted
from submitit.core.core import PicklingExecutor

from qatk.api import Job, JobState, UsageError
from qatk_builtin.launchers import SlurmOptions
from qatk_builtin.launchers.command import Command

_NOTICE_S = 120
"""Seconds before the end of a job's time at which it is told, to save its state."""
_QUEUED = ("READY", "PENDING", "REQUEUED", "UNKNOWN", "PREEMPTED")


class SlurmLauncher:
    """Submits jobs, several at once as an array. The id of a job is ``NUMBER@FOLDER``, of submitit's files."""

    def __init__(self, options: SlurmOptions) -> None:
        self.options = options
        self.known: dict[str, Submitted[int]] = {}

    def connect(self) -> int | None:
        """SLURM queues them itself."""
        if self.options.scheduler == "slurm" and not all(map(shutil.which, ("sbatch", "srun"))):
            fix = "run this on a login node of the cluster, or use --launcher local"
            raise UsageError("there is no SLURM on this machine: no command sbatch", where="launcher slurm", fix=fix)
        return self.options.jobs

    def submit(self, jobs: Sequence[Job]) -> list[str]:
        """One job, or an array of them."""
        folder = jobs[0].log.parent / "slurm"
        executor = self._executor(folder)
        with executor.batch():
            found = [executor.submit(Command(job.command, job.folder, job.log, job.environment)) for job in jobs]
        ids = [f"{submitted.job_id}@{folder}" for submitted in found]
        self.known |= dict(zip(ids, found, strict=True))
        return ids

    def _executor(self, folder: Path) -> PicklingExecutor:
        options = self.options
        if options.scheduler == "none":
            executor: PicklingExecutor = submitit.LocalExecutor(folder, max_num_timeout=options.requeues)
            executor.update_parameters(timeout_min=options.minutes, gpus_per_node=options.gpus)
            return executor
        executor = submitit.SlurmExecutor(folder, max_num_timeout=options.requeues)
        given = {name: getattr(options, name) for name in ("partition", "account", "qos", "constraint")}
        memory = {} if options.memory_gb is None else {"mem": f"{options.memory_gb}GB"}
        gpus = {"gpus_per_node": options.gpus} if options.gpus else {}
        executor.update_parameters(
            **{name: value for name, value in given.items() if value is not None},
            **memory,
            **gpus,
            job_name="qatk",
            cpus_per_task=options.cpus,
            time=options.minutes,
            signal_delay_s=_NOTICE_S,
            setup=list(options.setup),
            additional_parameters=dict(options.more),
        )
        return executor

    def states(self, ids: Sequence[str]) -> list[JobState]:
        """What their results or, less and less often, SLURM's accounting say."""
        return [self._state(name) for name in ids]

    def _job(self, name: str) -> Submitted[int]:
        if name not in self.known:
            number, _, folder = name.partition("@")
            kind = submitit.SlurmJob if self.options.scheduler == "slurm" else submitit.LocalJob
            self.known[name] = kind(folder, number)
        return self.known[name]

    def _state(self, name: str) -> JobState:
        job = self._job(name)
        if job.paths.result_pickle.exists():
            error = job.exception()
            return JobState("ended", job.result()) if error is None else JobState("ended", why=_last(str(error)))
        if isinstance(job, submitit.LocalJob):
            return JobState("running" if _is_alive(job) else "ended")
        state = job.state.upper()
        if job.done():
            return JobState("ended", why=f"SLURM says {state}")
        return JobState("queued" if state in _QUEUED else "running", why=state.lower())

    def cancel(self, ids: Sequence[str]) -> None:
        """Tell SLURM, which sends them SIGTERM."""
        for name in ids:
            if isinstance(job := self._job(name), submitit.LocalJob):
                with suppress(ProcessLookupError):
                    os.kill(int(job.job_id), signal.SIGINT)  # its own cancel() knows jobs of this process alone
            else:
                job.cancel(check=False)

    def close(self) -> None:
        """Nothing was opened."""


def _is_alive(job: submitit.LocalJob[int]) -> bool:
    """Whether the process of a job without scheduler is there, whoever started it."""
    if job._process is not None:
        return job._process.poll() is None
    with suppress(ProcessLookupError, ValueError):
        os.kill(int(job.job_id), 0)
        return True
    return False


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["the job failed"])[-1]
