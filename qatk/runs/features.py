"""The second stage: examples become windows, made anew or out of the cache."""

from __future__ import annotations

from qatk.runs.context import Context, Data, Windows
from qatk.runs.feature_cache import FeatureCache
from qatk.types import Examples, Features


def make_features(context: Context, data: Data) -> Windows:
    """The windows of all splits; those for training only where training is not completed yet."""
    parts = context.parts
    tokenizer, spec = parts.backbone.prepare(data.train)
    with context.stages.stage("features") as counts:
        choice = context.recipe.one("featurizer")
        assert choice is not None
        cache = FeatureCache.of_run(choice, parts.featurizer.cacheable, tokenizer, spec)

        def featurize(split: str, examples: Examples) -> Features:
            with parts.featurizer.during(f"featurizing of {split}"):
                features, cached = cache.fetch(
                    lambda: parts.featurizer.featurize(examples, tokenizer, spec, split=split),
                    data=context.folder.manifest.data[split].digest,
                    targets=split == "train",
                )
            if parts.retriever is not None and split != "train":
                features = parts.retriever.chosen(examples, features)
            sizes = {"windows": len(features), "tokens": len(features.input_ids), "cached": int(cached)}
            counts.groups[split] = {**sizes, **features.counts}
            return features

        train = None if data.train is None or context.folder.done("train") else featurize("train", data.train)
        dev = featurize("dev", data.dev)
        return Windows(train, dev, spec, {name: featurize(name, examples) for name, examples in data.sets.items()})
