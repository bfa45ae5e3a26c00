"""What made a run: components with their owners and sources, versions, the machine."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from qatk.cores import usable_cores
from qatk.display.keys import flat
from qatk.errors import QatkWarning, RunFolderError
from qatk.plugins.host import PluginHost
from qatk.plugins.registered import Registered
from qatk.plugins.sources import sources_digest
from qatk.recipes.keys import differences
from qatk.recipes.recipe import Recipe
from qatk.run_folder.manifest import ComponentRecord
from qatk.run_folder.secrets import hidden

PACKAGES = ("qatk", "torch", "transformers", "tokenizers", "accelerate", "datasets", "numpy", "pyarrow")
version_of = cache(version)
"""The version of a distribution, whose metadata a process reads once; PackageNotFoundError where it has none."""


def describe_component(registered: Registered) -> ComponentRecord:
    """What a manifest says of a component."""
    plugin = registered.plugin
    return ComponentRecord(
        kind=registered.kind,
        name=registered.name,
        plugin=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        source=sources_digest(registered) or "",
    )


def differing(recipe: Recipe, held: Mapping[str, object], *, data: bool = False) -> Sequence[str]:
    """In what the recipe of a run folder computes something else than this one, without a word of secrets.

    An option that came after the run began counts if it is set: by default it leaves things as they were.

    Args:
        recipe: this one.
        held: the one of the run folder.
        data: whether the keys of data count; if not, the examples do that they give, wherever they lie.
    """
    known = flat(held)

    def counts(key: str) -> bool:
        if key.partition(".")[0] == "data" and not data:
            return False
        return recipe.decides(key) and (key in known or not recipe.has_default(key))

    return differences(held, hidden(recipe.filled()), counts)


def refuse_absent(components: Iterable[ComponentRecord], host: PluginHost, where: str) -> list[Registered]:
    """The components that took part in a run, as they are installed.

    Raises:
        RunFolderError: where one is not there, with what to install.
    """
    return [_supplier(host, row, where) for row in components]


def check_suppliers(components: Sequence[ComponentRecord], host: PluginHost, where: str) -> None:
    """Hold what took part in a run against what is installed.

    Warns of components that come in another version, or from other source, than they did.

    Raises:
        RunFolderError: of :func:`refuse_absent`.
    """
    changed: dict[tuple[str, str], list[str]] = {}
    for row, found in zip(components, refuse_absent(components, host, where), strict=True):
        now = describe_component(found)
        if now.distribution != row.distribution:
            what = f"now of {now.distribution} {now.version}"
        elif now.version != row.version and row.distribution != "file":  # whose version is its path
            what = f"now {now.version}"
        elif row.source and now.source != row.source:
            what = "its source changed since"
        else:
            continue
        changed.setdefault((f"{row.distribution} {row.version}", what), []).append(f"{row.kind} {row.name!r}")
    if changed:
        said = "; ".join(f"{', '.join(names)} of {owner}, {what}" for (owner, what), names in changed.items())
        warnings.warn(f"{where} was begun with {said}", QatkWarning, stacklevel=3)


def _supplier(host: PluginHost, row: ComponentRecord, where: str) -> Registered:
    """The component that a row of a manifest tells of, also where it comes from another plugin by now."""
    named = [r for r in host.components(row.kind) if r.is_called(row.name) and r.belongs_to([row.plugin])]
    if not named:
        what = f"this run was made with {row.kind} {row.name!r} of plugin {row.supplier}, which is not here"
        raise RunFolderError(what, where=where, fix=_how_to_get(row))
    return named[0]


def _how_to_get(row: ComponentRecord) -> str:
    if row.distribution == "file":
        return f"qatk --plugin {row.version} ..."
    return f"pip install {row.distribution}=={row.version}"


def describe_machine(distributions: Iterable[str]) -> dict[str, object]:
    """Python, platform, cores and the versions of the packages that numbers depend on."""
    names = [*PACKAGES, *sorted(set(distributions) - set(PACKAGES))]
    versions = {name: found for name in names if (found := _version(name))}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": usable_cores(),
        "packages": versions,
    }


def processor() -> str:
    """The model of the processor, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version_of(name)
    except PackageNotFoundError:
        return None
