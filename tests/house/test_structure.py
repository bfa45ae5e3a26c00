"""The shape of the code: imports run one way, and the core knows no plugin."""

from __future__ import annotations

import ast
import io
import re
import tokenize
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


LONGEST_FUNCTION, LONGEST_FILE = 60, 300
"""Lines, those of docstrings and blank ones counted."""
MOST_ANY, MOST_IGNORES = 200, 8
"""Places in the code that say ``Any``, and those that ask mypy to look away, must be fewer than these."""


def test_functions_and_files_stay_short() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    sizes = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in files}
    functions = {
        f"{file.relative_to(ROOT)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(sizes) > 200
    assert len(functions) > 1000
    assert not {name: lines for name, lines in functions.items() if lines > LONGEST_FUNCTION}
    assert not {name: lines for name, lines in sizes.items() if lines > LONGEST_FILE}


def test_any_stays_rare() -> None:
    found = {"Any": 0, "type: ignore": 0}
    for file in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for token in tokenize.generate_tokens(io.StringIO(file.read_text("utf-8")).readline):
            found["Any"] += token.type == tokenize.NAME and token.string == "Any"
            found["type: ignore"] += token.type == tokenize.COMMENT and "type: ignore" in token.string
    assert 0 < found["Any"] < MOST_ANY
    assert 0 < found["type: ignore"] < MOST_IGNORES


PAGE = ROOT / "docs" / "explanation" / "architecture.md"
PUBLISHED = {"api", "types", "results", "display", "data", "evaluation", "files"}
"""Rooms and modules of the core that built-ins may import, each from its front: not from what lies in it."""
HEAVY = {"torch", "transformers", "datasets", "accelerate", "evaluate"}


def arrows(package: str) -> dict[str, set[str]]:
    """Which rooms (or modules) of a package each of them imports; type checking counts."""
    found: dict[str, set[str]] = {}
    for name, wanted in imports(ROOT / package).items():
        rooms = {_room(other) for other in wanted}
        found.setdefault(_room(name), set()).update(rooms - {_room(name), _room(package.rpartition("/")[2])})
    return found


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def drawn() -> dict[str, set[str]]:
    """The arrows in the page's table."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {room: set(re.findall(r"`(\w+)`", into)) for room, into in rows}


def test_the_page_has_the_arrows_between_rooms() -> None:
    found, shown = arrows("qatk"), drawn()
    assert len(shown) > 15
    for room in sorted({*found, *shown} - {"qatk", "__main__"}):
        row = ", ".join(f"`{other}`" for other in sorted(found.get(room, set())))
        assert shown.get(room) == found.get(room), f"{PAGE.name}: the row of `{room}` should end with | {row} |"


def test_no_room_of_the_built_ins_imports_another() -> None:
    found = arrows("plugins/qatk_builtin")
    assert len(found) > 10
    assert not {room: into for room, into in found.items() if into}


def test_built_ins_import_the_core_by_its_front_doors() -> None:
    wanted = {
        (str(file.relative_to(ROOT)), node.module)
        for file in (ROOT / "plugins").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "qatk"
    }
    assert len(wanted) > 50
    allowed = {"qatk", *(f"qatk.{name}" for name in PUBLISHED)}
    assert not {(file, module) for file, module in wanted if module not in allowed}


def test_packages_to_copy_import_what_stays() -> None:
    files = [*(ROOT / "examples" / "plugins").rglob("*.py"), *(ROOT / "qatk" / "plugins" / "templates").glob("*.txt")]
    text = "\n".join(file.read_text("utf-8") for file in files)
    wanted = set(re.findall(r"^ *(?:from|import) (qatk(?:_builtin)?(?:\.\w+)*)(?: |$)", text, re.MULTILINE))
    core = {name for name in wanted if name.split(".")[0] == "qatk"}
    assert len(core) > 1
    assert core <= {"qatk", "qatk.testing", *(f"qatk.{name}" for name in PUBLISHED)}
    built_in = {name for name in wanted - core if name.count(".") > 1}
    assert len(built_in) > 3
    for name in built_in:
        home = ROOT.joinpath("plugins", *name.split(".")).with_suffix(".py")
        promised = [
            ast.get_docstring(ast.parse(f.read_text("utf-8"))) or "" for f in (home, home.parent / "__init__.py")
        ]
        assert any("``QATK_API``" in docstring for docstring in promised), f"{name} says nothing to rely on"


def test_the_core_imports_neither_its_facade_nor_what_is_heavy() -> None:
    files = [file for file in (ROOT / "qatk").rglob("*.py") if "testing" not in file.parts]
    assert len(files) > 80
    for file in files:
        for node in _loaded(ast.parse(file.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for name in names:
                assert name != "qatk.api", f"{file}:{node.lineno}: the core imports its facade"
                assert name.split(".")[0] not in HEAVY, f"{file}:{node.lineno}: the core imports {name}"


def _loaded(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that run: those for type checking only do not."""
    for node in tree.body:
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            yield from (each for each in ast.walk(node) if isinstance(each, ast.Import | ast.ImportFrom))
