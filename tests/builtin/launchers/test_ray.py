"""A real Ray cluster of two raylets on this machine, one of which is killed while both are at work."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from commands import forked_python
from qatk.api import Job
from qatk.errors import QatkError
from qatk.plugins.host import PluginHost
from qatk.results.comparison import System
from qatk.sweeps.events import EpochEnded, Finished, Queued, SweepEvent
from qatk.sweeps.launched import Launched
from qatk.sweeps.overrides import parse_over
from qatk.sweeps.plan import plan
from qatk.sweeps.sweep import Outcome, launched, sweep
from qatk.testing import check_component
from repository import SUPPORT
from small import write_recipe

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.filterwarnings("error::qatk.errors.QatkWarning")]
HOST = PluginHost.discover(files=[str(SUPPORT / "waiting_plugin.py")], environ={})
QUICK = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 300, "health_check_failure_threshold": 3}
"""Ray tells after a second that a node is lost, instead of after half a minute."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with a core each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False, "_system_config": QUICK}
        made = Cluster(initialize_head=True, head_node_args=head)
        made.lost = made.add_node(num_cpus=1, object_store_memory=80_000_000)  # type: ignore[attr-defined]
        ray.init(address=made.address, namespace="tests", log_to_driver=False, logging_level=40)
        yield made
        ray.shutdown()
        made.shutdown()


def test_a_cluster_that_does_not_start_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/proc/nothing")
    with pytest.raises(QatkError, match=r"Ray does not start .*/proc/nothing.*\n.* address: auto") as told:
        launched({"use": "ray"}, HOST).launcher.connect()
    assert told.value.exit_code == 1


def test_promises_are_kept(cluster: Any) -> None:
    check_component("launcher", "ray", {"address": cluster.address}, host=HOST)


def test_a_job_without_a_place_is_taken_away_at_once(cluster: Any, tmp_path: Path) -> None:
    launcher = launched({"use": "ray", "address": cluster.address, "cpus": 100}, HOST).launcher
    launcher.connect()
    ids = launcher.submit([Job("waits", ("true",), tmp_path, tmp_path / "waits.log")])
    assert launcher.states(ids)[0].state == "queued"
    end = time.monotonic() + 30  # a job with a place has a minute to save its state
    launcher.cancel(ids)
    while launcher.states(ids)[0].state != "ended":
        assert time.monotonic() < end
        time.sleep(0.1)


def compare(
    folder: Path, executor: Launched, heard: list[SweepEvent], cluster: Any = None
) -> tuple[list[System], list[Outcome]]:
    """A comparison of two values; where there is a cluster, a raylet is killed once its run has ended an epoch.

    No run goes beyond its second epoch until that is heard.
    """

    def listen(event: SweepEvent) -> None:
        heard.append(event)
        lost = None if cluster is None else cluster.lost
        if isinstance(event, EpochEnded) and lost and raylet_of(event.run.folder) == pid_of_raylet(lost):
            cluster.remove_node(lost, allow_graceful=False)
            cluster.lost = None
        elif isinstance(event, Queued) and "lost" in event.why:
            (folder / "lost").touch()

    over = [parse_over("backbone.layers=1,2")]
    settings, out = ["save_every=5 steps"], folder / ("here" if cluster is None else "there")
    runs = plan([folder / "recipe.yaml"], over, None, host=HOST, settings=settings, out=out)
    return sweep(runs, executor, listen, host=HOST)


def raylet_of(folder: Path) -> str:
    """The process of Ray that started the command of a run, as Ray tells the processes below it."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(folder) in (process / "cmdline").read_text():
                environ = (process / "environ").read_text().split("\0")
                if found := [text for text in environ if text.startswith("RAY_RAYLET_PID=")]:
                    return found[0].partition("=")[2]
    return ""


def pid_of_raylet(node: Any) -> str:
    return str(node.all_processes["raylet"][0].process.pid)


def test_a_run_of_a_lost_node_goes_on_elsewhere_to_the_same_figures(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qatk.sweeps.launched.sys", SimpleNamespace(executable=forked_python()))
    write_recipe(tmp_path, train=96, dev=8, epochs=12, use="waiting", until=str(tmp_path / "lost"))
    heard: list[SweepEvent] = []
    there, outcomes = compare(tmp_path, launched({"use": "ray", "address": cluster.address}, HOST), heard, cluster)
    assert cluster.lost is None
    assert [outcome.state for outcome in outcomes] == ["made", "made"], outcomes
    moved = [event.run.name for event in heard if isinstance(event, Queued) and "lost" in event.why]
    assert len(set(moved)) == 1, heard
    [run] = {event.run.folder for event in heard if isinstance(event, Queued) and event.run.name in moved}
    epochs = [event.epoch for event in heard if isinstance(event, EpochEnded) and event.run.folder == run]
    # an epoch that was told, and not yet saved as the node was lost, is computed again
    assert sorted(set(epochs)) == list(range(1, 13))
    assert epochs == sorted(epochs)
    assert len(epochs) <= 13, "what was saved is not computed twice"
    assert sum(isinstance(event, Finished) for event in heard) == 2
    here, _ = compare(tmp_path, launched(None, HOST, jobs=2), [])
    for one, other in zip(there, here, strict=True):
        assert one.evaluations[0].metrics == other.evaluations[0].metrics
        assert list(one.evaluations[0].predictions.text) == list(other.evaluations[0].predictions.text)
