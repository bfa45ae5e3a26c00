"""The evaluation sets beside ``dev``: scored with it, or later, when a finished run is given further ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from qatk.calibration.calibrate import calibrate
from qatk.evaluation.prediction_files import official_form
from qatk.evaluation.reachability import find_reach
from qatk.files import is_there, replacing, write_atomically, write_json
from qatk.plugins.protocols import Model
from qatk.results import Evaluation
from qatk.results.run import PREDICTING
from qatk.run_folder.examples_table import write_examples
from qatk.run_folder.folder import SETS, RunFolder, is_first_process
from qatk.run_folder.load import load_run
from qatk.run_folder.manifest import StageRecord
from qatk.run_folder.parameters import Parameters, read_parameters
from qatk.run_folder.provenance import describe_component
from qatk.run_folder.reading import NORMALISER
from qatk.run_folder.recipes import GIVEN, RECIPE, as_run
from qatk.runs.context import Context, Data, Windows
from qatk.runs.features import make_features
from qatk.runs.prediction import Answers, answer_as, evaluate, predict
from qatk.runs.rehearsal import rehearse
from qatk.runs.stages import Stages
from qatk.runs.training import train
from qatk.types import SpanScores


def score_sets(
    context: Context, data: Data, windows: Windows, scores: Mapping[str, SpanScores], dev: Answers, place: Path
) -> None:
    """Answer, evaluate and write the sets, one folder each in ``place``, by what ``dev`` decided."""
    decoder = context.parts.decoder
    for name, examples in data.sets.items():
        predictions = answer_as(dev, decoder, examples, windows.sets[name], scores[name])
        reach = find_reach(examples, windows.sets[name], decoder.max_answer_length, context.parts.normalisation)
        with replacing(place / name) as folder:
            write_evaluation(folder, evaluate(context.parts, examples, predictions, reach))


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """The files of one evaluation set."""
    ids, predictions = evaluation.examples.id, evaluation.predictions
    write_json(folder / "predictions.json", official_form(ids, predictions))
    write_json(folder / "null_odds.json", dict(zip(ids, predictions.null_odds.tolist(), strict=True)))
    write_json(folder / "metrics.json", {**evaluation.metrics, NORMALISER: evaluation.normaliser})
    write_examples(folder / "examples.parquet", evaluation)


class _Unsaved(RunFolder):
    """A run folder whose manifest stays on the disk as it is, while stages are gone through for more sets."""

    def save(self) -> None:
        """Nothing is written."""


def score_added(
    context: Context, data: Data, names: Collection[str], assemble: Callable[[Context, Data], Model]
) -> None:
    """Score sets that a finished run had not, by its model and by what it decided on ``dev``, which stays as it is."""
    more = replace(data, sets={name: data.sets[name] for name in names})
    folder = _Unsaved(context.folder.path, context.folder.manifest)
    apart = replace(context, folder=folder, stages=Stages(folder))
    rehearse(apart, more)
    windows = make_features(apart, more)
    model = assemble(apart, more)
    train(apart, model, more, windows)
    scores = predict(apart, model, windows, dev=False)
    if not is_first_process():
        return
    with apart.stages.stage("score"):
        score_sets(apart, more, windows, scores, _decided(context), folder / SETS)
    context.stages.executed += apart.stages.executed
    _note(context, more, folder)


def _decided(context: Context) -> Answers:
    """What the run decided on ``dev``: by its files, and the null threshold as it was fitted then."""
    parts = context.parts
    dev = load_run(context.folder.path, host=parts.host).evaluation
    known = read_parameters(str(context.folder.path), parts.decoder)
    found = None
    if parts.decoder.calibrated:
        by, cluster = parts.normalisation, context.recipe.cluster
        found = calibrate(dev.examples, dev.predictions, by, splits=1, cluster=cluster)
    return Answers(dev.predictions, found, None if known is None else Parameters(known))


def _note(context: Context, more: Data, scored: RunFolder) -> None:
    """Write down that the run has these sets: last of all, so that they are either there or not."""
    held, filled = context.folder.manifest, context.recipe.filled()
    sets = {name: filled["data"][name] for name in more.sets}
    parts = [context.parts.sets[name].registered for name in more.sets]
    rows = map(describe_component, [*parts, *context.parts.normalisers(list(more.sets.values()))])
    context.folder.update(
        recipe={**held.recipe, "data": {**held.recipe["data"], **sets}},
        components=tuple(dict.fromkeys([*held.components, *rows])),
        stages={name: _joined(record, scored.manifest.stages[name], more.sets) for name, record in held.stages.items()},
        untold=True,
    )
    if not is_there(context.folder / GIVEN):  # of an early run, whose recipe stands in the place of today's
        (context.folder / RECIPE).replace(context.folder / GIVEN)
    write_atomically(context.folder / RECIPE, as_run(context.folder.manifest))
    context.folder.save()


def _joined(held: StageRecord, more: StageRecord, sets: Collection[str]) -> StageRecord:
    """A stage with what it took and counted for further sets."""
    if more is held:
        return held
    counts = dict(held.counts)
    if PREDICTING in counts:
        each = [(of[PREDICTING], of["windows_per_second"]) for of in (held.counts, more.counts)]
        counts[PREDICTING] = sum(seconds for seconds, _ in each)
        counts["windows_per_second"] = sum(seconds * speed for seconds, speed in each) / counts[PREDICTING]
    groups = {**held.groups, **{name: of for name, of in more.groups.items() if name in sets}}
    return StageRecord(seconds=held.seconds + more.seconds, counts=counts, groups=groups)
