"""The second run of the same features, from the cache, against making them. Run: python benchmarks/cache.py.

The cached side is all that a run does to have its features a second time, and more: the digest of the examples (which
a run needs anyway), the key with the tokenizer's JSON and the sources, the memory maps, and reading every value of
them, so that nothing is put off. The other side makes the features, on all cores. Both must give the same values.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from features import cases, minilm, spread
from scoring import seconds, to_examples

from qatk.api import Features
from qatk.cache import FeatureCache
from qatk.plugins import PluginHost
from qatk.sections import Choice


def columns(features: Features) -> dict[str, Any]:
    found = {field.name: getattr(features, field.name) for field in fields(features) if field.name != "counts"}
    return {name: column for name, column in found.items() if column is not None}


def differing(one: Features, other: Features) -> list[str]:
    """The columns that are not the same."""
    ours, theirs = columns(one), columns(other)
    return [name for name in {*ours, *theirs} if not np.array_equal(ours.get(name, ()), theirs.get(name, ()))]


def compare(name: str, data: dict[str, Any], repetitions: int, place: str) -> dict[str, Any]:
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
            column.sum()
        return features, cached

    first, _ = seconds(fetch)
    times: dict[str, list[float]] = {"made": [], "cached": [], "digest": []}
    for _ in range(repetitions):
        took, made = seconds(make)
        times["made"].append(took)
        took, (held, cached) = seconds(fetch)
        times["cached"].append(took)
        times["digest"].append(seconds(examples.digest)[0])
        if not cached or differing(made, held) or made.counts != held.counts:
            raise SystemExit(f"{name}: cached={cached}, and other values in {differing(made, held)}")
    return {
        "case": name,
        "questions": len(examples),
        "windows": len(made),
        "megabytes": sum(column.nbytes for column in columns(made).values()) / 1e6,
        "first_s": first,
        **{f"{side}_s": statistics.median(took) for side, took in times.items()},
        **spread("ratio", times["made"], times["cached"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".cache-benchmark-") as place:
        table = [compare(name, data, o.repetitions, place) for name, data in cases().items()]
    if o.json:
        versions = {"python": platform.python_version(), "tokenizers": tokenizers.__version__, "cores": os.cpu_count()}
        print(json.dumps({**versions, "rows": table}, indent=1))
        return
    for row in table:
        print(f"{row['case']}: {row['questions']:,} questions, {row['windows']:,} windows, {row['megabytes']:.0f} MB")
        print(f"  {'made':<10}{row['made_s'] * 1000:>8.1f} ms   (made and stored: {row['first_s'] * 1000:.1f} ms)")
        print(f"  {'cached':<10}{row['cached_s'] * 1000:>8.1f} ms   (digest: {row['digest_s'] * 1000:.1f} ms)")
        print(f"  {row['ratio']:.1f} times as fast ({row['ratio_least']:.1f} to {row['ratio_most']:.1f})")


if __name__ == "__main__":
    main()
