"""What made a run: components with their owners and sources, versions, the machine."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qatk.recipe import Recipe

PACKAGES = ("qatk", "torch", "transformers", "tokenizers", "accelerate", "datasets", "numpy", "pyarrow")


def describe_components(recipe: Recipe) -> list[dict[str, str]]:
    """Kind, name, plugin, distribution, version and SHA-256 of the source file of every component chosen."""
    rows = []
    for choice in recipe.all():
        registered = choice.registered
        rows.append(
            {
                "kind": registered.kind,
                "name": registered.name,
                "plugin": registered.plugin.name,
                "distribution": registered.plugin.distribution,
                "version": registered.plugin.version,
                "source": _digest(registered.source_file()),
            }
        )
    return rows


def describe_machine(distributions: Iterable[str] = ()) -> dict[str, Any]:
    """Python, platform, cores and the versions of the packages that numbers depend on."""
    names = [*PACKAGES, *sorted(set(distributions) - set(PACKAGES))]
    versions = {name: found for name in names if (found := _version(name))}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": versions,
    }


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes of resident set."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _digest(file: str) -> str:
    path = Path(file)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "unknown"
