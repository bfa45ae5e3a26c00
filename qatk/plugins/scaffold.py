"""A new plugin as a package that installs, passes its test and is listed as it comes; filled from ``templates/``."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from qatk.errors import UsageError
from qatk.files import is_there, replacing
from qatk.hookspecs import API_VERSION
from qatk.plugins.host import PluginHost
from qatk.plugins.protocols import check_kind

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_plugin(kind: str, name: str, host: PluginHost, out: Path | None = None) -> Path:
    """Write the package of a plugin with one component.

    Args:
        kind: of the component, such as ``decoder``.
        name: its name, in kebab-case.
        host: the plugins that are there: a name that one of them has is refused.
        out: the folder to make; ``qatk-NAME`` here where it is not given.

    Returns:
        The folder, which has ``pyproject.toml``, ``README.md``, the package and ``tests/``.

    Raises:
        UsageError: an unknown kind, a name that cannot be or is taken, or a folder that holds something.
    """
    _check(kind, name, host)
    folder = out or Path(f"qatk-{name}")
    if is_there(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already", fix="name another folder with --out")
    with replacing(folder) as new:
        for path, text in _content(kind, name).items():
            file = new / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return folder


def _check(kind: str, name: str, host: PluginHost) -> None:
    check_kind(kind)
    if not _NAME.fullmatch(name):
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        fix = f"such as {plain}" if _NAME.fullmatch(plain) else "small letters, digits and single hyphens"
        raise UsageError(f"the name {name!r} is not in kebab-case", fix=fix)
    if taken := [r for r in host.components(kind) if r.name == name]:
        raise UsageError(f"there is a {kind} {name!r} already, of plugin {taken[0].plugin}", fix="choose another name")
    known = {*(entry.name for entry in host.entries), *(plugin.name for plugin in host.plugins)}
    if name in known or find_spec(_package(name)):
        raise UsageError(f"there is a plugin {name!r} or a package {_package(name)} already", fix="choose another name")


def _package(name: str) -> str:
    return f"qatk_{name.replace('-', '_')}"


def _content(kind: str, name: str) -> dict[str, str]:
    """Path -> text of every file of the package."""
    package, own = _sections("package"), _sections(kind)
    usages = {way: package.pop(way) for way in ("recipe", "command")}
    way = "command" if "command" in own else "recipe"
    base, _, home = own.get("base", "Options").partition(" from ")
    words = {
        "kind": kind,
        "name": name,
        "key": name.replace("-", "_"),
        "Class": _class(name, kind, own["code"]),
        "package": _package(name),
        "distribution": f"qatk-{name}",
        "version": version("qatk"),
        "api": str(API_VERSION),
        "base": base,
        "imports": "" if home else "Options, ",
        "base_import": f"\nfrom {home} import {base}" if home else "",
        "summary": own["summary"],
        "settings": f" {own['settings']}" if "settings" in own else "",
        "description": f"The {kind} {name} for qatk",
    }
    words |= {part: Template(own[part]).substitute(words) for part in ("options", way)}
    words["usage"] = Template(usages[way]).substitute(words)
    fill = {part: Template(text).substitute(words) for part, text in {**package, **own}.items()}
    folder = words["package"]
    return {
        "pyproject.toml": fill["pyproject.toml"] + "\n",
        "README.md": fill["README.md"] + "\n",
        f"{folder}/__init__.py": fill["init"] + "\n",
        f"{folder}/{kind}.py": fill["code"] + "\n",
        f"tests/test_{words['key']}.py": fill["test"] + "\n",
    }


def _class(name: str, kind: str, code: str) -> str:
    """The name of the class, with the kind where the code imports something of that name."""
    found = name.title().replace("-", "")
    imports = " ".join(re.findall(r"^(?:from|import) .*", code, re.MULTILINE))
    return found + kind.title() if re.search(rf"\b{found}\b", imports) else found


def _sections(name: str) -> dict[str, str]:
    """The parts of a template file: each begins with a line ``=== NAME``."""
    text = files("qatk.plugins").joinpath(f"templates/{name}.txt").read_text("utf-8")
    parts = re.split(r"^=== (\S+)\n", text, flags=re.MULTILINE)[1:]
    return {title: body.strip("\n") for title, body in zip(parts[::2], parts[1::2], strict=True)}
