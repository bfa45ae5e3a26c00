"""Checking a data set: ``qatk data check`` of a file, reading included. Run: python benchmarks/checking.py.

The questions are those of the seeded generator, in a SQuAD file and as JSON Lines. ``datasets`` has no such checks: it
reads the same rows and goes through them once, which is what any check of one's own would begin with.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from common import Row, Timed, alternate, duration, figure
from table import alone

from qatk.data import check, save
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset
from qatk.types import Examples, RawExamples

QUESTIONS, MOST = 100_000, 10.0
"""Questions, and the seconds that they may take on two cores."""


def measure(repetitions: int = 3) -> list[Row]:
    """A row for the check alone, against a training set of the same size, and beside plain reading."""
    host = PluginHost.discover()
    sets = [made(host, seed) for seed in (1, 2)]
    case = f"facts, {QUESTIONS:,} questions"
    with tempfile.TemporaryDirectory() as folder:
        dev, train, rows = (Path(folder) / name for name in ("dev.json", "train.json", "dev.jsonl"))
        for examples, path in ((sets[0], dev), (sets[1], train), (sets[0], rows)):
            save(examples, path)
        times = alternate(
            {
                "check": lambda: check(raw(host, dev)),
                "against": lambda: check(raw(host, dev), raw(host, train)),
                "datasets": lambda: through(rows, folder),
            },
            repetitions,
        )
    timed = {name: Timed(seconds, QUESTIONS) for name, seconds in times.items()}
    return [
        figure("data check", case, "s", times["check"], target=MOST, note="a SQuAD file, read and checked."),
        figure("data check --against", f"{case} of each", "s", times["against"], note="both files read."),
        duration("data check", case, timed["check"], timed["datasets"], "datasets, reading the rows alone"),
    ]


def made(host: PluginHost, seed: int) -> Examples:
    """Generated questions, with ids that no other seed has."""
    options = {"questions": QUESTIONS, "seed": seed}
    examples = host.live(LiveDataset, "dataset", "facts", options).load()
    return replace(examples, id=[f"{seed}-{name}" for name in examples.id])


def raw(host: PluginHost, path: Path) -> RawExamples:
    return host.live(LiveDataset, "dataset", "squad", {"path": str(path)}).raw()


def through(path: Path, folder: str) -> int:
    """All rows of the file, as ``datasets`` gives them."""
    import datasets

    cache = tempfile.mkdtemp(dir=folder)
    found = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=cache)
    return sum(len(row["answers"]["text"]) for row in found)


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=3)
