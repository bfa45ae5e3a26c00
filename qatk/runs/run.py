"""A run from data to report: the stages in order."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from qatk.arguments import settings_of, whole
from qatk.calibration.calibrate import write_calibration
from qatk.calibration.transfer import misleading
from qatk.errors import ModelError, QatkWarning
from qatk.evaluation.reachability import find_reach
from qatk.exports.runtimes import exporter_of
from qatk.files import RemoteFolder, expanded, place_of, replacing, url_of, write_atomically
from qatk.plugins.attribution import blaming
from qatk.plugins.host import PluginHost
from qatk.plugins.protocols import Model, Plain
from qatk.progress import listen_too
from qatk.recipes.compose import Pipeline, compose
from qatk.recipes.recipe import Recipe
from qatk.results import Evaluation, RunResult
from qatk.run_folder.copies import followed, spare, working_folder
from qatk.run_folder.folder import SETS, RunFolder, follow, is_first_process
from qatk.run_folder.load import load_run
from qatk.run_folder.lock import locked
from qatk.run_folder.manifest import MANIFEST, CalibrationRecord, ClustersRecord, Identity, read_manifest
from qatk.run_folder.parameters import read_parameters
from qatk.run_folder.provenance import check_suppliers, describe_component, describe_machine, differing, refuse_absent
from qatk.run_folder.recipes import GIVEN, RECIPE, as_run, find_recipe, folder_for
from qatk.run_folder.remote import Mirror, speaking_of
from qatk.run_folder.remote_lock import locked_there
from qatk.run_folder.secrets import hidden_in_yaml
from qatk.runs.context import Context, Data, Windows
from qatk.runs.data import load_data
from qatk.runs.features import make_features
from qatk.runs.given import GivenData
from qatk.runs.noting import Noting
from qatk.runs.prediction import Answers, answer, evaluate, predict
from qatk.runs.rehearsal import rehearse
from qatk.runs.sets import score_added, score_sets, write_evaluation
from qatk.runs.stages import Stages
from qatk.runs.trackers import Trackers
from qatk.runs.training import train
from qatk.types import SpanScores


def run(
    recipe: str | Path | Mapping[str, object] | Recipe,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    limit: int | None = None,
    seed: int | None = None,
    settings: Iterable[str] | Mapping[str, object] = (),
    data: Mapping[str, object] | None = None,
    host: PluginHost | None = None,
    console: Console | None = None,
) -> RunResult:
    """Train and evaluate a model as a recipe says, and report.

    Args:
        recipe: the path of a recipe, or its content as a mapping; a run folder or its URL, for the same run again, with
            its ``limit``; or a checked recipe (``seed`` and ``settings`` then have no effect).
        out: the run folder, or its URL such as ``s3://bucket/run``; by default ``runs/<name of the recipe>``.
        resume: continue the run in that folder and skip its completed stages; evaluation sets that were added to the
            recipe of a finished run are scored by its model.
        limit: the number of questions to use from each split; by default all, or as many as the run of a folder.
        seed: overrides the recipe's seed.
        settings: ``KEY=VALUE`` texts, as for ``--set``, or a mapping such as ``{"trainer.epochs": 1}`` or
            ``{"trainer": {"epochs": 1}}``, which leaves the trainer's other options as they are.
        data: examples at hand by split (``train``, ``dev``, or the name of a further set), in place of the recipe's:
            what :meth:`qatk.Examples.from_rows` reads (frames of pandas and polars, a ``datasets.Dataset``, lists of
            dicts), or examples. The manifest keeps the digest of their content.
        host: the plugins to use.
        console: where reporters print; ``None`` prints nothing.

    Raises:
        QatkError: a subclass of it, for everything that a user can correct.
    """
    recipe, given, settings = _with_home(recipe), GivenData.of(data), settings_of(settings)
    if limit is not None:
        whole(limit, "limit", 1)
    host = host or PluginHost.discover()
    if isinstance(recipe, Recipe):
        recipe = given.into(recipe, host)
    else:
        out = expanded(out or folder_for(recipe, resume=resume))
        if resume:
            _refuse_absent(Path(out), host)
        settings = [*settings, *([f"seed={seed}"] if seed is not None else []), *given.settings()]
        recipe = find_recipe(recipe, host, settings, importing=True)
        limit = recipe.limit if limit is None else limit
    place, identity = expanded(out or Path("runs") / recipe.name), Identity(recipe=recipe.digest(), limit=limit)
    if url_of(place) is None and is_first_process():  # early; under its lock, the folder is looked at again
        RunFolder.refuse(Path(place), identity, resume=resume, differing=partial(differing, recipe))
    pipeline = _composed(recipe, given, host)
    with ExitStack() as stack:
        folder = _open(stack, place, recipe, identity, host, resume=resume)
        if not is_first_process():
            pipeline = replace(pipeline, reporters=[], trackers=[])
        with folder.noting_the_end(), blaming(pipeline.suppliers()):
            context = Context(recipe, pipeline, folder, Stages(folder), Trackers(pipeline.trackers), limit)
            with context.trackers.hearing_the_end():
                result = _execute(context, console or Console(quiet=True))
                folder.send(final=True)
                return replace(result, url=url_of(out or ""))


def _with_home(recipe: str | Path | Mapping[str, object] | Recipe) -> str | Mapping[str, object] | Recipe:
    return expanded(recipe) if isinstance(recipe, str | Path) else recipe


def _composed(recipe: Recipe, given: GivenData, host: PluginHost) -> Pipeline:
    """The parts of the run; what its runtime needs is here too, before training."""
    pipeline = given.bound(compose(recipe, host))
    if (needed := pipeline.runtime.needs()) is not None:
        exporter_of(needed, host)
    return pipeline


def _open(
    stack: ExitStack, out: str | Path, recipe: Recipe, identity: Identity, host: PluginHost, *, resume: bool
) -> RunFolder:
    """The folder of the run, held until the stack ends; of a process that is not the first, a copy."""
    remote = None if (url := url_of(out)) is None else RemoteFolder(url)
    path = Path(out) if url is None else working_folder(url)
    if not is_first_process():
        return stack.enter_context(follow(path if url is None else stack.enter_context(followed(url)), identity))
    if url is not None:
        spare(url)
    with speaking_of(url, path), warnings.catch_warnings():
        if remote is not None:  # whose own lock says by its name what was left
            warnings.simplefilter("ignore", QatkWarning)
        lock = stack.enter_context(locked(path, any_folder=remote is not None))
    stack.enter_context(listen_too(Noting(lock)))
    if remote is not None:
        there = stack.enter_context(locked_there(remote, lock))
        mirror = Mirror(remote, path, there.check)
    stack.enter_context(speaking_of(url, path))
    folder = RunFolder.open(path, identity, resume=resume, differing=partial(differing, recipe))
    check_suppliers(folder.manifest.components, host, place_of(out))  # of a run that goes on
    if remote is not None:
        folder.mirror = mirror
        if "RANK" in os.environ:  # the other processes go on from what is there
            mirror.send_now()
            there.say_ready()
    return folder


def _execute(context: Context, console: Console) -> RunResult:
    """The straight line of a run; one that is scored already scores what was added to its sets, and is reported."""
    held = context.folder.manifest.data
    data = load_data(context)
    if context.folder.done("score"):
        if added := [name for name in data.sets if name not in held]:
            score_added(context, data, added, _assemble)
        else:
            context.stages.skip("features", "train", "predict", "score")
        if context.folder.manifest.untold:
            context.trackers.start(context.folder.manifest.plain(), context.folder.path)
    else:
        rehearse(context, data)
        _begin(context, data)
        windows = make_features(context, data)
        model = _assemble(context, data)
        train(context, model, data, windows)
        scores = predict(context, model, windows)
        _score(context, data, windows, scores)
    return _report(context, console)


def _refuse_absent(path: Path, host: PluginHost) -> None:
    """Refuse to go on with a run where a plugin of it is missing, before the recipe is: it would call it unknown."""
    if (path / MANIFEST).exists():
        refuse_absent(read_manifest(path).components, host, str(path))


def _begin(context: Context, data: Data) -> None:
    """Write down what is about to run, before anything long."""
    suppliers = [*(choice.registered for choice in context.recipe.all()), *context.parts.normalisers(data.scored)]
    components = tuple(describe_component(registered) for registered in suppliers)
    context.folder.update(
        name=context.recipe.name,
        recipe=context.recipe.filled(),
        components=components,
        machine=describe_machine({row.distribution for row in components}),
        untold=True,
    )
    write_atomically(context.folder / RECIPE, as_run(context.folder.manifest))
    write_atomically(context.folder / GIVEN, hidden_in_yaml(context.recipe.text))
    context.folder.save()
    context.trackers.start(context.folder.manifest.plain(), context.folder.path)


def _assemble(context: Context, data: Data) -> Model:
    """The untrained model, described in the manifest; one that an earlier execution trained is described there.

    Raises:
        ModelError: nothing has trained its head, and nothing will.
    """
    parts = context.parts
    model = parts.trainer.assemble(parts.backbone, parts.head, seed=context.recipe.seed)
    if (described := parts.trainer.describe(model)) is not None:
        if not context.folder.done("train"):
            context.folder.update(model=described)
        if data.train is None and described.get("head") == "untrained":
            raise ModelError(
                "the head is untrained, and the recipe has no data.train: answers would be random",
                fix="name a model with such a head, or training data",
            )
    return model


def _score(context: Context, data: Data, windows: Windows, scores: Mapping[str, SpanScores]) -> None:
    """Decode, calibrate, evaluate and write: the stage that completes a run."""
    decoder = context.parts.decoder
    with context.stages.stage("score") as counts:
        known, by, cluster = _known_parameters(context, data), context.parts.normalisation, context.recipe.cluster
        answers = answer(decoder, data.dev, windows.dev, scores["dev"], known=known, normalisation=by, cluster=cluster)
        if answers.parameters is not None:
            answers.parameters.write(context.folder.path, decoder)
        reach = find_reach(data.dev, windows.dev, decoder.max_answer_length, by)
        if out_of_reach := reach.out_of_reach():
            counts.groups["out_of_reach"] = dict(out_of_reach)
        if (longest := reach.longest_answer()) is not None:
            counts.whole["longest_answer"] = longest
        _write(context.folder, answers, evaluate(context.parts, data.dev, answers.predictions, reach))
        if data.sets:
            with replacing(context.folder / SETS) as folder:
                score_sets(context, data, windows, scores, answers, folder)


def _known_parameters(context: Context, data: Data) -> Plain | None:
    """What the decoder fitted beside the model that the backbone names; ``None`` where this run trains another."""
    choice = context.recipe.one("backbone")
    assert choice is not None
    model = getattr(choice.options, "model", None) if data.train is None else None
    return read_parameters(model, context.parts.decoder)


def _write(folder: RunFolder, answers: Answers, evaluation: Evaluation) -> None:
    if (found := answers.calibration) is not None:
        clusters = ClustersRecord.model_validate(found.clusters.as_dict())
        folder.update(calibration=CalibrationRecord(clusters=clusters, thresholds=found.splits[0].thresholds))
        write_calibration(folder.path, found)
        if (why := misleading(found, evaluation.examples)) is not None:
            warnings.warn(f"{why}; the oracle of `qatk calibrate` ranks models better here", QatkWarning, stacklevel=2)
    write_evaluation(folder.path, evaluation)


def _report(context: Context, console: Console) -> RunResult:
    """The result as it stands in the folder, told to reporters, and to trackers that have not heard it."""
    result = load_run(context.folder.path, host=context.parts.host)
    result = replace(result, stages=context.folder.manifest.stage_times(context.stages.executed))
    for reporter in context.parts.reporters:
        reporter.report(result, context.folder.path, console)
    if context.parts.trackers and context.folder.manifest.untold:  # of several processes, the first has them
        context.trackers.finish(result)
        context.folder.update(untold=False)
        context.folder.save()
    return result
