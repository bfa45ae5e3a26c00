"""PluginHost: find, block, load, collect and attribute plugins. An instance, passed about; never a global."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any, TextIO, TypeVar

import pluggy

from qatk import hookspecs
from qatk.component import Options
from qatk.errors import PluginError, QatkWarning, UsageError, suggest
from qatk.files import is_there
from qatk.plugins.adapter import Live
from qatk.plugins.options import checked_options
from qatk.plugins.protocols import PROTOCOLS
from qatk.plugins.registered import Plugin, Registered
from qatk.plugins.validation import check_component, check_module, import_file, name_of_file
from qatk.spelling import spelled

GROUP = "qatk"
L = TypeVar("L", bound=Live[object])


@dataclass
class PluginHost:
    """The plugins of this process, and the components they register.

    Make one with :meth:`discover`. Loading waits until components are asked for. A pickled one becomes that of the
    process that reads it, with the same ``block`` and ``files``.

    Attributes:
        entries, files: plugins of packages, and modules without packaging.
        taken: plugins whose name another distribution has; they are put into quarantine.
        block, allow: names of plugins to leave out, and of those alone to let in (``None``: all); plugins that a
            component used to come from count too, see ``Component.formerly``.
        strict: a broken plugin is an error at once.
        lenient: a plugin file that cannot be loaded goes into quarantine too; else it is an error, since it was asked
            for by name.
        printed: where goes what plugins print while they load; standard error by default, for standard output is the
            command's.
    """

    entries: Sequence[EntryPoint] = ()
    files: Sequence[str] = ()
    taken: Sequence[EntryPoint] = ()
    block: Collection[str] = ()
    allow: Collection[str] | None = None
    strict: bool = False
    lenient: bool = False
    printed: TextIO | None = None
    _manager: pluggy.PluginManager = field(init=False, repr=False)
    _found: list[_Found] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._found = [
            *(_Found(_plugin_of(entry), entry.load) for entry in self.entries),
            *(_Found(_plugin_of(entry), partial(_refuse_taken, entry, self.entries)) for entry in self.taken),
            *(
                _Found(Plugin(name_of_file(file), "file", file, file), partial(import_file, file))
                for file in self.files
            ),
        ]

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
        found, taken = _by_name(_entries())
        block = list(block)
        allow = _names(environ["QATK_PLUGINS"]) if "QATK_PLUGINS" in environ else None
        former = _former_names(found.values(), {*block, *(allow or ())} - set(found))
        _refuse_unknown(block, [*found, *former], spelled("block"))
        _refuse_unknown(allow or [], [*found, *former], "QATK_PLUGINS")
        if allow is not None and not former:
            found = {name: entry for name, entry in found.items() if name in allow}
        for file in files:
            if not (is_there(Path(file)) and Path(file).is_file()):
                raise UsageError(f"there is no plugin file {file}", where=spelled("files"))
        return cls(
            [entry for name, entry in found.items() if name not in block],
            list(files),
            [e for e in taken if e.name not in block and (allow is None or e.name in allow)],
            block,
            allow,
            strict=environ.get("QATK_STRICT_PLUGINS", "") not in ("", "0"),
        )

    def __reduce__(self) -> tuple[object, ...]:
        return partial(PluginHost.discover, block=[*self.block], files=[*self.files]), ()

    @property
    def plugins(self) -> list[Plugin]:
        """Those that have been loaded, or could not be."""
        return [found.plugin for found in self._found if found.components is not None]

    def components(self, kind: str | None = None) -> list[Registered]:
        """All components, or those of one kind, in the order of plugin and registration; loads what may have them."""
        for found in self._found:
            if found.components is None and found.may_have(kind):
                self._load(found)
        return [r for found in self._found for r in found.components or () if kind in (None, r.kind)]

    def called(self, name: str, kind: str | None = None) -> list[Registered]:
        """The components of this name, or of this ``plugin/name``; where there are none, those that had it formerly."""
        plugin, _, short = name.rpartition("/")
        known = [r for r in self.components(kind) if not plugin or r.belongs_to([plugin])]
        return [r for r in known if r.name == short] or [r for r in known if r.is_called(short)]

    def find(self, kind: str, name: str) -> Registered:
        """The component of this name, or of this ``plugin/name``.

        Where several plugins offer a name, the name alone means the built-in one, so that installing a plugin changes
        no recipe; the others have to be written as ``plugin/name``.

        Raises:
            UsageError: for an unknown or ambiguous name, with a suggestion.
        """
        hits, short = self.called(name, kind), name.rpartition("/")[2]
        built_in = [r for r in hits if r.is_built_in]
        if len(hits) == 1 or len(built_in) == 1:
            found = (built_in or hits)[0]
            if found.name != short:
                what = f"the {kind} {short!r} is now called {found.name!r}, and this name will go"
                warnings.warn(what, QatkWarning, stacklevel=2)
            return found
        if hits:
            owners = " and ".join(str(r.plugin) for r in hits)
            choices = " or ".join(f"{r.plugin.name}/{r.name}" for r in hits)
            raise UsageError(f"two plugins offer the {kind} {short!r}: {owners}", fix=f"write {choices}")
        raise UsageError(
            f"no {kind} is called {name!r}", fix=self._instead(name, [r.name for r in self.components(kind)])
        )

    def use_of(self, registered: Registered) -> str:
        """What a recipe writes after ``use:`` for a component: its name where that is enough, else ``plugin/name``."""
        others = [r for r in self.components(registered.kind) if r.name == registered.name and r != registered]
        alone = not others or (registered.is_built_in and not any(r.is_built_in for r in others))
        return registered.name if alone else f"{registered.plugin.name}/{registered.name}"

    def build(self, kind: str, name: str, options: Mapping[str, object] | Options | None = None) -> Any:
        """A component from plain options, checked as a recipe's are. For use from Python."""
        return self.live(Live, kind, name, options).component

    def live(self, adapter: type[L], kind: str, name: str, options: Mapping[str, object] | Options | None = None) -> L:
        """As :meth:`build`, behind an adapter of :mod:`qatk.plugins.live`."""
        registered = self.find(kind, name)
        if not isinstance(options, Options):
            options = checked_options(registered.component, options or {}, self)
        return adapter.build(registered, options)

    def live_section(self, adapter: type[L], kind: str, section: Mapping[str, object]) -> L:
        """As :meth:`live`, from a recipe's section: ``use``, and the options beside it."""
        options = {name: value for name, value in section.items() if name != "use"}
        return self.live(adapter, kind, str(section.get("use", "")), options)

    def _instead(self, name: str, known: list[str]) -> str:
        text = suggest(name, known)
        broken = [p for p in self.plugins if p.error]
        if broken:
            text += f"; not loaded: {', '.join(f'{p}: {p.reason}' for p in broken)}"
        return text

    def _lets_in(self, registered: Registered) -> bool:
        from_file = registered.plugin.distribution == "file"
        allowed = self.allow is None or from_file or registered.belongs_to(self.allow)
        return allowed and not registered.belongs_to(self.block)

    def _load(self, found: _Found) -> None:
        """Import and register one plugin; whatever it raises puts it, and nothing else, into quarantine."""
        plugin = found.plugin
        try:
            with redirect_stdout(self.printed or sys.stderr):
                module = found.load()
            check_module(module)
            if any(other.plugin.name == plugin.name for other in self._found[: self._found.index(found)]):
                raise PluginError(f"another plugin is called {plugin.name!r}", fix="give the file another name")
            plugin = replace(plugin, api=getattr(module, "QATK_API", 1))
            self._manager.register(module, plugin.name)
            components = list(self._registered_by(plugin))
        except (Exception, SystemExit) as error:
            plugin, components = self._quarantine(plugin, error), []
        found.plugin, found.components = plugin, [registered for registered in components if self._lets_in(registered)]

    def _registered_by(self, plugin: Plugin) -> Iterator[Registered]:
        for kind in PROTOCOLS:
            for implementation in getattr(self._manager.hook, f"qatk_{kind}s").get_hookimpls():
                if implementation.plugin_name == plugin.name:
                    with redirect_stdout(self.printed or sys.stderr):
                        components = list(implementation.function())
                    yield from (Registered(kind, check_component(c), plugin) for c in components)

    def _quarantine(self, plugin: Plugin, error: Exception | SystemExit) -> Plugin:
        if self.strict:
            raise PluginError(f"plugin {plugin} cannot be loaded: {error}", where="QATK_STRICT_PLUGINS") from error
        broken = replace(plugin, error="".join(traceback.format_exception(error)))
        if plugin.distribution == "file" and not self.lenient:
            what = f"plugin file {plugin.target} cannot be loaded: {broken.reason}"
            raise UsageError(what, fix=f"run qatk --plugin {plugin.target} plugins doctor for the traceback") from error
        return broken


@dataclass(eq=False)
class _Found:
    """A plugin that was found: how to import it, and its components once it is loaded."""

    plugin: Plugin
    load: Callable[[], object]
    components: Sequence[Registered] | None = None

    def may_have(self, kind: str | None) -> bool:
        """Whether it may have components of a kind: a built-in plugin has those alone that it is called after."""
        return kind is None or self.plugin.distribution != "qatk" or self.plugin.name == f"{kind}s"


def _entries() -> Iterator[EntryPoint]:
    """``entry_points(group=GROUP)`` in half the time: distributions without any are not parsed."""
    found = [dist.name for dist in distributions() if f"[{GROUP}]" in (dist.read_text("entry_points.txt") or "")]
    for name in filter(None, dict.fromkeys(found)):  # one that is shadowed on the path counts by what shadows it
        yield from Distribution.from_name(name).entry_points.select(group=GROUP)


def _by_name(entries: Iterable[EntryPoint]) -> tuple[dict[str, EntryPoint], list[EntryPoint]]:
    """The plugins by name, and those whose name another distribution has; qatk's own come first."""
    kept: dict[str, EntryPoint] = {}
    taken = []
    for entry in sorted(entries, key=lambda e: (e.name, _plugin_of(e).distribution != "qatk", str(_plugin_of(e)))):
        if kept.setdefault(entry.name, entry) is not entry:
            taken.append(entry)
    return kept, taken


def _former_names(entries: Iterable[EntryPoint], wanted: Collection[str]) -> set[str]:
    """Those of the wanted names that are of plugins which components used to come from."""
    if not wanted:
        return set()
    return {name for r in PluginHost(list(entries)).components() for name in r.component.formerly if name in wanted}


def _plugin_of(entry: EntryPoint) -> Plugin:
    return Plugin(entry.name, *(_name_and_version(entry.dist) if entry.dist else ("?", "?")), entry.value)


@lru_cache(256)
def _name_and_version(dist: Distribution) -> tuple[str, str]:
    """Read once for all plugins of a distribution: each look at its metadata parses the whole file."""
    metadata = dist.metadata
    return metadata["Name"], metadata["Version"]


def _refuse_taken(entry: EntryPoint, entries: Iterable[EntryPoint]) -> None:
    owner = next((str(_plugin_of(other)) for other in entries if other.name == entry.name), "one that is left out")
    raise PluginError(f"another plugin has its name: {owner}", fix="uninstall one of the two distributions")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _refuse_unknown(names: Iterable[str], known: Iterable[str], source: str) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            fix = suggest(name, known, f"installed: {', '.join(known) or 'none'}")
            raise UsageError(f"no plugin is called {name!r}", where=source, fix=fix)
