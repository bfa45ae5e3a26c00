"""Components as they are found, with the plugins that supply them."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from qatk import hookspecs
from qatk.component import Component, Options
from qatk.errors import PluginError
from qatk.plugins.attribution import attributed
from qatk.plugins.protocols import required_methods


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

    @property
    def is_built_in(self) -> bool:
        """Whether qatk itself supplies it; its name alone always means it, see :meth:`PluginHost.find`."""
        return self.plugin.distribution == "qatk"

    def is_called(self, name: str) -> bool:
        """Whether this is its name, or was."""
        return name == self.name or name in self.component.former_names

    def belongs_to(self, plugins: Collection[str]) -> bool:
        """Whether its plugin, or one that it used to come from, is among these."""
        return self.plugin.name in plugins or any(name in plugins for name in self.component.formerly)

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
                fix = self._what_to_install(self.component.requires)
                raise PluginError(f"{self} cannot be imported: {error}", fix=fix) from error
            except AttributeError as error:
                raise PluginError(f"{self}: {module} has no {attribute}") from error
            except (Exception, SystemExit) as error:
                raise PluginError(f"{self} cannot be imported: {error!r}") from error
        if not isinstance(target, type):
            raise PluginError(f"{self}: its target is no class but an object of type {type(target).__name__}")
        if missing := [m for m in required_methods(self.kind) if not callable(getattr(target, m, None))]:
            raise PluginError(
                f"{self} lacks {', '.join(f'{m}()' for m in missing)}", fix=f"see qatk.api for {self.kind}s"
            )
        return target

    def build(self, options: Options) -> Any:
        """A component: ``Class(options)``. The core uses it through an adapter of :mod:`qatk.plugins.live`."""
        cls = self.usable()
        with attributed(self, "construction"):
            return cls(options)

    def usable(self) -> type:
        """Its class, where all that it requires is installed and it can be imported. Raises :class:`PluginError`."""
        if missing := [name for name in self.component.requires if not _is_installed(name)]:
            raise PluginError(f"{self} needs {', '.join(missing)}", fix=self._what_to_install(missing))
        with attributed(self, "import"):
            return self.cls()

    def source_file(self) -> str:
        """Where the component's class is written."""
        return inspect.getsourcefile(self.cls()) or "unknown"

    def _what_to_install(self, modules: Collection[str]) -> str:
        wanted = f"'{self.component.extra}'" if self.component.extra else " ".join(modules)
        return f"pip install {wanted}" if modules else ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} of plugin {self.plugin}"


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # of a module inside of a package that is not there
        return False
