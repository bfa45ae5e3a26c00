"""Show that an earlier commit and this tree give the same figures: ``python tools/same_figures.py REV``.

The package of REV is built and installed into a temporary folder, and both run the same commands: the quickstart, the
two systems of ``examples/compare``, and a small run that is killed after its first epoch and resumed. Predictions, null
odds and metrics must be equal to the byte, tables of questions in every column that both have; of a comparison, its
figures. At last the packages of REV's ``examples/plugins`` are installed beside this tree and must load.

``--quick`` leaves out the quickstart. Exit code 0: all equal; 1: something differs, and what is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
FILES = ("predictions.json", "null_odds.json", "metrics.json")
SMALL = """
qatk: 1
backbone: {use: tiny, hidden_size: 32, vocab_size: 400}
data:
  train: {use: facts, seed: 1, questions: 300}
  dev: {use: facts, seed: 2, questions: 100}
featurizer: {use: stride, max_length: 96, doc_stride: 32}
trainer: {use: torch, learning_rate: 1e-3, epochs: 3, batch_size: 8, device: cpu}
decoder: {use: min-null, null_threshold: calibrated}
reporters: [{use: markdown}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision")
    parser.add_argument("--quick", action="store_true", help="leave out the quickstart")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qatk-same-") as folder:
        then = Tree(Path(folder) / "then", export(options.revision, Path(folder) / "source"), install=True)
        now = Tree(Path(folder) / "now", ROOT, install=False)
        differences = [*small_runs(then, now), *comparisons(then, now)]
        if not options.quick:
            differences += quickstarts(then, now)
        differences += plugins_that_do_not_load(then.source / "examples" / "plugins", Path(folder) / "plugins")
    for line in differences or [f"the figures of {options.revision} and of this tree are the same"]:
        print(line)
    sys.exit(bool(differences))


def export(revision: str, folder: Path) -> Path:
    """The files of a commit."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "x", "-C", str(folder)], input=archive, check=True)
    return folder


def pip_install(source: Path, target: Path) -> None:
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--upgrade", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)


class Tree:
    """A qatk to run: its sources, and a folder for what its runs write."""

    def __init__(self, place: Path, source: Path, *, install: bool) -> None:
        self.place, self.source = place, source
        place.mkdir()
        paths = [source, source / "plugins"]
        if install:
            pip_install(source, place / "site")
            paths = [place / "site"]
        self.environ = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "QATK_CACHE": "off"}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "qatk", *words]

    def run(self, *words: str) -> str:
        command = self.command(*words)
        done = subprocess.run(command, cwd=self.source, env=self.environ, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(words)} failed in {self.source}:\n{done.stderr}")
        return done.stdout

    def kill_after_first_epoch(self, *words: str, out: Path) -> None:
        command = self.command(*words)
        with subprocess.Popen(command, cwd=self.source, env=self.environ, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not (out / "checkpoints" / "last").exists():
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)


def small_runs(then: Tree, now: Tree) -> list[str]:
    """A small run with two seeds, and one that is killed and resumed."""
    differences = []
    for tree in (then, now):
        (tree.place / "small.yaml").write_text(SMALL)
        words = ["run", str(tree.place / "small.yaml")]
        tree.run(*words, "--out", str(tree.place / "small"))
        tree.run(*words, "--out", str(tree.place / "other"), "--seed", "5")
        resumed = tree.place / "resumed"
        tree.kill_after_first_epoch(*words, "--out", str(resumed), out=resumed)
        tree.run(*words, "--out", str(resumed), "--resume")
        differences += same_run(tree.place / "small", resumed, f"resumed in {tree.source}")
    for name in ("small", "other"):
        differences += same_run(then.place / name, now.place / name, name)
    words = ["compare", "small", "other", "--json", "--draws", "1000"]
    return differences + same_json(*(compared(tree, words) for tree in (then, now)), "compare of two runs")


def compared(tree: Tree, words: list[str]) -> Any:
    places = [str(tree.place / word) if (tree.place / word).exists() else word for word in words]
    return json.loads(tree.run(*places))


def comparisons(then: Tree, now: Tree) -> list[str]:
    words = ["compare", *(f"examples/compare/{name}.json" for name in ("bold", "careful"))]
    words += ["--data", "examples/compare/dev.json", "--json"]
    return same_json(*(json.loads(tree.run(*words)) for tree in (then, now)), "examples/compare")


def quickstarts(then: Tree, now: Tree) -> list[str]:
    for tree in (then, now):
        tree.run("run", "examples/quickstart.yaml", "--out", str(tree.place / "quickstart"))
    return same_run(then.place / "quickstart", now.place / "quickstart", "quickstart")


def same_run(one: Path, other: Path, name: str) -> list[str]:
    """What differs between the files of two run folders."""
    differences = [
        f"{name}: {file} differs" for file in FILES if (one / file).read_bytes() != (other / file).read_bytes()
    ]
    tables = [pq.read_table(folder / "examples.parquet") for folder in (one, other)]
    shared = [column for column in tables[0].column_names if column in tables[1].column_names]
    assert len(shared) > 10
    return differences + [
        f"{name}: column {column} of examples.parquet differs"
        for column in shared
        if not tables[0][column].equals(tables[1][column]) and not _equal_with_nan(tables, column)
    ]


def _equal_with_nan(tables: list[Any], column: str) -> bool:
    return repr(tables[0][column].to_pylist()) == repr(tables[1][column].to_pylist())


def same_json(one: Any, other: Any, name: str) -> list[str]:
    """Where the numbers of two JSON values differ; keys that only one has, and texts, do not count."""
    differences: list[str] = []

    def walk(a: Any, b: Any, place: str) -> None:
        a, b = by_group(a), by_group(b)
        if isinstance(a, dict) and isinstance(b, dict):
            for key in a.keys() & b.keys():
                walk(a[key], b[key], f"{place}.{key}")
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            for i, (left, right) in enumerate(zip(a, b, strict=True)):
                walk(left, right, f"{place}[{i}]")
        elif not isinstance(a, str) and not place.endswith("examples_per_second") and a != b:
            differences.append(f"{place}: {a} became {b}")

    walk(one, other, name)
    return differences


def by_group(value: Any) -> Any:
    """Figures of groups under their names, since their order follows from p."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(row, dict) and {"group", "metric"} <= set(row) for row in value)
    ):
        return {f"{row['group']} {row['metric']}": row for row in value}
    return value


def plugins_that_do_not_load(packages: Path, site: Path) -> list[str]:
    for package in sorted(packages.iterdir()):
        copy = site.with_name("packages") / package.name  # pip writes beside the sources that it builds
        shutil.copytree(package, copy)
        pip_install(copy, site)
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [ROOT, ROOT / "plugins", site]))}
    command = [sys.executable, "-m", "qatk", "plugins", "doctor", "--json"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, cwd=site)
    rows = json.loads(done.stdout)["plugins"]
    ours = [row for row in rows if row["distribution"] != "qatk"]
    missing = len(list(packages.iterdir())) - len(ours)
    lost = [f"{missing} packages of examples/plugins are not found"] if missing else []
    return lost + [
        f"plugin {row['plugin']}: {row['ailments']}" for row in ours if row["ailments"] or not row["components"]
    ]


if __name__ == "__main__":
    main()
