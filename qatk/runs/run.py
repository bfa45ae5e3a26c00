"""A run: the stages in order, from data to report."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from qatk.calibration.calibrate import calibrate, write_calibration
from qatk.errors import DataError, QatkWarning, RunFolderError
from qatk.evaluation.metrics import judge
from qatk.evaluation.reachability import find_reach
from qatk.files import write_atomically, write_json
from qatk.plugins.attribution import blaming
from qatk.plugins.host import PluginHost
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.registered import Part, expect
from qatk.recipes.compose import Pipeline, compose
from qatk.recipes.recipe import Recipe, load_recipe
from qatk.results.evaluation import Evaluation
from qatk.results.run import RunResult
from qatk.run_folder.examples_table import write_examples
from qatk.run_folder.folder import MANIFEST, RunFolder, follow, is_first_process, read_manifest
from qatk.run_folder.load import load_run, stage_times
from qatk.run_folder.manifest import check_suppliers, describe_components, describe_machine
from qatk.runs.feature_cache import FeatureCache
from qatk.runs.prediction import decode
from qatk.runs.stages import Stages
from qatk.runs.trackers import Trackers
from qatk.runs.training import Training
from qatk.types import Examples, Features, SpanScores


def run(
    recipe: str | Path | Recipe,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    limit: int | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
    host: PluginHost | None = None,
    console: Console | None = None,
) -> RunResult:
    """Train and evaluate what a recipe says, and report.

    Args:
        recipe: the path of a recipe, or a checked one (then ``seed`` and ``settings`` do not apply).
        out: the run folder; ``runs/<name of the recipe>`` where it is not given.
        resume: go on with the run in that folder; stages that it completed are skipped.
        limit: use only the first so many questions of each split.
        seed: in place of the recipe's.
        settings: ``KEY=VALUE`` texts, as of ``--set``.
        host: the plugins to use.
        console: where reporters write; ``None`` writes nowhere.

    Raises:
        QatkError: one of its kinds, for everything that a user can mend.
    """
    if not isinstance(recipe, Recipe):
        host = host or PluginHost.discover()
        if resume:
            _check_suppliers(Path(out or Path("runs") / Path(recipe).stem), host)
        settings = [*settings, *([f"seed={seed}"] if seed is not None else [])]
        recipe = load_recipe(recipe, host, settings)
    pipeline = compose(recipe)
    path = Path(out or Path("runs") / recipe.name)
    identity = recipe.identity(limit)
    with ExitStack() as stack:
        if is_first_process():
            folder = RunFolder.open(path, identity, resume=resume)
        else:
            folder = stack.enter_context(follow(path, identity))
            pipeline = replace(pipeline, reporters=[], trackers=[])
        with blaming([part.registered for part in pipeline.parts()]):
            return _Run(recipe, pipeline, folder, limit).execute(console or Console(quiet=True))


def _check_suppliers(path: Path, host: PluginHost) -> None:
    """Refuse to go on with a run where a plugin of it is missing, before the recipe is: it would call it unknown."""
    if (path / MANIFEST).exists():
        check_suppliers(read_manifest(path).get("components", ()), host, str(path))


class _Run:
    """One execution. What a stage needs of an earlier one is passed on, or read back from the folder."""

    def __init__(self, recipe: Recipe, parts: Pipeline, folder: RunFolder, limit: int | None) -> None:
        self.recipe, self.parts, self.folder, self.limit = recipe, parts, folder, limit
        self.stages = Stages(folder)
        self.trackers = Trackers(parts.trackers)

    def execute(self, console: Console) -> RunResult:
        splits = self._load_data()
        if not self.folder.done("score"):
            self._start()
            self._train_and_predict(splits.get("train"), splits["dev"])
        else:
            self.stages.skip("features", "train", "predict", "score")
        result = load_run(self.folder.path)
        result = replace(result, stages=stage_times(self.folder.manifest, self.stages.executed))
        if "score" in self.stages.executed:
            self.trackers.tell("finish", result)
        for reporter in self.parts.reporters:
            with reporter.during("reporting") as instance:
                instance.report(result, self.folder.path, console)
        return result

    def _load_data(self) -> dict[str, Examples]:
        parts = {"train": self.parts.train, "dev": self.parts.dev}
        with self.stages.stage("data") as counts:
            splits = {name: self._load_split(name, part) for name, part in parts.items() if part is not None}
            for name, examples in splits.items():
                counts |= {f"{name}_questions": len(examples), f"{name}_contexts": len(examples.context)}
            self._compare_data({name: _describe(examples) for name, examples in splits.items()})
        return splits

    def _load_split(self, name: str, part: Part) -> Examples:
        with part.during("load") as dataset:
            examples: Examples = expect(dataset.load(), Examples)
        if self.limit is not None:
            examples = examples.take(range(min(self.limit, len(examples))))
        if not len(examples):
            raise DataError(
                f"the {name} data holds no questions", where=f"data.{name}", fix="name another file or split"
            )
        if not examples.has_gold:
            raise DataError(f"the {name} data has no gold answers", where=f"data.{name}", fix="a run trains and scores")
        return examples

    def _compare_data(self, described: dict[str, Any]) -> None:
        held = self.folder.manifest.setdefault("data", described)
        if changed := [name for name in described if held.get(name) != described[name]]:
            what = f"the {' and '.join(changed)} data changed since {self.folder.path} was begun"
            raise RunFolderError(what, fix="name another folder with --out")

    def _start(self) -> None:
        """Write down what is about to run, before anything long."""
        components = describe_components(self.recipe)
        self.folder.manifest |= {
            "name": self.recipe.name,
            "recipe": self.recipe.filled(),
            "components": components,
            "machine": describe_machine({c["distribution"] for c in components}),
        }
        write_atomically(self.folder / "recipe.yaml", self.recipe.text)
        self.folder.save()
        self.trackers.tell("start", self.folder.manifest, self.folder.path)

    def _train_and_predict(self, train_examples: Examples | None, dev: Examples) -> None:
        to_train = train_examples is not None and not self.folder.done("train")
        with self.parts.backbone.during("preparation") as backbone:
            backbone.prepare(train_examples)
            tokenizer, spec = backbone.tokenizer(), expect(backbone.spec(), BackboneSpec)
        with self.stages.stage("features") as counts:
            featurize = partial(self._featurize, self._cache(tokenizer, spec), counts, tokenizer, spec)
            train_features = featurize("train", train_examples) if to_train else None
            dev_features = featurize("dev", dev)
        with self.parts.trainer.during("assembly") as trainer:
            model = trainer.assemble(backbone, self.parts.head.instance, seed=self.recipe.seed)
            if describe := getattr(trainer, "describe", None):
                self.folder.manifest["model"] = described = describe(model)
                if train_examples is None and described.get("head") == "untrained":
                    what = "the head is untrained, and the recipe has no data.train: answers will be random"
                    warnings.warn(f"{what}; name a model with such a head, or training data", QatkWarning, stacklevel=2)
        if train_features is not None:
            training = Training(self.recipe, self.parts, self.folder, self.trackers, dev, dev_features)
            training.run(model, train_features, self.stages)
        elif train_examples is not None:
            self.stages.skip("train")
            trainer.load(model, self.folder / "model")
        self._predict(model, dev, dev_features)

    def _cache(self, tokenizer: Any, spec: Any) -> FeatureCache:
        choice = self.recipe.one("featurizer")
        assert choice is not None
        return FeatureCache.of_run(choice, self.parts.featurizer.instance, tokenizer, spec)

    def _featurize(
        self, cache: FeatureCache, counts: dict[str, float], tokenizer: Any, spec: Any, name: str, examples: Any
    ) -> Features:
        targets = name == "train"
        with self.parts.featurizer.during(f"featurizing of {name}") as featurizer:

            def make() -> Features:
                made: Features = expect(featurizer.featurize(examples, tokenizer, spec, targets=targets), Features)
                made.check(examples, targets=targets)
                return made

            data = self.folder.manifest["data"][name]["digest"]
            features, cached = cache.fetch(make, data=data, targets=targets)
        counts |= {f"{name}_windows": len(features), f"{name}_tokens": len(features.input_ids)}
        counts[f"{name}_cached"] = int(cached)
        counts |= {f"{name}_{key}": value for key, value in features.counts.items()}
        return features

    def _predict(self, model: Any, dev: Examples, features: Features) -> None:
        with self.stages.stage("predict") as counts, self.parts.trainer.during("prediction") as trainer:
            began = time.perf_counter()
            scores = expect(trainer.predict(model, features), SpanScores)
            scores.check(features)
            counts["windows_per_second"] = len(features) / (time.perf_counter() - began)
        with self.stages.stage("score") as counts:
            predictions = decode(self.parts.decoder, dev, features, scores)
            reach = find_reach(dev, features, self._longest_answer())
            counts |= reach.counts()
            evaluation = judge(dev, predictions, self.parts.metrics, self.parts.slicers, reach)
            if getattr(self.parts.decoder.instance, "calibrated", False):
                found = calibrate(evaluation)
                self.folder.manifest["calibration"] = {
                    "clusters": found.clusters,
                    "thresholds": found.splits[0].thresholds,
                }
                write_calibration(self.folder.path, found)
            self._write(evaluation)

    def _longest_answer(self) -> int | None:
        """The most tokens that the decoder lets an answer have, where it has such an option."""
        choice = self.recipe.one("decoder")
        longest = getattr(choice and choice.options, "max_answer_length", None)
        return longest if isinstance(longest, int) else None

    def _write(self, evaluation: Evaluation) -> None:
        ids, predictions = evaluation.examples.id, evaluation.predictions
        write_json(self.folder / "predictions.json", dict(zip(ids, predictions.text, strict=True)))
        write_json(self.folder / "null_odds.json", dict(zip(ids, predictions.null_odds.tolist(), strict=True)))
        write_json(self.folder / "metrics.json", dict(evaluation.metrics))
        write_examples(self.folder / "examples.parquet", evaluation)


def _describe(examples: Examples) -> dict[str, Any]:
    return {
        "digest": examples.digest(),
        "questions": len(examples),
        "contexts": len(examples.context),
        "answerable": int(examples.has_answer.sum()),
    }
