"""Every public name of the packages that users and plugin authors import has a docstring, and so have its methods."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from repository import ROOT

PACKAGES = ("api", "types", "results", "evaluation", "data", "files", "display")
PUBLIC = ["qatk", *(f"qatk.{name}" for name in PACKAGES)]


@cache
def tree_of(module: str) -> ast.Module | None:
    """The source of a module; ``None`` if there is no such module."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text("utf-8")) if file.exists() else None


def text_of(node: ast.AST) -> str:
    """A string that stands alone as a statement, or nothing."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return node.value.value if is_text else ""  # type: ignore[attr-defined]


def assigned(node: ast.stmt) -> set[str]:
    """The names that a statement assigns."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {found.id for target in targets for found in ast.walk(target) if isinstance(found, ast.Name)}


def undocumented(body: Sequence[ast.stmt], owner: str) -> Iterator[str]:
    """The public functions, classes and methods without a docstring."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            overloaded = any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list)
            if not ast.get_docstring(node) and not overloaded:
                yield f"{owner}.{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node.body, f"{owner}.{node.name}")


def lacking(module: str, name: str) -> list[str]:
    """What lacks a docstring of a name, wherever a module imports it from: the name, or methods of it."""
    tree = tree_of(module)
    assert tree is not None
    for node, after in zip(tree.body, [*tree.body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return list(undocumented([node], module))
        if name in assigned(node):
            return [] if text_of(after) else [f"{module}.{name}"]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            inner = tree_of(f"{node.module}.{name}")
            if inner is not None:
                return [] if ast.get_docstring(inner) else [f"{node.module}.{name}"]
            return lacking(str(node.module), name)
    raise AssertionError(f"{module} does not define {name}")


def names_of(module: str) -> list[str]:
    """Its ``__all__``, or what it defines in public."""
    tree = tree_of(module)
    assert tree is not None
    for node in tree.body:
        if "__all__" in assigned(node):
            return [str(name) for name in ast.literal_eval(node.value)]  # type: ignore[attr-defined]
    defined = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return [name for name in (*defined, *(n for node in tree.body for n in assigned(node))) if not name.startswith("_")]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_has_a_docstring(module: str) -> None:
    names = names_of(module)
    assert len(names) >= 5
    tree = tree_of(module)
    assert tree is not None
    assert ast.get_docstring(tree)
    assert [found for name in names for found in lacking(module, name)] == []


@pytest.mark.parametrize("folder", ["qatk", "plugins/qatk_builtin"])
def test_every_module_class_and_function_of_every_room_has_a_docstring(folder: str) -> None:
    found = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        name, tree = str(file.relative_to(ROOT)), ast.parse(file.read_text("utf-8"))
        found += [] if ast.get_docstring(tree) else [name]
        found += undocumented(tree.body, name)
    assert found == []


def test_what_lacks_a_docstring_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bare.py").write_text('class A:\n    "Said."\n    def b(self): ...\n\nC = 1\nD, E = 1, 2\n"Both."\n')
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert sorted(names_of("bare")) == ["A", "C", "D", "E"]
    assert [found for name in "ACDE" for found in lacking("bare", name)] == ["bare.A.b", "bare.C"]
