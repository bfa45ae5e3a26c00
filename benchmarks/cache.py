"""The second run of the same features, from the cache, against making them. Run: python benchmarks/cache.py.

The cached side is all that a run does to have its features a second time: the key with the tokenizer's JSON and the
sources, the memory maps, and touching every page of them, so that nothing is put off. The other sides are making the
features, on all cores, and the first run, which stores them too. All must give the same values.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import Row, Timed, mini_or_generated, seconds, speedup, to_examples
from features import minilm
from table import alone

from qatk.api import Features
from qatk.plugins.host import PluginHost
from qatk.recipes.sections import Choice
from qatk.runs.feature_cache import FeatureCache

TARGET = 20


def columns(features: Features) -> dict[str, Any]:
    found = {field.name: getattr(features, field.name) for field in fields(features) if field.name != "counts"}
    return {name: column for name, column in found.items() if column is not None}


def differing(one: Features, other: Features) -> list[str]:
    """The columns that are not the same."""
    ours, theirs = columns(one), columns(other)
    return [name for name in {*ours, *theirs} if not np.array_equal(ours.get(name, ()), theirs.get(name, ()))]


def measure(repetitions: int = 5) -> list[Row]:
    """Two rows; the entries lie in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".cache-benchmark-") as place:
        return compare(*mini_or_generated(), repetitions, place)


def compare(name: str, data: dict[str, Any], repetitions: int, place: str) -> list[Row]:
    """Time both in turn; refuse to report where the cache misses or gives something else."""
    tokenizer, spec = minilm()
    examples = to_examples(data)
    registered = PluginHost.discover(environ={}).find("featurizer", "stride")
    choice = Choice(registered, "stride", registered.component.options())
    featurizer = registered.build(choice.options)

    data_digest = examples.digest()

    def make() -> Features:
        features: Features = featurizer.featurize(examples, tokenizer, spec, targets=True)
        return features

    def fetch(folder: str) -> tuple[Features, bool]:
        cache = FeatureCache.of_run(choice, featurizer, tokenizer, spec, {"QATK_CACHE": folder})
        features, cached = cache.fetch(make, data=data_digest, targets=True)
        for column in columns(features).values():
            column.view(np.uint8)[::4096].max(initial=0)
        return features, cached

    fetch(f"{place}/warm-up")
    times: dict[str, list[float]] = {"made": [], "first": [], "second": [], "digest": []}
    for repetition in range(repetitions):
        folder = f"{place}/{repetition}"
        for side, work in (
            ("made", make),
            ("first", partial(fetch, folder)),
            ("second", partial(fetch, folder)),
            ("digest", examples.digest),
        ):
            took, found = seconds(work)
            times[side].append(took)
            if side == "made":
                made = found
            elif side != "digest" and (found[1] != (side == "second") or differing(made, found[0])):
                raise SystemExit(f"{name}: {side} run, cached={found[1]}; other values in {differing(made, found[0])}")
    size = sum(column.nbytes for column in columns(made).values()) / 1e6
    note = (
        f"{size:.0f} MB; of the second run, {statistics.median(times['digest']) * 1000:.1f} ms are the data's digest."
    )
    first, second, alone = (Timed(times[side], len(examples)) for side in ("first", "second", "made"))
    what, unit = "features, second run", "questions"
    return [
        speedup(what, name, unit, second, alone, "making them", target=TARGET, note=note),
        speedup(what, name, unit, second, first, "the first run: made and stored"),
    ]


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=5)
