"""What the packages import is what ``pyproject.toml`` declares, each with the lowest release that works."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import metadata, packages_distributions
from pathlib import Path

import requirements  # of tools/
from repository import ROOT

OF_PYTEST = {"pytest", "tomli"}
"""Only the plugin of pytest imports these, which only pytest imports, and on Python 3.10 pytest needs tomli itself."""
ADAPTED = {"haystack": "haystack-ai", "langchain_core": "langchain-core", "llama_index": "llama-index-core"}
"""Packages that qatk answers into, which only its adapters import and no test has: ``tools/try_adapters.py`` does."""
DATA = {"sudachidict-small"}
"""What another package reads, and no code of ours imports."""
EXTRAS = (
    "align",
    "japanese",
    "llm",
    "lora",
    "mlflow",
    "onnx",
    "openvino",
    "passages",
    "sentences",
    "serve",
    "tensorboard",
    "ray",
    "slurm",
    "thai",
    "wandb",
)
IMPORTED_BY_TORCH = {"onnxscript", "tensorboard"}
"""torch.onnx writes graphs with it, and torch.utils.tensorboard event files."""
BY_HAND = {"s3fs", "trackio"}
"""What brings so much that no test has it: ``tools/try_s3fs.py`` and ``tools/try_trackio.py`` try it."""
INTERNAL = {"QATK_API", "QATK_COMPLETE", "QATK_EVENTS", "QATK_LAUNCHED"}
"""Names in the code that are no variables for users."""
NOT_RUN = {"_typeshed"}
"""Only for types."""


def imported(file: Path) -> set[str]:
    """The packages of others that a file imports, anywhere in it."""
    names = set[str]()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"qatk", "qatk_builtin"} - NOT_RUN


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    files = [path for folder in ("qatk", "plugins/qatk_builtin") for path in (ROOT / folder).rglob("*.py")]
    found = set[str]()
    for file in files:
        apart = set(ADAPTED) if file.parent.name == "adapters" else set[str]()
        found |= imported(file) - (OF_PYTEST if file.name == "pytest_plugin.py" else apart) - BY_HAND
    homes = packages_distributions()
    names = {normal(name) for package in found for name in homes[package]}
    assert len(found) > 15
    declared = [name for of in ("dependencies", *EXTRAS) for name in requirements.bounds(of)]
    assert names == {normal(name) for name in declared} - IMPORTED_BY_TORCH - DATA


def test_what_is_tried_by_hand_is_an_extra() -> None:
    for name in BY_HAND:
        assert set(requirements.bounds(name)) == {name}
        assert (ROOT / "tools" / f"try_{name}.py").exists()


def test_what_is_adapted_to_is_an_extra() -> None:
    found = set[str]().union(*(imported(file) for file in (ROOT / "qatk" / "adapters").glob("*.py")))
    assert found >= set(ADAPTED)
    assert set(requirements.bounds("adapters")) == set(ADAPTED.values())


def test_the_page_on_installing_names_every_extra_and_variable() -> None:
    page = (ROOT / "docs" / "how-to" / "install.md").read_text("utf-8")
    rows = {name for row in re.findall(r"^\| (`.+?) \|", page, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}
    extras = metadata("qatk").get_all("Provides-Extra") or []
    assert {name for name in rows if name.islower()} == set(extras) - {"dev", "docs"}
    code = "".join(path.read_text("utf-8") for path in (ROOT / "qatk").rglob("*.py"))
    known = set(re.findall(r"\bQATK_[A-Z_]+\b", code)) - INTERNAL
    assert {name for name in rows if name.startswith("QATK_")} == known


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def test_the_bounds_are_printed_for_pip() -> None:
    lowest, light = requirements.requirements("lowest"), requirements.requirements("light")
    assert f"numpy=={requirements.bounds()['numpy']}" in lowest
    assert f"numpy>={requirements.bounds()['numpy']}" in light
    assert not [line for line in (*lowest, *light) if line.startswith("torch")]
    assert [line for line in lowest if line.startswith("accelerate==")]
    assert f"fastapi=={requirements.bounds('serve')['fastapi']}" in lowest
    assert not [line for line in light if line.startswith("accelerate")]
