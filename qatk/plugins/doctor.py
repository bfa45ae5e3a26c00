"""What ails the plugins of this environment: each is loaded in a process of its own, and looked at."""

from __future__ import annotations

import importlib.metadata
import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from typing_extensions import TypedDict

from qatk.errors import PluginError
from qatk.plugins.host import GROUP, PluginHost
from qatk.plugins.registered import Registered
from qatk.plugins.validation import import_file, unmarked_hooks

HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "accelerate",
    "evaluate",
    "tensorflow",
    "jax",
    "scipy",
    "pandas",
    "sklearn",
)
"""What a plugin should not import before one of its components is used: every command would wait for it."""

PATIENCE = 60.0
"""Seconds after which a plugin that is being loaded is taken to hang."""

SLOW = 1.0
"""Seconds of loading that are worth a word."""


@dataclass(frozen=True)
class Ailment:
    """Something that is wrong with a plugin.

    Attributes:
        plugin: its name, or the names of several.
        what: what is wrong.
        fix: what its author or user can do.
        trace: the traceback of a plugin that cannot be loaded.
    """

    plugin: str
    what: str
    fix: str = ""
    trace: str = ""


@dataclass(frozen=True)
class Finding:
    """How the loading of a plugin went.

    Attributes:
        plugin, distribution, version, target: who it is, and its module or file.
        seconds: how long it took to load and to ask for its components.
        components: kind and name of each that it registers.
        ailments: what is wrong.
    """

    plugin: str
    distribution: str
    version: str
    target: str
    seconds: float
    components: list[tuple[str, str]]
    ailments: list[Ailment] = field(default_factory=list)


def examine(host: PluginHost) -> tuple[list[Finding], list[Ailment]]:
    """Look at every plugin of a host by itself, and at what they have in common.

    Returns:
        A finding for each plugin, and the collisions between them.
    """
    findings = [_examine_entry(entry) for entry in host.entries]
    findings += [_finding(Path(file).stem, "file", file, file, _run_probe(file=file)) for file in host.files]
    return findings, [*_doubles(), *_collisions(findings)]


def _examine_entry(entry: importlib.metadata.EntryPoint) -> Finding:
    name, version = (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")
    return _finding(entry.name, name, version, entry.value, _run_probe(entry=entry.name))


_PROBE = "import sys; sys.path[:] = sys.argv[3:]; from qatk.plugins.doctor import probe; probe(*sys.argv[1:3])"
"""Modules are looked for where this process looks for them, not in the folder it happens to run in."""


class _Said(TypedDict, total=False):
    """What a probe says of a plugin; of one that cannot be loaded no more than the error."""

    seconds: float
    components: list[tuple[str, str]]
    heavy: list[str]
    printed: str
    error: str | None
    reason: str
    unmarked: dict[str, str]
    unusable: list[tuple[str, str]]


def _run_probe(*, entry: str = "", file: str = "") -> _Said:
    """What :func:`probe` says, run in a new process; what it cannot say is an error."""
    command = [sys.executable, "-c", _PROBE, entry, file, *sys.path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"it does not come back within {PATIENCE:g} seconds", "seconds": PATIENCE}
    try:
        found: _Said = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return {"error": done.stderr.strip() or f"it ends the process with exit code {done.returncode}"}
    return found


def probe(entry: str, file: str) -> None:
    """Load one plugin, and print what there is to say as a line of JSON. Runs in a process of its own."""
    files, allowed = ([file], "") if file else ([], entry)
    host = PluginHost.discover(files=files, environ={"QATK_PLUGINS": allowed})
    host.lenient = True
    before, printed, began = set(sys.modules), io.StringIO(), time.perf_counter()
    host.printed = printed
    components = host.components()
    seconds = time.perf_counter() - began
    loaded = set(sys.modules) - before
    plugin = host.plugins[0]  # another one of its name may follow, in quarantine
    said: _Said = {
        "seconds": seconds,
        "components": [(r.kind, r.name) for r in components],
        "heavy": [name for name in HEAVY if name in loaded],
        "printed": printed.getvalue()[:200],
        "error": plugin.error,
        "reason": plugin.reason,
        "unmarked": {} if plugin.error else unmarked_hooks(_module(host)),
        "unusable": [(error.what, error.fix or "") for error in _unusable(components)],
    }
    sys.stdout.write("\n" + json.dumps(said) + "\n")


def _unusable(components: list[Registered]) -> Iterator[PluginError]:
    """What keeps components from being built; those of qatk itself are not imported, since torch takes its time."""
    for registered in components:
        try:
            if not registered.is_built_in:
                registered.usable()
        except PluginError as error:
            yield error


def _module(host: PluginHost) -> object:
    return import_file(host.files[0]) if host.files else host.entries[0].load()


def _finding(plugin: str, distribution: str, version: str, target: str, said: _Said) -> Finding:
    ailments = list(_ailments(plugin, said))
    components = [(kind, name) for kind, name in said.get("components", ())]
    return Finding(plugin, distribution, version, target, said.get("seconds", 0.0), components, ailments)


def _ailments(plugin: str, said: _Said) -> Iterator[Ailment]:
    if error := said.get("error"):
        reason = said.get("reason", "")
        yield Ailment(plugin, f"it cannot be loaded: {reason or error}", trace=error if reason else "")
        return
    for name, fix in said["unmarked"].items():
        yield Ailment(plugin, f"{name} looks like a hook but is not one, so it registers nothing", fix)
    for what, fix in said["unusable"]:
        yield Ailment(plugin, what, fix)
    if said["heavy"]:
        fix = 'name classes as "module:Class" and import in that module'
        yield Ailment(plugin, f"it imports {', '.join(said['heavy'])} before anything of it is used", fix)
    elif said["seconds"] > SLOW:
        yield Ailment(plugin, f"it takes {said['seconds']:.1f} seconds to load, and every command waits for it")
    if said["printed"]:
        yield Ailment(plugin, f"it prints to standard output while it loads: {said['printed']!r}", "use logging")
    if not said["components"] and not said["unmarked"]:
        yield Ailment(plugin, "it registers nothing", "a hook such as qatk_decoders returns a list of components")


def _doubles() -> Iterator[Ailment]:
    """Plugins of one name from several distributions, of which only one can be used."""
    entries = {(e.name, e.dist.name if e.dist else "?") for e in importlib.metadata.entry_points(group=GROUP)}
    for name, times in sorted(Counter(name for name, _ in entries).items()):
        if times > 1:
            owners = sorted(dist for entry, dist in entries if entry == name)
            yield Ailment(
                name, f"{' and '.join(owners)} both have a plugin of this name", f"uninstall {' or '.join(owners)}"
            )


def _collisions(findings: list[Finding]) -> Iterator[Ailment]:
    """Components of one kind and name. They are known from the probes: a plugin may not survive a second loading."""
    owners: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        for component in finding.components:
            owners.setdefault(component, []).append(finding)
    for (kind, name), among in owners.items():
        if len(among) > 1:
            yield _collision(kind, name, among)


def _collision(kind: str, name: str, among: list[Finding]) -> Ailment:
    others = [one for one in among if one.distribution != "qatk"]
    qualified = " or ".join(f"{one.plugin}/{name}" for one in others)
    who = " and ".join(f"{one.plugin} ({one.distribution} {one.version})" for one in among)
    fix = f"write {qualified} in a recipe"
    if len(others) < len(among):
        fix = f"{name!r} alone means the built-in {kind}; {fix} to use the other, or rename it"
    return Ailment(" and ".join(one.plugin for one in among), f"each offers the {kind} {name!r}: {who}", fix)


def as_plain(findings: list[Finding], common: list[Ailment]) -> dict[str, object]:
    """Both as plain values, for JSON."""
    return {"plugins": [asdict(finding) for finding in findings], "common": [asdict(one) for one in common]}
