"""The batch scheduler, by submitit's own executor for this machine, and by commands that stand in for SLURM's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import qatk
from commands import forked_python
from qatk.api import Job, UsageError
from qatk_builtin.launchers import SlurmOptions
from qatk_builtin.launchers.quiet_submitit import submitit
from qatk_builtin.launchers.slurm import SlurmLauncher
from small import write_recipe

SAVES = """
import os, signal, sys, time
def save(*_):
    open("saved", "w").close()
    sys.exit(75)
signal.signal(signal.SIGUSR1, save)
print("begun", file=sys.stderr, flush=True)
while not os.path.exists("saved"):
    time.sleep(0.05)
print("went on", file=sys.stderr)
"""


LOGS = """
import logging, os, sys
class Mine(logging.Handler):
    def close(self): print("closed")
logging.getLogger().addHandler(Mine())
import qatk_builtin.launchers.slurm
print(logging.getLogger("submitit").handlers, os.environ.get("SUBMITIT_LOG_LEVEL"))
sys.stdout.flush()
os._exit(0)  # before logging closes its handlers at the end
"""


def test_the_logging_of_a_program_that_submits_stays_as_it_was() -> None:
    done = subprocess.run([sys.executable, "-c", LOGS], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == ("[] None\n", "")


def test_a_job_whose_time_is_over_saves_and_goes_on_in_another(tmp_path: Path) -> None:
    launcher = SlurmLauncher(SlurmOptions(scheduler="none"))
    job = Job("saves", (sys.executable, "-c", SAVES), tmp_path, tmp_path / "saves.log")
    [name] = launcher.submit([job])
    wait_until(lambda: job.log.exists() and "begun" in job.log.read_text())
    controller = int(name.partition(":")[0])
    [task] = Path(f"/proc/{controller}/task/{controller}/children").read_text().split()
    os.kill(int(task), signal.SIGUSR2)  # as SLURM does two minutes before the end
    wait_until(lambda: launcher.states([name])[0].state == "ended")
    assert launcher.states([name])[0].code == 0
    assert job.log.read_text().splitlines() == ["begun", "begun", "went on"]


def test_a_process_of_another_time_is_another_job(tmp_path: Path) -> None:
    launcher = SlurmLauncher(SlurmOptions(scheduler="none"))
    [name] = launcher.submit([Job("sleeps", ("sleep", "60"), tmp_path, tmp_path / "sleeps.log")])
    number, _, rest = name.partition(":")
    other = SlurmLauncher(SlurmOptions(scheduler="none"))
    before = f"{number}:1@{rest.partition('@')[2]}"
    assert [state.state for state in other.states([before, name])] == ["ended", "running"]
    other.cancel([before])
    assert other.states([name])[0].state == "running"
    other.cancel([name])
    wait_until(lambda: launcher.states([name])[0].state == "ended")


def wait_until(reached: object) -> None:
    assert callable(reached)
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="there is no SLURM on this machine: no command sbatch"):
        SlurmLauncher(SlurmOptions()).connect()


STAND_INS = {
    "sbatch": 'cp "$1" "$0.given"\necho Submitted batch job 41',
    "sacct": "printf 'JobID|State|NodeList\\n41_0|PENDING|\\n41_1|NODE_FAIL|n1\\n'",
    "scancel": 'echo "$@" >> "$0.given"',
    "srun": "true",
}

SWITCHED_OFF = "echo Slurm accounting storage is disabled >&2; exit 1"


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, **others: str) -> None:
    """Have commands of SLURM on the path."""
    for name, text in {**STAND_INS, **others}.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_options_reach_sbatch_and_states_come_from_sacct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch)
    options = SlurmOptions(partition="gpu", gpus=2, cpus=4, memory_gb=8, minutes=30, setup=("true",), more={"nice": 5})
    launcher = SlurmLauncher(options)
    assert launcher.connect() is None
    jobs = [Job(str(i), ("true",), tmp_path, tmp_path / "made" / f"{i}.log") for i in range(2)]
    ids = launcher.submit(jobs)
    assert [name.partition("@")[0] for name in ids] == ["41_0", "41_1"]
    assert (tmp_path / "made" / "slurm").stat().st_mode & 0o777 == 0o700, "commands may hold secrets"
    script = (tmp_path / "sbatch.given").read_text()
    for line in ("array=0-1%2", "partition=gpu", "gpus-per-node=2", "cpus-per-task=4", "mem=8GB", "time=30", "nice=5"):
        assert re.search(rf"^#SBATCH --{line}", script, re.MULTILINE), line
    assert "\ntrue\n" in script
    other = SlurmLauncher(options)
    queued, lost = other.states(ids)
    assert (queued.state, queued.why) == ("queued", "pending")
    assert (lost.state, lost.code, lost.why) == ("ended", None, "SLURM says NODE_FAIL")
    other.cancel(ids[:1])
    assert (tmp_path / "scancel.given").read_text() == "41_0\n"


@pytest.mark.parametrize(
    ("sacct", "squeue", "minutes", "state"),
    [
        ("printf 'JobID|State|NodeList\\n'", "", 0, "queued"),
        ("printf 'JobID|State|NodeList\\n'", "", 60, "queued"),
        ("case $* in *noheader*) ;; *) printf 'JobID|State|NodeList\\n' ;; esac", "", 0, "queued"),
        ("case $* in *noheader*) ;; *) printf 'JobID|State|NodeList\\n' ;; esac", "", 60, "ended"),
        (SWITCHED_OFF, "", 0, "queued"),
        (SWITCHED_OFF, "", 60, "ended"),
        (SWITCHED_OFF, "echo slurm_load_jobs error: Invalid job id specified >&2; exit 1", 60, "ended"),
        (SWITCHED_OFF, "echo Unable to contact slurm controller >&2; exit 1", 60, "queued"),
        (SWITCHED_OFF, "echo PENDING", 60, "queued"),
        (SWITCHED_OFF, "echo RUNNING", 60, "running"),
    ],
)
def test_a_job_that_slurm_does_not_know_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sacct: str, squeue: str, minutes: int, state: str
) -> None:
    stand_in(tmp_path, monkeypatch, sacct=sacct, squeue=squeue)
    monkeypatch.setattr("submitit.SlurmJob.watcher", submitit.slurm.slurm.SlurmInfoWatcher())
    [name] = SlurmLauncher(SlurmOptions()).submit([Job("a", ("true",), tmp_path, tmp_path / "made" / "a.log")])
    [pickle] = (tmp_path / "made" / "slurm").glob("*submitted.pkl")
    os.utime(pickle, (time.time() - 60 * minutes,) * 2)
    [found] = SlurmLauncher(SlurmOptions()).states([name])
    assert found.state == state
    assert ("does not know" in found.why) == (state == "ended")


def test_a_comparison_by_submitit_has_the_figures_of_one_by_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = SimpleNamespace(executable=forked_python())  # of runs alone: submitit knows its jobs by their numbers
    monkeypatch.setattr("qatk.sweeps.launched.sys", python)
    recipe = write_recipe(tmp_path, train=16, dev=8, epochs=1)
    over = {"backbone.layers": [1, 2]}
    by_submitit = {"use": "slurm", "scheduler": "none"}
    made = qatk.compare(recipe, over=over, out=tmp_path / "a", draws=1000, executor=by_submitit)
    here = qatk.compare(recipe, over=over, out=tmp_path / "b", draws=1000, jobs=2)
    for one, other in zip(made.systems, here.systems, strict=True):
        assert one.evaluations[0].metrics == other.evaluations[0].metrics
