"""What a module must be to be let in as a plugin, and what its hooks must return."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from qatk import hookspecs
from qatk.component import Component, Options
from qatk.errors import PluginError, suggest

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith(f"{hookspecs.PROJECT}_"))
"""The names of all hooks."""


def check_module(module: object) -> None:
    """Refuse a plugin that is made for other hooks, or marks a function that is no hook.

    Raises:
        PluginError: with what to do about it.
    """
    made_for, here = getattr(module, "QATK_API", 1), hookspecs.API_VERSION
    if made_for != here:
        newer = isinstance(made_for, int) and made_for > here
        raise PluginError(
            f"it is written for version {made_for} of qatk's hooks, but this qatk has version {here}",
            fix="install a newer qatk" if newer else "install a newer release of the plugin",
        )
    for name in marked_hooks(module):
        if name not in HOOKS:
            raise PluginError(f"there is no hook {name}", fix=suggest(name, HOOKS, ""))


def marked_hooks(module: object) -> list[str]:
    """What is marked with ``hookimpl``."""
    return [n for n in dir(module) if getattr(getattr(module, n), f"{hookspecs.PROJECT}_impl", None) is not None]


def unmarked_hooks(module: object) -> dict[str, str]:
    """Functions that look like hooks and are none, each with what to do: they register nothing, in silence."""
    marked = marked_hooks(module)
    named = [n for n in dir(module) if n.startswith(f"{hookspecs.PROJECT}_") and callable(getattr(module, n))]
    return {
        name: "mark it with @hookimpl" if name in HOOKS else suggest(name, HOOKS, "") or "it is no hook"
        for name in named
        if name not in marked and not isinstance(getattr(module, name), type)
    }


def check_component(component: object) -> Component:
    """What a hook returned, where it is a component that recipes can name. Raises :class:`PluginError`."""
    if not isinstance(component, Component):
        raise PluginError(f"a hook returned {type(component).__name__}, expected qatk.api.Component")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", component.name):
        raise PluginError(f"the component name {component.name!r} is not in kebab-case")
    if not (isinstance(component.options, type) and issubclass(component.options, Options)):
        raise PluginError(f"the options of {component.name!r} are not a subclass of qatk.api.Options")
    if isinstance(component.requires, str) or not all(isinstance(name, str) for name in component.requires):
        raise PluginError(f"what {component.name!r} requires is not a tuple of names of modules")
    if not isinstance(component.waives, Mapping):
        raise PluginError(f"what {component.name!r} waives is not a mapping of promises to reasons")
    return component


def import_file(file: str) -> ModuleType:
    """Import a plugin without packaging; a file of a package as that package's, wherever its folder lies.

    Raises:
        PluginError: it is no Python file, or another package of that name is there.
    """
    path = Path(file).absolute()
    packages = [folder for folder in path.parents if (folder / "__init__.py").is_file()]
    if path.suffix != ".py" or path.parent not in packages:
        return _load(f"qatk_plugin_{path.stem}", Path(file))
    top = path.parent
    while top.parent in packages:
        top = top.parent
    _load_package(top)
    inner = path.relative_to(top.parent).with_suffix("").parts
    return importlib.import_module(".".join(inner).removesuffix(".__init__"))


def name_of_file(file: str) -> str:
    """What a plugin that is a file is called: as its module."""
    path = Path(file).absolute()
    return path.parent.name if path.name == "__init__.py" else path.stem


def _load_package(folder: Path) -> None:
    front = folder / "__init__.py"
    if (there := sys.modules.get(folder.name)) is None:
        _load(folder.name, front, [str(folder)])
    elif Path(there.__file__ or "").absolute() != front:
        what = f"its package is called {folder.name}, as another that is loaded: {there.__file__}"
        raise PluginError(what, fix="rename the folder")


def _load(name: str, file: Path, within: list[str] | None = None) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=within)
    if spec is None or spec.loader is None:
        raise PluginError("its name does not end in .py", fix="name a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where inspect and pickle look for it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module
