"""Plant small faults in qatk and see which of them the tests catch: ``python tools/mutants.py --number 150``.

Cosmic Ray makes the mutants, of which a seed draws some. Each is written into a copy of the repository, where the tests
of its room run, forked from a process that has loaded the libraries. Prints what became of each, and a table. Survivors
that ``explained_mutants.yaml`` explains are counted apart.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from commands import call  # noqa: E402

HTML, TORCH = "plugins/qatk_builtin/reporters/html", "plugins/qatk_builtin/trainers/pytorch"
ROOMS = {
    "decoding": (
        ["plugins/qatk_builtin/decoders/*.py", "qatk/runs/decoding.py"],
        ["tests/builtin/decoders", "tests/runs/test_fitted_decoder.py"],
    ),
    "scoring": (["qatk/evaluation/*.py"], ["tests/evaluation", "tests/builtin/metrics", "tests/data/test_audit.py"]),
    "statistics": (["qatk/statistics/*.py"], ["tests/statistics", "tests/comparison"]),
    "training": ([f"{TORCH}/[!p]*.py"], ["tests/builtin/trainers"]),
    "cache": (
        ["qatk/runs/feature_cache.py"],
        ["tests/runs/test_feature_cache.py", "tests/runs/test_feature_cache_key.py"],
    ),
    "store": (
        ["qatk/run_folder/*.py", "qatk/files/*.py"],
        [
            *("tests/run_folder", "tests/test_files.py", "tests/runs/test_fitted_decoder.py"),
            *("tests/builtin/datasets/test_streams.py", "tests/inference/test_predict.py"),
        ],
    ),
    "packing": ([f"{TORCH}/packing.py", f"{HTML}/packing.py"], ["tests/builtin/trainers", "tests/builtin/reporters"]),
    "page": (
        [f"{HTML}/*.py"],
        [f"tests/builtin/reporters/test_{name}.py" for name in ("packing", "html", "html_browser")],
    ),
}
"""By room the files that are changed, and the tests that have to notice."""


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    file: str
    operator: str
    occurrence: int


def mutants(file: str, root: Path = ROOT) -> Iterator[Mutant]:
    """Every change that Cosmic Ray knows for a file; those within annotations, which nothing runs, are left out."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    source = (root / file).read_text("utf-8")
    idle, nodes = annotations(source), list(ast_nodes(get_ast(source)))
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments() or name == "core/NoOp":
            continue
        positions = [position for node in nodes for position in operator().mutation_positions(node)]
        for occurrence, (start, _) in enumerate(positions):
            if not any(first <= start < last for first, last in idle):
                yield Mutant(file, name, occurrence)


def annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations begin and end: line and column."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(part, ast.expr):
                end = part.end_lineno or part.lineno, part.end_col_offset or 0
                found.append(((part.lineno, part.col_offset), end))
    return found


@cache
def explanations() -> dict[tuple[str, str], str]:
    """Why a change of a line, as it was and as it is, can be seen by nobody."""
    import yaml

    listed = yaml.safe_load((ROOT / "tools" / "explained_mutants.yaml").read_text("utf-8"))
    return {(one["was"], one["is"]): one["why"] for one in listed}


def explained(difference: str) -> str:
    """Why a survivor changes nothing, if that is known."""
    lines = [line for line in difference.splitlines() if not line.startswith(("+++", "---", "@@"))]
    was, now = ([line[1:].strip() for line in lines if line[:1] == sign] for sign in "-+")
    return explanations().get((" ".join(was), " ".join(now)), "")


def copy(folder: Path) -> None:
    """What git knows of the repository, as it lies there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def nearest_first(file: str, tests: list[str]) -> list[str]:
    """The tests of a room, before them once more those that are named after a file: they most likely notice."""
    found = [path for path in tests if path.endswith(".py")]
    found += [str(path.relative_to(ROOT)) for folder in tests for path in sorted((ROOT / folder).rglob("test_*.py"))]
    stem = Path(file).stem.strip("_")
    return [*(path for path in found if stem in Path(path).stem), *tests]


def passes(folder: Path, tests: list[str], seconds: float) -> bool:
    """Whether the tests pass in a copy."""
    words = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", "--assert=plain", "--tb=no", "--no-header"]
    try:
        places = [folder, folder / "plugins"]
        done = call("pytest", *words, *tests, cwd=folder, paths=places, timeout=seconds, CI="true")
    except TimeoutError:
        return False
    return done.returncode == 0


def survives(mutant: Mutant, folder: Path, tests: list[str], seconds: float) -> str:
    """The change, where no test noticed it."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    source = (folder / mutant.file).read_text("utf-8")
    changed = mutate_code(source, get_operator(mutant.operator)(), mutant.occurrence)
    (folder / mutant.file).write_text(changed, "utf-8")
    try:
        if not passes(folder, nearest_first(mutant.file, tests), seconds):
            return ""
    finally:
        (folder / mutant.file).write_text(source, "utf-8")
    lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), mutant.file, mutant.file, lineterm="", n=0)
    return "\n".join(list(lines)[1:])


def main() -> None:
    """Draw, run, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", choices=[*ROOMS, []], help="which rooms; all of them if none is named")
    parser.add_argument("--number", type=int, default=150, help="how many mutants in all, the same number a room")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"  # for the process that loads the libraries, before any test says so
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # two mutants of a second and a size would share one file of it
    rooms = asked.rooms or list(ROOMS)
    rows = ["| room | mutants | killed | explained | survived |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        copy(folder)
        for room in rooms:
            patterns, tests = ROOMS[room]
            files = sorted({str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern)})
            found = [mutant for file in files for mutant in mutants(file, folder)]
            drawn = random.Random(f"{asked.seed} {room}").sample(found, min(len(found), asked.number // len(rooms)))
            began = time.monotonic()
            assert passes(folder, tests, 3600), f"the tests of {room} fail without a fault"
            patience = 30 + 5 * (time.monotonic() - began)
            lived, known = 0, 0
            for mutant in drawn:
                said = survives(mutant, folder, tests, patience)
                why = explained(said) if said else ""
                lived, known = lived + bool(said), known + bool(why)
                print(f"{said}\nexplained: {why}" if why else said or f"killed: {mutant}", flush=True)
            killed = len(drawn) - lived
            rows.append(f"| {room} | {len(drawn)} of {len(found):,} | {killed} | {known} | {lived - known} |")
            print(rows[-1], flush=True)
    print("\n".join(rows))


if __name__ == "__main__":
    main()
