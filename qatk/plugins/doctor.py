"""What ails the plugins of this environment: each is loaded in a process of its own, and looked at."""

from __future__ import annotations

import importlib.metadata
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

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
    said = iter(_probe_all([(entry.name, "") for entry in host.entries] + [("", file) for file in host.files]))
    findings = [_finding(entry.name, *_owner(entry), entry.value, next(said)) for entry in host.entries]
    findings += [_finding(Path(file).stem, "file", file, file, next(said)) for file in host.files]
    return findings, [*_doubles(), *_collisions(findings)]


def _owner(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")


_PROBES = "import sys; sys.path[:] = sys.argv[1:]; from qatk.plugins.doctor import probe_each; probe_each()"
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
    others: bool
    unusable: list[tuple[str, str]]


def _probe_all(plugins: list[tuple[str, str]]) -> list[_Said]:
    """What :func:`probe` and :func:`probe_classes` say of plugins, each the name of an entry point or a file.

    They are forked from a new process: this one may have loaded what a plugin should not, and others would start as
    often as there are plugins.
    """
    command = [sys.executable, "-c", _PROBES, *sys.path]
    done = subprocess.run(command, input=json.dumps(plugins), stdout=subprocess.PIPE, text=True, check=True)
    found: list[_Said] = json.loads(done.stdout)
    return found


def probe_each() -> None:
    """Fork for each of the plugins that standard input lists, and print as JSON what there is to say of them.

    The classes of all are imported in one process, which loads large libraries once; where it ends, another goes on.
    """
    plugins = json.load(sys.stdin)
    said = [one for plugin in plugins for one in _forked(probe, [plugin])]
    left = [number for number, one in enumerate(said) if one.get("others")]
    while left:
        found = _forked(probe_classes, [plugins[number] for number in left])
        for number, more in zip(left, found, strict=False):
            said[number] |= more
        left = left[len(found) :]
    sys.stdout.write(json.dumps(said))


def _forked(probing: Callable[[str, str], _Said], plugins: list[tuple[str, str]]) -> list[_Said]:
    """What a process of its own says of plugins, in turn; where it ends too early, the last is an error."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = multiprocessing.get_context("fork").Process(target=_tell, args=(probing, plugins, out, err))
        process.start()
        process.join(PATIENCE)
        if late := process.is_alive():
            process.kill()
            process.join()
        for file in (out, err):
            file.seek(0)
        found: list[_Said] = [json.loads(line) for line in out]
        if len(found) < len(plugins):
            told = err.read().decode(errors="replace").strip()
            ended = told or f"it ends the process with exit code {process.exitcode}"
            error = f"it does not come back within {PATIENCE:g} seconds" if late else ended
            found.append({"error": error, "seconds": PATIENCE if late else 0.0})
        return found


def _tell(probing: Callable[[str, str], _Said], plugins: list[tuple[str, str]], out: BinaryIO, err: BinaryIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(err.fileno(), 2)
    for plugin in plugins:
        out.write(json.dumps(probing(*plugin)).encode() + b"\n")
        out.flush()


def _alone(entry: str, file: str) -> PluginHost:
    files, allowed = ([file], "") if file else ([], entry)
    host = PluginHost.discover(files=files, environ={"QATK_PLUGINS": allowed})
    host.lenient = True
    return host


def probe(entry: str, file: str) -> _Said:
    """Load one plugin, and say what there is to say. Runs in a process of its own."""
    host = _alone(entry, file)
    before, printed, began = set(sys.modules), io.StringIO(), time.perf_counter()
    host.printed = printed
    components = host.components()
    seconds = time.perf_counter() - began
    loaded = set(sys.modules) - before
    plugin = host.plugins[0]  # another one of its name may follow, in quarantine
    return {
        "seconds": seconds,
        "components": [(r.kind, r.name) for r in components],
        "heavy": [name for name in HEAVY if name in loaded],
        "printed": printed.getvalue()[:200],
        "error": plugin.error,
        "reason": plugin.reason,
        "unmarked": {} if plugin.error else unmarked_hooks(_module(host)),
        "others": any(not r.is_built_in for r in components),
        "unusable": [],
    }


def probe_classes(entry: str, file: str) -> _Said:
    """Import the classes of one plugin, and say which cannot be built. Runs in a process of its own."""
    return {"unusable": [(error.what, error.fix or "") for error in _unusable(_alone(entry, file).components())]}


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
