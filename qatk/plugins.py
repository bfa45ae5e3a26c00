"""PluginHost: find, block, load, collect and attribute plugins. An instance, passed about; never a global."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pluggy

from qatk import hookspecs
from qatk.admission import check_component, check_module, import_file
from qatk.api import Component, Options
from qatk.errors import PluginError, QatkError, UsageError
from qatk.options import checked_options

GROUP = "qatk"

METHODS = {
    "dataset": ("load",),
    "backbone": ("prepare", "spec", "tokenizer", "encoder", "head_state"),
    "featurizer": ("featurize",),
    "head": ("build",),
    "trainer": ("assemble", "fit", "predict", "save", "load"),
    "decoder": ("decode",),
    "metric": ("score",),
    "slicer": ("masks",),
    "reporter": ("report",),
    "tracker": ("start", "event", "finish"),
}
"""The kinds of component, each with the methods of its protocol in :mod:`qatk.api`. The hook of a kind is
``qatk_<kind>s``."""


@dataclass(frozen=True)
class Plugin:
    """A plugin as found.

    Attributes:
        name: of its entry point, or of its file.
        distribution, version: who brings it.
        target: its module, or its file.
        error: the traceback that put it into quarantine, or ``None``.
        api: the version of qatk's hooks that it is made for.
    """

    name: str
    distribution: str
    version: str
    target: str
    error: str | None = None
    api: int = hookspecs.API_VERSION

    @property
    def reason(self) -> str:
        """Why it is in quarantine, in a line; ``""`` where it is not."""
        lines = (self.error or "").strip().splitlines()
        last = max((k for k, line in enumerate(lines) if not line.startswith(" ")), default=0)
        return "; ".join(line.strip() for line in lines[last:]).removeprefix(f"{PluginError.__module__}.PluginError: ")

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"


@dataclass(frozen=True)
class Registered:
    """A component together with who supplied it."""

    kind: str
    component: Component
    plugin: Plugin

    @property
    def name(self) -> str:
        """The component's name."""
        return self.component.name

    def cls(self) -> type:
        """Import the component's class.

        Raises:
            PluginError: where the import fails or the class lacks a method of its protocol.
        """
        target = self.component.target
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            try:
                target = getattr(importlib.import_module(module), attribute)
            except ImportError as error:
                raise PluginError(f"{self} cannot be imported: {error}", fix=self._what_to_install()) from error
            except AttributeError as error:
                raise PluginError(f"{self}: {module} has no {attribute}") from error
        if missing := [m for m in METHODS[self.kind] if not callable(getattr(target, m, None))]:
            raise PluginError(
                f"{self} lacks {', '.join(f'{m}()' for m in missing)}", fix=f"see qatk.api for {self.kind}s"
            )
        assert isinstance(target, type)
        return target

    def build(self, options: Options) -> Part:
        """A live component: ``Class(options)``."""
        missing = [name for name in self.component.requires if importlib.util.find_spec(name) is None]
        if missing:
            raise PluginError(f"{self} needs {', '.join(missing)}", fix=f"pip install {' '.join(missing)}")
        with Part(self, None).during("construction"):
            return Part(self, self.cls()(options))

    def source_file(self) -> str:
        """Where the component's class is written."""
        return inspect.getsourcefile(self.cls()) or "unknown"

    def _what_to_install(self) -> str:
        return f"pip install {' '.join(self.component.requires)}" if self.component.requires else ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} of plugin {self.plugin}"


@dataclass(frozen=True)
class Part:
    """A live component that knows where it came from."""

    registered: Registered
    instance: Any

    @contextmanager
    def during(self, stage: str) -> Iterator[Any]:
        """Use the component; an exception keeps its type and gets a note of component, plugin and stage."""
        try:
            yield self.instance
        except QatkError:
            raise
        except Exception as error:
            notes = getattr(error, "__notes__", [])
            error.__notes__ = [*notes, f"raised in {self.registered}, during {stage}"]  # add_note is Python 3.11's
            raise


@dataclass
class PluginHost:
    """The plugins of this process, and the components they register.

    Make one with :meth:`discover`. Loading waits until components are asked for.
    """

    entries: Sequence[EntryPoint] = ()
    files: Sequence[str] = ()
    strict: bool = False
    plugins: list[Plugin] = field(default_factory=list, init=False)
    _components: list[Registered] | None = field(default=None, init=False, repr=False)

    @classmethod
    def discover(
        cls,
        *,
        block: Iterable[str] = (),
        files: Iterable[str] = (),
        environ: Mapping[str, str] = os.environ,
    ) -> PluginHost:
        """Find plugins from package metadata, sorted by name; nothing is imported yet.

        Args:
            block: plugins to leave out (``--no-plugin``).
            files: plugin modules without packaging (``--plugin ./file.py``).
            environ: ``QATK_PLUGINS`` is an allow-list (empty: none), ``QATK_STRICT_PLUGINS=1`` makes a broken
                plugin an error at once.
        """
        found = {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value))}
        block = list(block)
        allow = _names(environ["QATK_PLUGINS"]) if "QATK_PLUGINS" in environ else None
        _refuse_unknown(block, found, "--no-plugin")
        _refuse_unknown(allow or [], found, "QATK_PLUGINS")
        kept = [e for name, e in found.items() if name not in block and (allow is None or name in allow)]
        for file in files:
            if not Path(file).is_file():
                raise UsageError(f"there is no plugin file {file}", where="--plugin")
        return cls(kept, list(files), strict=environ.get("QATK_STRICT_PLUGINS", "") not in ("", "0"))

    def components(self, kind: str | None = None) -> list[Registered]:
        """All components, or those of one kind, in the order of plugin and registration."""
        if self._components is None:
            self._components = self._collect()
        return [r for r in self._components if kind in (None, r.kind)]

    def find(self, kind: str, name: str) -> Registered:
        """The component of this name; ``plugin/name`` tells two of the same name apart.

        Raises:
            UsageError: for an unknown or ambiguous name, with a suggestion.
        """
        plugin, _, short = name.rpartition("/")
        candidates = self.components(kind)
        hits = [r for r in candidates if r.name == short and plugin in ("", r.plugin.name)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            owners = " and ".join(str(r.plugin) for r in hits)
            choices = " or ".join(f"{r.plugin.name}/{r.name}" for r in hits)
            raise UsageError(f"two plugins offer the {kind} {short!r}: {owners}", fix=f"write {choices}")
        raise UsageError(f"no {kind} is called {name!r}", fix=self._instead(name, [r.name for r in candidates]))

    def build(self, kind: str, name: str, options: Mapping[str, Any] | Options | None = None) -> Any:
        """A live component from plain options, checked as a recipe's are. For use from Python."""
        registered = self.find(kind, name)
        if not isinstance(options, Options):
            options = checked_options(registered.component, options or {})
        return registered.build(options).instance

    def _instead(self, name: str, known: list[str]) -> str:
        close = get_close_matches(name, known, 1)
        text = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(set(known))) or 'none'}"
        broken = [p for p in self.plugins if p.error]
        if broken:
            text += f"; not loaded: {', '.join(f'{p}: {p.reason}' for p in broken)}"
        return text

    def _collect(self) -> list[Registered]:
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        for entry in self.entries:
            dist = entry.dist
            plugin = Plugin(entry.name, dist.name if dist else "?", dist.version if dist else "?", entry.value)
            self._load(manager, plugin, entry.load)
        for file in self.files:
            plugin = Plugin(Path(file).stem, "file", file, file)
            self._load(manager, plugin, lambda file=file: import_file(file))
        collected: list[Registered] = []
        for plugin in list(self.plugins):
            if plugin.error is None:
                collected += self._collect_from(manager, plugin)
        return collected

    def _load(self, manager: pluggy.PluginManager, plugin: Plugin, load: Any) -> None:
        """Import and register one plugin; whatever it raises puts it, and nothing else, into quarantine."""
        try:
            module = load()
            check_module(module)
            plugin = replace(plugin, api=getattr(module, "QATK_API", 1))
            manager.register(module, plugin.name)
        except Exception as error:
            plugin = self._quarantine(plugin, error)
        self.plugins.append(plugin)

    def _collect_from(self, manager: pluggy.PluginManager, plugin: Plugin) -> list[Registered]:
        collected = []
        try:
            for kind in METHODS:
                for implementation in getattr(manager.hook, f"qatk_{kind}s").get_hookimpls():
                    if implementation.plugin_name == plugin.name:
                        collected += [Registered(kind, check_component(c), plugin) for c in implementation.function()]
        except Exception as error:
            self.plugins[self.plugins.index(plugin)] = self._quarantine(plugin, error)
            return []
        return collected

    def _quarantine(self, plugin: Plugin, error: Exception) -> Plugin:
        if self.strict:
            raise PluginError(f"plugin {plugin} cannot be loaded: {error}", where="QATK_STRICT_PLUGINS") from error
        text = "".join(traceback.format_exception(error))
        return replace(plugin, error=text)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _refuse_unknown(names: Iterable[str], known: Iterable[str], source: str) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            fix = f"did you mean {close[0]!r}?" if close else f"installed: {', '.join(known) or 'none'}"
            raise UsageError(f"no plugin is called {name!r}", where=source, fix=fix)
