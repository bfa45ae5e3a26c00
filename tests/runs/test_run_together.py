"""``qatk run --processes N``: real processes that train together, die together, and give what one process gives."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import qatk
from commands import call, forked_python
from qatk.run_folder.checkpoints import Checkpoints
from qatk.run_folder.event_log import read_events
from qatk.runs.processes import held_port
from small import write_recipe

PLUGIN = """
import os, signal
from qatk.api import Component, hookimpl
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

class Mortal(TorchTrainer):
    "Gets the signal $SIGNAL in the process $VICTIM in step 5, or at the first evaluation."
    steps = 0

    def on_step(self, model):
        self.steps += 1
        self.get_signal(self.steps == 5 and "EVALUATING" not in os.environ)

    def weights(self, model):
        self.get_signal(self.steps == 4 and "EVALUATING" in os.environ)

    def get_signal(self, now):
        if now and os.environ.get("VICTIM", "nobody") == os.environ.get("RANK"):
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))

@hookimpl
def qatk_trainers():
    return [Component("mortal", f"{__name__}:Mortal", TorchOptions, "may die")]
"""
OPTIONS: dict[str, Any] = {"train": 25, "dev": 12, "batch_size": 8, "epochs": 3, "log_every": 1, "precision": "fp32"}
"""The last of four steps of an epoch has one window, and a second process none."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe without dropout, so that it does not matter which process computes a window."""
    folder = tmp_path_factory.mktemp("together")
    qatk.run(write_recipe(folder, **{**OPTIONS, "epochs": 1}), out=folder / "begun")
    path = write_recipe(folder, **OPTIONS)
    content = json.loads(path.read_text())
    content["backbone"] = {"use": "hf", "model": str(folder / "begun" / "model"), "dropout": 0.0}
    content["trainer"]["use"] = "mortal"
    path.write_text(json.dumps({**content, "save_every": 1}))
    (folder / "mortal.py").write_text(PLUGIN)
    return path


def words(recipe: Path, out: Path | str, *more: object) -> list[str]:
    plugin = ["--plugin", str(recipe.parent / "mortal.py")]
    return ["qatk", *plugin, "run", str(recipe), "--out", str(out), *map(str, more)]


def made(recipe: Path, out: Path | str, *more: object, **environ: str) -> subprocess.CompletedProcess[str]:
    given = {"FORKED_PYTHON": forked_python(), "OMP_NUM_THREADS": "1", **environ}
    return call(*words(recipe, out, *more), cwd=recipe.parent, timeout=60, **given)


@pytest.fixture(scope="module")
def alone(recipe: Path) -> Path:
    """The folder of a run by one process."""
    done = made(recipe, recipe.parent / "alone")
    assert done.returncode == 0, done.stderr
    return recipe.parent / "alone"


def losses(folder: Path) -> dict[str, float]:
    events = read_events(folder / "events.jsonl")
    return {f"{event.kind} {event.step}": event.loss for event in events if event.kind != "pause"}


def check_same(found: Path, alone: Path) -> None:
    """The same loss curve, and the same answers and figures."""
    assert losses(found) == pytest.approx(losses(alone), rel=1e-3)
    for name in ("metrics.json", "predictions.json"):
        assert json.loads((found / name).read_text()) == json.loads((alone / name).read_text())


def test_two_processes_give_what_one_gives(recipe: Path, alone: Path, tmp_path: Path) -> None:
    done = made(recipe, f"file://{tmp_path}/run", "--processes", 2, "--json", QATK_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "run" / "metrics.json").read_text())  # printed once
    assert done.stderr.count("predicting: 3/3") <= 5
    check_same(tmp_path / "run", alone)
    model = json.loads((tmp_path / "run" / "manifest.json").read_text())["model"]
    assert (model["processes"], model["threads"]) == (2, 1)


CUT = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_CPU_RAM_EFFICIENT_LOADING": "true"}
"""What ``accelerate launch`` makes of a configuration with FSDP2."""


@pytest.mark.parametrize(
    ("victim", "environ", "more"),
    [
        pytest.param(0, {}, ["--processes", "3", "--set", "trainer.sharding=fsdp2"], id="whole, then cut"),
        pytest.param(1, CUT, [], id="cut, then whole"),
    ],
)
def test_a_killed_process_ends_the_run_and_another_number_goes_on(
    victim: int, environ: dict[str, str], more: list[str], recipe: Path, alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = made(recipe, out, "--processes", 2, VICTIM=str(victim), SIGNAL=str(int(signal.SIGKILL)), **environ)
    assert done.returncode == 1
    assert done.stderr.count("error:") == 1
    assert f"error: rank {victim} of 2 processes was ended by SIGKILL\n  run the same command" in done.stderr
    assert "Traceback" not in done.stderr
    newest = Checkpoints(out / "checkpoints", 2).newest()
    assert newest is not None
    assert newest.name == "step-00000004"
    done = made(recipe, out, "--resume", *more)
    assert done.returncode == 0, done.stderr
    check_same(out, alone)
    model = json.loads((out / "manifest.json").read_text())["model"]
    assert model.get("sharding") == ("fsdp2" if victim == 0 else None)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 75)])
def test_a_signal_to_one_process_saves_and_ends_all(
    number: signal.Signals, code: int, recipe: Path, alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = made(recipe, out, "--processes", 2, VICTIM="0", SIGNAL=str(int(number)))
    assert done.returncode == code, done.stderr
    assert done.stderr.count("stopping after this step") == 1
    assert (out / "checkpoints" / "step-00000005").exists()
    assert not (out / ".lock").exists()


def test_a_signal_breaks_off_an_evaluation_in_all_processes(recipe: Path, tmp_path: Path) -> None:
    number = str(int(signal.SIGUSR1))
    more = ["--set", "trainer.batch_tokens=64", "--processes", "2"]
    done = made(recipe, tmp_path / "run", *more, VICTIM="1", SIGNAL=number, EVALUATING="1")
    assert done.returncode == 75, done.stderr
    assert done.stderr.count("error:") == 1
    assert "error: stopped by SIGUSR1 at step 4, saved" in done.stderr
    assert (tmp_path / "run" / "checkpoints" / "step-00000004").exists()
    assert {event.kind for event in read_events(tmp_path / "run" / "events.jsonl")} == {"step"}


@contextmanager
def started(recipe: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """Two processes of a run that takes long, at work."""
    command = [forked_python(), "-m", *words(recipe, out, "--set", "trainer.epochs=500", "--processes", 2)]
    environ = {**os.environ, "FORKED_PYTHON": forked_python(), "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            wait_for(lambda: any((out / "checkpoints").glob("step-*")))
            yield process
        finally:
            process.kill()


def wait_for(what: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_is_passed_on(recipe: Path, tmp_path: Path) -> None:
    with started(recipe, tmp_path / "run") as process:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == -signal.SIGINT
    assert said.count("error: interrupted\n  run the same command with --resume to continue") == 1
    assert not (tmp_path / "run" / ".lock").exists()


def test_nothing_is_left_at_work_when_the_launcher_is_killed(recipe: Path, tmp_path: Path) -> None:
    lock = tmp_path / "run" / ".lock"
    with started(recipe, tmp_path / "run") as process:
        worker = json.loads(lock.read_text().partition("\n")[0])["pid"]
        process.kill()
    wait_for(lambda: not lock.exists(), 30)  # given back after the state was saved
    wait_for(lambda: not Path(f"/proc/{worker}").exists())
    assert Checkpoints(tmp_path / "run" / "checkpoints", 2).newest() is not None


def refused(recipe: Path, out: Path, *more: object, **environ: str) -> str:
    done = made(recipe, out, *more, **environ)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_mistake_is_told_once(recipe: Path, tmp_path: Path) -> None:
    said = refused(recipe, tmp_path / "run", "--processes", 2, "--set", "trainer.batch_size=1")
    assert "error: trainer.batch_size: 2 processes cannot share a batch of 1\n  use fewer processes" in said


def test_processes_cannot_start_processes(recipe: Path, tmp_path: Path) -> None:
    said = refused(recipe, tmp_path / "run", "--processes", 2, RANK="0")
    assert "--processes starts processes itself, and this is one of several already" in said


def test_a_port_in_use_is_told(recipe: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        environ = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        said = refused(recipe, tmp_path / "run", **environ)
    assert f"error: MASTER_PORT: port {port} is in use\n  set it to a free port" in said


def test_a_port_is_held_for_the_first_process() -> None:
    with held_port() as port, socket.socket() as other, socket.socket() as listener:
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen()
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
