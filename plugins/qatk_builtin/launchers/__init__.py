"""Where the runs of a comparison go. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from qatk.api import Component, Natural, Options, Positive, hookimpl


class LocalOptions(Options):
    """Options of the ``local`` launcher."""

    jobs: Positive = 1
    """Number of jobs at a time, each on its own GPU, or sharing the CPU."""


class SlurmOptions(Options):
    """Options of the ``slurm`` launcher, which are those of ``sbatch``."""

    jobs: Positive | None = None
    """Number of jobs to submit at a time; ``null`` submits all, as an array."""
    partition: str | None = None
    """Partition of the cluster."""
    account: str | None = None
    """Account that is charged."""
    qos: str | None = None
    """Quality of service."""
    constraint: str | None = None
    """Features that a node must have."""
    gpus: Natural = 0
    """Number of GPUs of each job."""
    cpus: Positive = 1
    """Number of cores of each job."""
    memory_gb: Positive | None = None
    """Memory of each job; ``null`` takes the cluster's default."""
    minutes: Positive = 240
    """Time of each job; one that needs more saves its state and is queued again."""
    requeues: Natural = 100
    """How often a job may be queued again because its time was over."""
    setup: tuple[str, ...] = ()
    """Shell commands before each job, such as ``module load cuda``."""
    more: Mapping[str, str | int] = Field(default_factory=dict)
    """Further options of ``sbatch`` by name."""
    scheduler: Literal["slurm", "none"] = "slurm"
    """``none`` starts the jobs on this machine, as submitit does it to try things out."""


class RayOptions(Options):
    """Options of the ``ray`` launcher."""

    jobs: Positive | None = None
    """Number of jobs to hand over at a time; ``null`` hands over all, and Ray places them."""
    address: str | None = None
    """``HOST:PORT`` of the cluster, or ``auto``; ``null`` starts one on this machine, which ends with the command."""
    cpus: Annotated[float, Field(ge=0)] = 1.0
    """Number of cores that each job takes."""
    gpus: Annotated[float, Field(ge=0)] | None = None
    """Number of GPUs that each job takes; ``null`` takes one if the cluster has any."""
    resources: Mapping[str, float] = Field(default_factory=dict)
    """Further resources that each job takes, by name."""
    retries: Natural = 10
    """How often a job is started again, elsewhere, because its node was lost."""


@hookimpl
def qatk_launchers() -> Iterable[Component]:
    """Processes on this machine, SLURM and Ray."""
    return [
        Component("local", f"{__name__}.local:LocalLauncher", LocalOptions, "processes on this machine"),
        Component(
            "slurm",
            f"{__name__}.slurm:SlurmLauncher",
            SlurmOptions,
            "jobs of the batch scheduler SLURM, by submitit",
            requires=("submitit",),
            extra="qatk[slurm]",
        ),
        Component(
            "ray",
            f"{__name__}.ray:RayLauncher",
            RayOptions,
            "a Ray cluster, which places jobs and moves them from lost nodes",
            requires=("ray",),
            extra="qatk[ray]",
        ),
    ]
