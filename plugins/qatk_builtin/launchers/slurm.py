"""Jobs of the batch scheduler SLURM, by submitit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from qatk.api import Job, JobState, UsageError
from qatk_builtin.launchers import SlurmOptions
from qatk_builtin.launchers.command import Command
from qatk_builtin.launchers.quiet_submitit import Job as Submitted
from qatk_builtin.launchers.quiet_submitit import PicklingExecutor, submitit
from qatk_builtin.launchers.starting import born

_NOTICE_S = 120
"""Seconds before the end of a job's time at which it is told, to save its state."""
_HEARD_OF_S = 600
"""Seconds after which SLURM's accounting has heard of a job."""
_QUEUED = ("READY", "PENDING", "REQUEUED", "UNKNOWN", "PREEMPTED")


class SlurmLauncher:
    """Submits jobs, several at once as an array. The id of a job is ``NUMBER@FOLDER``, of submitit's files.

    Without a scheduler it is ``PID:BORN@FOLDER``: a process of another time is another one.
    """

    def __init__(self, options: SlurmOptions) -> None:
        self.options = options
        self.known: dict[str, Submitted[int]] = {}
        self.accounted: dict[str, str | None] = {}
        """What SLURM's accounting says of jobs, each asked about once; ``None`` where it is switched off."""

    def connect(self) -> int | None:
        """SLURM queues them itself."""
        if self.options.scheduler == "slurm" and not all(map(shutil.which, ("sbatch", "srun"))):
            fix = "run this on a login node of the cluster, or use the launcher local"
            raise UsageError("there is no SLURM on this machine: no command sbatch", where="launcher slurm", fix=fix)
        return self.options.jobs

    def submit(self, jobs: Sequence[Job]) -> list[str]:
        """One job, or an array of them."""
        folder = jobs[0].log.parent / "slurm"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # its files hold the commands, with secrets of --set
        executor = self._executor(folder)
        with executor.batch():
            found = [executor.submit(Command(job.command, job.folder, job.log, job.environment)) for job in jobs]
        ids = [f"{_number(submitted)}@{folder}" for submitted in found]
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
            self.known[name] = kind(folder, number.partition(":")[0])
        return self.known[name]

    def _state(self, name: str) -> JobState:
        job = self._job(name)
        if job.paths.result_pickle.exists():
            error = job.exception()
            return JobState("ended", job.result()) if error is None else JobState("ended", why=_last(str(error)))
        if isinstance(job, submitit.LocalJob):
            return JobState("running" if _is_alive(job, name) else "ended")
        state = job.state.upper()
        if state == "UNKNOWN":
            if (known := self._known(job)) == "":
                return JobState("ended", why="SLURM does not know the job")
            state = known or state
        if job.done():
            return JobState("ended", why=f"SLURM says {state}")
        return JobState("queued" if state in _QUEUED else "running", why=state.lower())

    def _known(self, job: Submitted[int]) -> str | None:
        """What SLURM says of a job whose state its accounting does not give: nothing where it knows no such job.

        Where accounting is switched off, the queue is asked, which forgets a job some minutes after its end. ``None``
        where neither answers, or may not have heard of the job yet.
        """
        submitted = job.paths.submitted_pickle
        if submitted.exists() and time.time() - submitted.stat().st_mtime < _HEARD_OF_S:
            return None
        if job.job_id not in self.accounted:
            self.accounted[job.job_id] = _said("sacct", "-j", job.job_id, "-o", "JobID", "--noheader", "--parsable2")
        if (said := self.accounted[job.job_id]) is not None:
            return "" if not said else None
        said = _said("squeue", "-h", "-j", job.job_id, "-o", "%T", none="Invalid job id")
        return None if said is None else said.partition("\n")[0].upper()

    def cancel(self, ids: Sequence[str]) -> None:
        """Tell SLURM, which sends them SIGTERM."""
        for name in ids:
            if isinstance(job := self._job(name), submitit.LocalJob):
                if _is_alive(job, name):
                    with suppress(ProcessLookupError):
                        os.kill(int(job.job_id), signal.SIGINT)  # its own cancel() knows jobs of this process alone
            else:
                job.cancel(check=False)

    def close(self) -> None:
        """Nothing was opened."""


def _number(job: Submitted[int]) -> str:
    return f"{job.job_id}:{born(int(job.job_id))}" if isinstance(job, submitit.LocalJob) else job.job_id


def _said(*command: str, none: str | None = None) -> str | None:
    """What a command prints, nothing where it fails with the words ``none``; ``None`` where it fails otherwise."""
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    if asked.returncode:
        return "" if none is not None and none in asked.stderr else None
    return asked.stdout.strip()


def _is_alive(job: submitit.LocalJob[int], name: str) -> bool:
    """Whether the process of a job without scheduler is there, whoever started it."""
    if job._process is not None:
        return job._process.poll() is None
    number = _number(job)
    return number == name.partition("@")[0] and not number.endswith(":")


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["the job failed"])[-1]
