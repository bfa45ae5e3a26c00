"""The cores that this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/")


def usable_cores() -> int:
    """How many cores this process may use.

    Fewer than the machine has: of a job of SLURM, under ``taskset``, and in a container with a quota (``docker run
    --cpus 2``), where part of a core counts as one.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min([bound, *_quotas()])))


def _quotas() -> Iterator[float]:
    """The cores that the control groups of this process leave it, its own and those above; of either version."""
    groups = ""
    with suppress(OSError):
        groups = (_ROOT / "proc" / "self" / "cgroup").read_text()
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for mount in (controllers, "cpu") if controllers else ("", "unified"):
            folder = _ROOT / "sys" / "fs" / "cgroup" / mount
            for part in ("", *(part for part in path.split("/") if part not in ("", ".."))):
                folder /= part
                with suppress(OSError, ValueError, ZeroDivisionError):
                    yield _quota(folder)


def _quota(folder: Path) -> float:
    """The cores of one control group, infinite without a quota. Raises where its files do not say."""
    if (file := folder / "cpu.max").exists():
        quota, period = file.read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    return math.inf if int(quota) < 0 else int(quota) / int(period)
