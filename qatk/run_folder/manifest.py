"""What made a run: components with their owners and sources, versions, the machine."""

from __future__ import annotations

import hashlib
import os
import platform
import warnings
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qatk.errors import QatkWarning, RunFolderError
from qatk.plugins.host import PluginHost
from qatk.plugins.registered import Registered
from qatk.recipes.recipe import Recipe

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


def check_suppliers(components: Iterable[Mapping[str, str]], host: PluginHost, where: str) -> None:
    """Hold what took part in a run, as :func:`describe_components` told it, against what is installed.

    Warns of components that come in another version, or from other source, than they did.

    Raises:
        RunFolderError: where one is not there, with what to install.
    """
    changed = []
    for row in components:
        found = _supplier(host, row)
        owner = f"{row['plugin']} ({row['distribution']} {row['version']})"
        if found is None:
            raise RunFolderError(
                f"this run was made with {row['kind']} {row['name']!r} of plugin {owner}, which is not here",
                where=where,
                fix=_how_to_get(row),
            )
        if found.plugin.version != row["version"] or _digest(found.source_file()) != row["source"]:
            newer = found.plugin.version != row["version"]
            now = f"now {found.plugin.version}" if newer else "its source changed since"
            changed.append(f"{row['kind']} {row['name']!r} of plugin {owner}, {now}")
    if changed:
        warnings.warn(f"{where} was begun with {'; '.join(changed)}", QatkWarning, stacklevel=3)


def _supplier(host: PluginHost, row: Mapping[str, str]) -> Registered | None:
    """The component that a row of a manifest tells of, also where it comes from another plugin by now."""
    named = [r for r in host.components(row["kind"]) if r.name == row["name"] and r.belongs_to([row["plugin"]])]
    return named[0] if named else None


def _how_to_get(row: Mapping[str, str]) -> str:
    if row["distribution"] == "file":
        return f"qatk --plugin {row['version']} ..."
    return f"pip install {row['distribution']}=={row['version']}"


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


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _digest(file: str) -> str:
    path = Path(file)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "unknown"
