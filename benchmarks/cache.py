"""The second run of the same features, from the cache, against making them. Run: python benchmarks/cache.py.

The cached side is all that a run does to have its features a second time, and more: the digest of the examples (which
a run needs anyway), the key with the tokenizer's JSON and the sources, the memory maps, and touching every page of
them, so that nothing is put off. The other side makes the features, on all cores. Both must give the same values.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from common import Row, Timed, mini_or_generated, seconds, speedup, to_examples
from features import minilm
from table import alone

from qatk.api import Features
from qatk.cache import FeatureCache
from qatk.plugins import PluginHost
from qatk.sections import Choice

TARGET = 20


def columns(features: Features) -> dict[str, Any]:
    found = {field.name: getattr(features, field.name) for field in fields(features) if field.name != "counts"}
    return {name: column for name, column in found.items() if column is not None}


def differing(one: Features, other: Features) -> list[str]:
    """The columns that are not the same."""
    ours, theirs = columns(one), columns(other)
    return [name for name in {*ours, *theirs} if not np.array_equal(ours.get(name, ()), theirs.get(name, ()))]


def measure(repetitions: int = 5) -> list[Row]:
    """One row; the entries lie in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".cache-benchmark-") as place:
        return [compare(*mini_or_generated(), repetitions, place)]


def compare(name: str, data: dict[str, Any], repetitions: int, place: str) -> Row:
    """Time both in turn; refuse to report where the cache misses or gives something else."""
    tokenizer, spec = minilm()
    examples = to_examples(data)
    registered = PluginHost.discover(environ={}).find("featurizer", "stride")
    choice = Choice(registered, "stride", registered.component.options())
    featurizer = registered.build(choice.options).instance

    def make() -> Features:
        features: Features = featurizer.featurize(examples, tokenizer, spec, targets=True)
        return features

    def fetch() -> tuple[Features, bool]:
        cache = FeatureCache.of_run(choice, featurizer, tokenizer, spec, {"QATK_CACHE": place})
        features, cached = cache.fetch(make, data=examples.digest(), targets=True)
        for column in columns(features).values():
            column.view(np.uint8)[::4096].max(initial=0)
        return features, cached

    stored, _ = seconds(fetch)
    made_times, cached_times, digest_times = [], [], []
    for _ in range(repetitions):
        took, made = seconds(make)
        made_times.append(took)
        took, (held, cached) = seconds(fetch)
        cached_times.append(took)
        digest_times.append(seconds(examples.digest)[0])
        if not cached or differing(made, held) or made.counts != held.counts:
            raise SystemExit(f"{name}: cached={cached}, and other values in {differing(made, held)}")
    note = (
        f"{sum(column.nbytes for column in columns(made).values()) / 1e6:.0f} MB; the first time, stored too, takes "
        f"{stored * 1000:.0f} ms; of the second, {statistics.median(digest_times) * 1000:.1f} ms are the data's digest."
    )
    ours, theirs = Timed(cached_times, len(examples)), Timed(made_times, len(examples))
    return speedup("features again", name, "questions", ours, theirs, "making them", target=TARGET, note=note)


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=5)
