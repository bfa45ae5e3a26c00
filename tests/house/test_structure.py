"""The shape of the code: imports run one way, and the core knows no plugin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from repository import ROOT

PACKAGES = ("qatk", "plugins/qatk_builtin")


def imports(root: Path) -> dict[str, set[str]]:
    """What each module below a package imports of that package: on loading, within functions and for types alike."""
    modules = {_name(file, root): file for file in root.rglob("*.py")}
    return {
        name: {found for wanted in _imported(file) if (found := _nearest(wanted, modules)) is not None} - {name}
        for name, file in modules.items()
    }


def _name(file: Path, root: Path) -> str:
    return ".".join(file.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _nearest(wanted: str, modules: dict[str, Path]) -> str | None:
    """A module, or the one that a name is of."""
    return next((name for name in (wanted, wanted.rpartition(".")[0]) if name in modules), None)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    found = imports(ROOT / package)
    assert sum(map(len, found.values())) > 100
    TopologicalSorter(found).prepare()


def test_a_circle_is_found(tmp_path: Path) -> None:
    package = tmp_path / "round"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from round.two import go\n")
    (package / "two.py").write_text("def go():\n    from round import one\n    return one\n")
    with pytest.raises(CycleError):
        TopologicalSorter(imports(package)).prepare()


def test_the_core_imports_no_plugin() -> None:
    wanted = {name for file in (ROOT / "qatk").rglob("*.py") for name in _imported(file)}
    assert not {name for name in wanted if name.startswith("qatk_builtin")}
