"""The ``mlflow`` tracker: a run in MLflow."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

from mlflow.entities import LifecycleStage, Metric, Param, RunStatus
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient
from mlflow.utils.async_logging.run_operations import RunOperations

from qatk.api import QatkWarning, RunResult, TrainEvent, without_secrets
from qatk.display import flat
from qatk_builtin.trackers import MlflowOptions
from qatk_builtin.trackers.shared import (
    artefacts,
    configuration,
    figures,
    final_figures,
    leaving_chance_alone,
    name_of,
    recall,
    remember,
    starting,
)

_FIX = (
    "check tracking_uri (or MLFLOW_TRACKING_URI) and its login; a database needs `pip install mlflow`, "
    "a folder MLFLOW_ALLOW_FILE_STORE=true"
)
_LONGEST, _MOST = 500, 100
"""Characters of a parameter, and parameters of a call, that every store takes."""


class MlflowTracker:
    """A run by the recipe's name; one that is resumed goes on in the same run. Curves are sent in the background."""

    def __init__(self, options: MlflowOptions) -> None:
        self.options = options
        self._client: MlflowClient | None = None
        self._id = ""
        self._last = 0
        self._sent: list[RunOperations] = []

    def start(self, manifest: Mapping[str, object], out_dir: Path) -> None:
        """Begin, or go on with, a run. Raises :class:`qatk.api.UsageError` where the store cannot be reached."""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # of seven, which take minutes
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        # Of ten: two that log at a time each make the folder of "dev/f1" and "dev/exact", which fails for one of them.
        os.environ.setdefault("MLFLOW_ASYNC_LOGGING_THREADPOOL_SIZE", "1")
        name = self.options.name or name_of(manifest, out_dir)
        with leaving_chance_alone(), starting("mlflow", _FIX):
            self._client = MlflowClient(tracking_uri=self.options.tracking_uri)
            self._id = self._known(recall(out_dir, "mlflow")) or self._new(name, manifest)
        remember(out_dir, "mlflow", run_id=self._id, tracking_uri=without_secrets(str(self._client.tracking_uri)))

    def _known(self, noted: Mapping[str, str]) -> str:
        """The run of an earlier execution, running again; nothing where it is of another store, or was deleted."""
        client, store = self._client, without_secrets(noted.get("tracking_uri", ""))
        if client is None or not noted.get("run_id") or store != without_secrets(str(client.tracking_uri)):
            return ""
        if _is_deleted(client, noted["run_id"]):
            what = f"run {noted['run_id']} was deleted in MLflow: a new one begins; events.jsonl has its figures"
            warnings.warn(QatkWarning(what), stacklevel=2)
            return ""
        client.update_run(noted["run_id"], status=RunStatus.to_string(RunStatus.RUNNING))
        return noted["run_id"]

    def _new(self, name: str, manifest: Mapping[str, object]) -> str:
        assert self._client is not None
        found = self._client.get_experiment_by_name(self.options.project)
        experiment = found.experiment_id if found else self._client.create_experiment(self.options.project)
        run_id = str(self._client.create_run(experiment, run_name=name).info.run_id)
        values = flat(manifest.get("recipe", {}))
        params = [Param(key, str(value)[:_LONGEST]) for key, value in values.items()]
        for begin in range(0, len(params), _MOST):
            self._client.log_batch(run_id, params=params[begin : begin + _MOST])
        self._client.log_dict(run_id, configuration(manifest), "configuration.json")
        return run_id

    def event(self, event: TrainEvent) -> None:
        """Log the figures of an event at its step."""
        self._last = event.step
        self._log(figures(event), synchronous=False)

    def finish(self, result: RunResult) -> None:
        """Log the final figures and the files, and end the run."""
        if self._client is None:
            return
        self._await_sent()
        if result.events:  # which another execution may have told
            self._last = result.events[-1].step
        self._log(final_figures(result), synchronous=True)
        for kind, path in artefacts(result, page=self.options.page, model=self.options.model):
            if path.is_dir():
                self._client.log_artifacts(self._id, str(path), kind)
            else:
                self._client.log_artifact(self._id, str(path))
        self._end("FINISHED")

    def abandon(self, failed: bool, why: str) -> None:
        """End a run that does not go on, as MLflow calls it: ``FAILED`` or ``KILLED``."""
        if self._client is not None:
            self._client.set_tag(self._id, "qatk.ended", why or "stopped")
            self._end("FAILED" if failed else "KILLED")

    def _log(self, named: Mapping[str, float], *, synchronous: bool) -> None:
        if self._client is not None and named:
            now = int(time.time() * 1000)
            metrics = [Metric(name, value, now, self._last) for name, value in named.items()]
            sent = self._client.log_batch(self._id, metrics=metrics, synchronous=synchronous)
            if sent is not None:
                self._sent.append(sent)

    def _end(self, status: str) -> None:
        assert self._client is not None
        self._await_sent()
        self._client.set_terminated(self._id, status=status)

    def _await_sent(self) -> None:
        """Wait for the figures sent in the background. Raises what MLflow raises where some could not be logged."""
        for sent in self._sent:
            sent.wait()
        self._sent.clear()


def _is_deleted(client: MlflowClient, run_id: str) -> bool:
    """Whether a run went to the trash of its store, or is gone."""
    try:
        return bool(client.get_run(run_id).info.lifecycle_stage != LifecycleStage.ACTIVE)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return True
