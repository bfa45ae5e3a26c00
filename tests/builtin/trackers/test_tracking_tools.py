"""A run in TensorBoard, wandb and MLflow, each with its real client, and read back."""

from __future__ import annotations

import json
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto.wandb_internal_pb2 import Record

import qatk
from commands import call
from qatk.api import NoOptions
from qatk.errors import QatkWarning
from qatk.plugins.host import PluginHost
from qatk.results import RunResult
from qatk.testing.inputs.questions import events, manifest
from qatk_builtin.trackers import MlflowOptions, WandbOptions
from qatk_builtin.trackers.mlflow import MlflowTracker
from qatk_builtin.trackers.tensorboard import TensorboardTracker
from qatk_builtin.trackers.wandb import WandbTracker
from small import write_recipe

STEPS = [5, 8, 10, 15, 16]
"""Of the training events of the run below: steps, and the ends of epochs of 8 steps."""


@pytest.fixture(autouse=True, scope="module")
def file_store() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        yield


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("tracked")
    recipe = write_recipe(folder, train=128, dev=16)
    store = (folder / "store").as_uri()
    tools = [
        "{use: tensorboard}",
        "{use: wandb, mode: offline, model: true}",
        f"{{use: mlflow, tracking_uri: '{store}'}}",
    ]
    return qatk.run(recipe, out=folder / "run", settings=[f"trackers=[{', '.join(tools)}]"])


def test_tensorboard_has_curves_figures_and_report(tracked: RunResult) -> None:
    assert tracked.folder is not None
    found = EventAccumulator(str(tracked.folder / "tensorboard")).Reload()
    assert [point.step for point in found.Scalars("dev/f1")] == [8, 16]
    losses = {event.step: event.loss for event in tracked.events if event.kind == "step"}
    assert {point.step: pytest.approx(point.value) for point in found.Scalars("train/loss")} == losses
    assert found.Scalars("final/f1")[0].value == pytest.approx(tracked.metrics["f1"])
    assert {"train/learning_rate", "train/examples_per_second", "epoch"} <= set(found.Tags()["scalars"])
    texts = [found.Tensors(name)[0].tensor_proto.string_val[0].decode() for name in found.Tags()["tensors"]]
    assert any('"learning_rate": 0.002' in text for text in texts)
    assert any((tracked.folder / "report.md").read_text("utf-8").strip() == text.strip() for text in texts)


def records(file: Path) -> Iterator[Record]:
    """What wandb wrote: records of protobuf in blocks of 32 KiB, as LevelDB's log has them."""
    content, at, part = file.read_bytes(), 7, b""
    assert content.startswith(b":W&B")
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        part += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(part)
            part = b""
            yield record


def wandb_records(folder: Path) -> list[Record]:
    return [record for file in sorted((folder / "wandb").rglob("run-*.wandb")) for record in records(file)]


def test_wandb_has_curves_figures_configuration_and_files(tracked: RunResult) -> None:
    assert tracked.folder is not None
    found = wandb_records(tracked.folder)
    rows = [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in r.history.item}
        for r in found
        if r.HasField("history")
    ]
    assert [row["_step"] for row in rows] == STEPS
    f1 = [event.metrics["f1"] for event in tracked.events if event.kind == "epoch"]
    assert [row["dev/f1"] for row in rows if "dev/f1" in row] == f1
    assert all("train/loss" in row and "train/examples_per_second" in row for row in rows if row["_step"] % 5 == 0)
    (run,) = [record.run for record in found if record.HasField("run")]
    assert (run.project, run.display_name) == ("qatk", "recipe")
    config = {update.key: json.loads(update.value_json) for update in run.config.update}
    assert config["recipe"]["trainer"]["learning_rate"] == 0.002
    summary = {
        "/".join(item.nested_key) or item.key: item.value_json
        for r in found
        if r.HasField("summary")
        for item in r.summary.update
    }
    assert json.loads(summary["final/f1"]) == tracked.metrics["f1"]
    kept = [r.request.log_artifact.artifact if r.HasField("request") else r.artifact for r in found]
    names = {entry.path for artifact in kept for entry in artifact.manifest.contents}
    assert {"report.md", "report.html", "model.safetensors"} <= names


def test_mlflow_has_curves_figures_parameters_and_files(tracked: RunResult) -> None:
    assert tracked.folder is not None
    client, run = of_mlflow(tracked.folder)
    assert run.info.status == "FINISHED"
    assert run.data.params["trainer.learning_rate"] == "0.002"
    assert run.data.metrics["final/f1"] == pytest.approx(tracked.metrics["f1"])
    steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "train/loss")]
    assert sorted(steps) == [event.step for event in tracked.events if event.kind == "step"]
    assert [m.step for m in client.get_metric_history(run.info.run_id, "dev/f1")] == [8, 16]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"configuration.json", "report.md", "report.html"}


def test_a_resumed_run_that_has_no_events_tells_its_end_at_the_last_step(
    tracked: RunResult, tmp_path: Path, host: PluginHost
) -> None:
    tracker = MlflowTracker(MlflowOptions(tracking_uri=(tmp_path / "store").as_uri()))
    tracker.start(manifest(host), tmp_path)
    tracker.finish(tracked)
    client, run = of_mlflow(tmp_path)
    assert [metric.step for metric in client.get_metric_history(run.info.run_id, "final/f1")] == [STEPS[-1]]


def of_mlflow(folder: Path) -> tuple[MlflowClient, Run]:
    noted = json.loads((folder / "trackers" / "mlflow.json").read_text())
    client = MlflowClient(noted["tracking_uri"])
    return client, client.get_run(noted["run_id"])


def test_the_events_are_logged_beside_every_tool(tracked: RunResult) -> None:
    assert [event.step for event in tracked.events] == STEPS
    assert [tracker["use"] for tracker in tracked.manifest["recipe"]["trackers"]] == [
        "tensorboard",
        "wandb",
        "mlflow",
        "jsonl",
    ]


def test_a_resumed_run_goes_on_in_the_same_run(tmp_path: Path, host: PluginHost) -> None:
    store = MlflowOptions(tracking_uri=f"file://me:my-pw@localhost{tmp_path / 'store'}")
    told, half = events(), len(events()) // 2
    for part, goes_on in ((told[:half], False), (told[half:], True)):
        trackers = (WandbTracker(WandbOptions(mode="offline")), MlflowTracker(store))
        for tracker in trackers:
            tracker.start(manifest(host), tmp_path)
            for event in part:
                tracker.event(event)
            tracker.abandon(not goes_on, "the disk is full")
    runs = [record.run.run_id for record in wandb_records(tmp_path) if record.HasField("run")]
    assert len(runs) == 2
    assert len(set(runs)) == 1
    exits = [record.exit.exit_code for record in wandb_records(tmp_path) if record.HasField("exit")]
    assert exits == [1, 0]
    assert "my-pw" not in (tmp_path / "trackers" / "mlflow.json").read_text()
    client, run = of_mlflow(tmp_path)
    assert run.info.status == "KILLED"
    assert len(client.search_runs([run.info.experiment_id])) == 1
    steps = {metric.step for metric in client.get_metric_history(run.info.run_id, "train/loss")}
    assert steps == {event.step for event in told if event.kind == "step"}


def test_a_run_that_was_deleted_in_its_tool_does_not_stand_in_the_way(
    tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = MlflowOptions(tracking_uri=(tmp_path / "store").as_uri())
    MlflowTracker(mlflow).start(manifest(host), tmp_path)
    client, first = of_mlflow(tmp_path)
    client.delete_run(first.info.run_id)
    with pytest.warns(QatkWarning, match=f"run {first.info.run_id} was deleted in MLflow: a new one begins"):
        MlflowTracker(mlflow).start(manifest(host), tmp_path)
    client, second = of_mlflow(tmp_path)
    shutil.rmtree(tmp_path / "store" / second.info.experiment_id / second.info.run_id)  # as `mlflow gc` does
    with pytest.warns(QatkWarning, match=f"run {second.info.run_id} was deleted in MLflow: a new one begins"):
        MlflowTracker(mlflow).start(manifest(host), tmp_path)
    assert of_mlflow(tmp_path)[1].info.status == "RUNNING"

    def refuse(**_: object) -> None:
        raise wandb.errors.CommError("run abc was previously created and deleted; try a new run name")

    (tmp_path / "trackers" / "wandb.json").write_text('{"id": "abc"}')
    monkeypatch.setattr(wandb, "init", refuse)
    said = (
        r"created and deleted; try a new run name\n  if run abc was deleted there, remove .*/wandb\.json, and a new one"
    )
    with pytest.raises(qatk.errors.UsageError, match=said):
        WandbTracker(WandbOptions(mode="offline")).start(manifest(host), tmp_path)


def test_steps_that_are_taken_again_are_drawn_once(tmp_path: Path, host: PluginHost) -> None:
    told = [event for event in events() if event.kind == "step"]
    for part in (told, told[1:]):  # resumed from before the second
        tracker = TensorboardTracker(NoOptions())
        tracker.start(manifest(host), tmp_path)
        for event in part:
            tracker.event(event)
        tracker.abandon(False, "")
    points = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("train/learning_rate")
    assert [point.step for point in points] == [event.step for event in told]


def test_without_a_login_the_run_does_not_begin(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=1)
    clean = {"HOME": str(tmp_path), "WANDB_API_KEY": "", "WANDB_MODE": "online", "NETRC": str(tmp_path / "none")}
    run = ["run", recipe, "--out", tmp_path / "run"]
    done = call("qatk", *run, "--set", "trackers=[{use: wandb}]", cwd=tmp_path, **clean)
    assert done.returncode == 2, done.stderr
    assert (
        "wandb has no login\n  run `wandb login` or set WANDB_API_KEY; or track without it by mode: offline"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_without_a_server_the_run_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=1)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    unreachable = "trackers=[{use: mlflow, tracking_uri: 'http://127.0.0.1:9'}]"
    with pytest.raises(qatk.errors.UsageError, match=r"mlflow cannot start a run: .*127\.0\.0\.1"):
        qatk.run(recipe, out=tmp_path / "run", settings=[unreachable])


def test_a_store_that_goes_away_does_not_end_a_run(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=4, log_every=1)
    (tmp_path / "goes.py").write_text(GOES)
    host = PluginHost.discover(files=[str(tmp_path / "goes.py")], environ={})
    with pytest.warns(QatkWarning, match=r"tracker 'goes' of plugin goes .* failed and is switched off"):
        result = qatk.run(recipe, out=tmp_path / "run", host=host, settings=["trackers=[{use: goes}]"])
    assert len(result.events) >= 4


GOES = """
from qatk.api import Component, hookimpl
from qatk_builtin.trackers import MlflowOptions
from qatk_builtin.trackers.mlflow import MlflowTracker
from qatk_builtin.trackers.tensorboard import TensorboardTracker

class Goes(MlflowTracker):
    def __init__(self, options):
        super().__init__(MlflowOptions(tracking_uri="file:///dev/shm/gone"))
    def start(self, manifest, out_dir):
        import os, shutil
        from pathlib import Path
        store = out_dir.parent / "store"
        self.options = MlflowOptions(tracking_uri=store.as_uri())
        super().start(manifest, out_dir)
        shutil.rmtree(store)
        store.write_text("in the way")

@hookimpl
def qatk_trackers(): return [Component("goes", Goes)]
"""


def test_a_missing_tool_says_what_to_install(tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=1)
    for name in ("tensorboard", "wandb", "mlflow", "trackio"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(qatk.errors.RecipeError, match=rf"needs {name} \(pip install 'qatk\[{name}\]'\)"):
            qatk.run(recipe, out=tmp_path / "run", host=host, settings=[f"trackers=[{{use: {name}}}]"])


def test_what_fails_at_the_start_is_told_before_anything_long(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=1)
    (tmp_path / "late.py").write_text(LATE)
    host = PluginHost.discover(files=[str(tmp_path / "late.py")], environ={})
    with pytest.raises(qatk.errors.UsageError, match=r"tracker 'late' of plugin late .* cannot start: OSError"):
        qatk.run(recipe, out=tmp_path / "run", host=host, settings=["trackers=[{use: late}, {use: hears}]"])
    wild = ["trainer.learning_rate=1e30", "trainer.warmup=0.0", "trainer.max_grad_norm=1e30", "trainer.max_steps=20"]
    with pytest.raises(qatk.errors.QatkError, match="nan"):
        qatk.run(recipe, out=tmp_path / "run", host=host, settings=["trackers=[{use: hears}]", *wild])
    assert (tmp_path / "run" / "heard").read_text().startswith("True ")


LATE = """
from qatk.api import Component, hookimpl

class Late:
    def __init__(self, options): ...
    def start(self, manifest, out_dir): raise OSError("no such server")
    def event(self, event): ...
    def finish(self, result): ...

class Hears(Late):
    def start(self, manifest, out_dir): self.out_dir = out_dir
    def abandon(self, failed, why): (self.out_dir / "heard").write_text(f"{failed} {why}")

@hookimpl
def qatk_trackers(): return [Component("late", Late), Component("hears", Hears)]
"""
