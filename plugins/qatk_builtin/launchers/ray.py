"""A Ray cluster: each job is a detached actor, which Ray places, and starts again elsewhere if its node is lost."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Mapping, Sequence
from uuid import uuid4

import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayActorError, RayTaskError

from qatk.api import Job, JobState, QatkError, UsageError
from qatk.files import first_line
from qatk_builtin.launchers import RayOptions
from qatk_builtin.launchers.ray_process import RayProcess

_SPACE = "qatk"
_PATIENCE_S = 2.0


class RayLauncher:
    """Starts actors. The id of a job is the actor's name."""

    def __init__(self, options: RayOptions) -> None:
        self.options = options
        self.ours = False
        self.over: dict[str, JobState] = {}

    def connect(self) -> int | None:
        """Reach the cluster, or start one; Ray queues jobs itself."""
        if not ray.is_initialized():
            os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
            self._reach(self.options.address)
            self.ours = True
        return self.options.jobs

    def _reach(self, address: str | None) -> None:
        if address not in (None, "auto", "local"):
            _knock(str(address))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ray.init(
                    address=address or "local",
                    namespace=_SPACE,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    configure_logging=False,
                )
        except Exception as error:  # a plain one where a part of Ray does not come up within half a minute
            ray.shutdown()
            said = first_line(error)
            if address not in (None, "local"):
                raise _absent(str(address), said) from error
            patience = "try again when the machine is less busy, or " if "timed out" in said else ""
            fix = f"{patience}start one with ray start --head, and use address: auto"
            raise QatkError(f"Ray does not start on this machine: {said}", where="launcher ray", fix=fix) from error

    def submit(self, jobs: Sequence[Job]) -> list[str]:
        """One actor each, which Ray places by cores, GPUs and further resources."""
        gpus = self.options.gpus
        if gpus is None:
            resources: Mapping[str, float] = ray.cluster_resources()
            gpus = 1.0 if resources.get("GPU") else 0.0
        ids = []
        for job in jobs:
            name = f"{job.name}-{uuid4().hex[:8]}"
            ray.remote(RayProcess).options(
                name=name,
                namespace=_SPACE,
                lifetime="detached",
                num_cpus=self.options.cpus,
                num_gpus=gpus,
                resources=dict(self.options.resources) or None,
                max_restarts=self.options.retries,
            ).remote(job.command, str(job.folder), str(job.log), dict(job.environment))
            ids.append(name)
        return ids

    def states(self, ids: Sequence[str]) -> list[JobState]:
        """What the actors say; one that does not answer waits for a place."""
        found = dict(self.over)
        asked: dict[str, tuple[ActorHandle[RayProcess], ray.ObjectRef[int | None]]] = {}
        for name in ids:
            if name in found:
                continue
            if (actor := _actor(name)) is None:
                found[name] = JobState("ended", why="Ray does not know the job")
            else:
                asked[name] = actor, actor.code.remote()
        if asked:
            ray.wait([answer for _, answer in asked.values()], num_returns=len(asked), timeout=_PATIENCE_S)
        for name, (actor, answer) in asked.items():
            found[name] = _told(answer)
            if found[name].state == "ended":
                self.over[name] = found[name]
                ray.kill(actor)
        return [found[name] for name in ids]

    def cancel(self, ids: Sequence[str]) -> None:
        """Let the actors end their processes, which save their state; one without a place is taken away."""
        states = self.states(ids)
        actors = [(state, actor) for state, name in zip(states, ids, strict=True) if (actor := _actor(name))]
        ending: list[ray.ObjectRef[int]] = []
        try:
            ending += (actor.end.remote() for state, actor in actors if state.state == "running")
            if ending:
                ray.wait(ending, num_returns=len(ending), timeout=60)
        finally:  # a second Ctrl-C does not wait for them
            for _, actor in actors:
                ray.kill(actor)

    def close(self) -> None:
        """Leave the cluster; one on this machine ends."""
        if self.ours:
            ray.shutdown()
            self.ours = False


def _absent(address: str, said: str) -> UsageError:
    fix = "start one with ray start --head, or leave address out for one on this machine"
    return UsageError(f"there is no Ray cluster at {address}: {said}", where="launcher ray", fix=fix)


def _knock(address: str) -> None:
    """Whether anybody listens: Ray itself takes a minute to say that nobody does."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    try:
        if not (colon and host):
            raise ValueError("expected HOST:PORT, or auto")
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _absent(address, getattr(error, "strerror", None) or str(error)) from None


def _actor(name: str) -> ActorHandle[RayProcess] | None:
    try:
        return ray.get_actor(name, namespace=_SPACE)
    except ValueError:
        return None


def _told(answer: ray.ObjectRef[int | None]) -> JobState:
    try:
        code = ray.get(answer, timeout=0)
    except GetTimeoutError:
        return JobState("queued", why="waits for a place")
    except ActorUnavailableError:
        return JobState("queued", why="its node is lost")
    except ActorDiedError as error:
        return JobState("ended", why=first_line(error))
    except (RayActorError, RayTaskError):
        return JobState("queued", why="its node is lost")
    return JobState("running") if code is None else JobState("ended", code)
