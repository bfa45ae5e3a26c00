"""``qatk.calibrate`` and ``qatk calibrate``: what is calibrated, the promise that is asked for, where it is kept."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qatk.arguments import whole
from qatk.calibration.calibrate import FILE, SEED, SPLITS, Calibration, write_calibration
from qatk.calibration.calibrate import calibrate as calibrate_answers
from qatk.calibration.fitting import look_like_probabilities
from qatk.calibration.risk_control import Ask, Wrong
from qatk.errors import QatkWarning, UsageError, visible
from qatk.evaluation.evaluate import evaluate, read_data
from qatk.evaluation.given import Given, given_odds
from qatk.evaluation.prediction_files import Source
from qatk.files import is_there, url_of
from qatk.plugins.host import PluginHost
from qatk.results import Evaluation, RunResult
from qatk.run_folder.copies import place_named
from qatk.run_folder.load import load_run
from qatk.run_folder.lock import locked
from qatk.spelling import spelled
from qatk.types import Predictions


@dataclass(frozen=True)
class Answers:
    """What is calibrated, as :func:`calibrate` takes it."""

    source: Given | RunResult | Evaluation
    data: object = None
    null_odds: Source | Mapping[str, float] | None = None
    use: str | None = None
    options: Mapping[str, object] | None = None
    on: str | None = None
    cluster: str | None = None
    language: str | None = None
    language_column: str | None = None

    @property
    def name(self) -> str:
        """Of the data: an evaluation set, or a file."""
        if isinstance(self.data, str | Path):
            return visible(Path(self.data).name)
        if self.data is not None or isinstance(self.source, Evaluation):
            return "data"
        return self.on or (self.source.on if isinstance(self.source, RunResult) else "dev")

    @property
    def run(self) -> Path | None:
        """The folder of a run, or its URL."""
        if self.data is not None or isinstance(self.source, Evaluation | Mapping | Predictions):
            return None
        return Path(place_named(self.source))

    def evaluation(self, host: PluginHost) -> Evaluation:
        """The answers, scored.

        Raises:
            UsageError: for arguments that do not go with what is calibrated.
        """
        if self.data is not None:
            return self._scored(host)
        if isinstance(self.source, Mapping | Predictions):
            fix = f"add {spelled('data')} and {spelled('null_odds')}"
            raise UsageError("predictions are calibrated with the data that they answer", fix=fix)
        self._refuse_unfit()
        if isinstance(self.source, Evaluation):
            return self.source
        if isinstance(self.source, RunResult) and self.on in (None, self.source.on):
            return self.source.evaluation
        return load_run(place_named(self.source), on=self.on or "dev", host=host).evaluation

    def _scored(self, host: PluginHost) -> Evaluation:
        """Predictions against the data that they answer."""
        if self.on is not None:
            what = f"{spelled('on')} is only for runs: {spelled('data')} names the data of a predictions file"
            raise UsageError(what, fix="remove it")
        if isinstance(self.source, Evaluation | RunResult):
            raise UsageError(f"{spelled('data')} is only for predictions", fix="remove it")
        own = isinstance(self.source, Predictions) and self.null_odds is None  # evaluate reads these
        odds = None if own else given_odds(self.null_odds, self.source)
        if odds is None and not own:
            fix = f"add {spelled('null_odds')}"
            raise UsageError(f"{spelled('data')} needs the null odds of the predictions", fix=fix)
        by = self.language, self.language_column
        how = {"use": self.use, "cluster": self.cluster, "language_column": by[1]}
        examples = read_data(self.data, host, options=self.options, **how)
        scored = evaluate(examples, self.source, null_odds=odds, host=host, language=by[0], language_column=by[1])
        if look_like_probabilities(scored.predictions.null_odds):
            what = (
                "the null odds look like probabilities: all are from 0 to 1, where threshold 0 answers next to nothing"
            )
            fix = "do not read the gain against it as one; give log-odds instead: log(p / (1 - p))"
            warnings.warn(f"{what}; {fix}", QatkWarning, stacklevel=2)
        return scored

    def _refuse_unfit(self) -> None:
        if isinstance(self.source, str | Path) and is_there(path := Path(self.source)) and path.is_file():
            what = f"{self.source} is a file, not a run folder"
            raise UsageError(what, fix=f"for a predictions file, add {spelled('data')} and {spelled('null_odds')}")
        why = {
            "null_odds": "only for predictions files: a run has its own",
            "use": "only for predictions files: a run has its own",
            "options": "only for predictions files: a run has its own",
            "language": "only for predictions files: a run has the language of its recipe",
            "language_column": "only for predictions files: a run has the language of its recipe",
        }
        for name, reason in why.items():
            if getattr(self, name) not in (None, {}):
                raise UsageError(f"{spelled(name)} is {reason}", fix=f"remove it, or add {spelled('data')}")
        if isinstance(self.source, Evaluation) and self.on is not None:
            raise UsageError(f"{spelled('on')} is only for runs", fix="remove it")


def ask_of(at_most: float | None, confidence: float | None, wrong: Wrong | None) -> Ask | None:
    """What is to be promised. Raises :class:`UsageError` for a confidence in nothing."""
    if at_most is not None:
        return Ask(at_most, 0.9 if confidence is None else confidence, wrong or "exact")
    if confidence is not None or wrong is not None:
        what = f"{spelled('confidence')} and {spelled('wrong')} are about a promise"
        raise UsageError(what, fix=f"add {spelled('at_most')}, the share of wrong answers")
    return None


def calibrate(
    source: Given | RunResult | Evaluation,
    *,
    data: object = None,
    null_odds: Source | Mapping[str, float] | None = None,
    use: str | None = None,
    options: Mapping[str, object] | None = None,
    on: str | None = None,
    splits: int = SPLITS,
    seed: int = SEED,
    cluster: str | None = None,
    at_most: float | None = None,
    confidence: float | None = None,
    wrong: Wrong | None = None,
    language: str | None = None,
    language_column: str | None = None,
    write: bool = False,
    host: PluginHost | None = None,
) -> Calibration:
    """Fit the null threshold on half of the articles and score it on the other half, and the other way round.

    Args:
        source: a run (its folder, its URL or its result), an evaluation, or with ``data`` predictions, as in
            :func:`qatk.evaluate`.
        data: what predictions answer, as in :func:`qatk.evaluate`.
        null_odds: of predictions: a mapping from id, or a file; by default those in the rows of a predictions file.
        use: the dataset that reads ``data``.
        options: of that dataset, as in :func:`qatk.evaluate`.
        on: the evaluation set of a run; by default that of the result, or ``dev``.
        splits: the number of random splits of the articles into halves, at most.
        seed: of the splits.
        cluster: the column of clusters, see :func:`qatk.types.clusters_of`; by default the run's, or articles.
        at_most: promise that at most this share of the answers is wrong, such as 0.05.
        confidence: of the promise; by default 0.9.
        wrong: when an answer is wrong: it equals no gold answer (``"exact"``, the default), or shares no word with one
            (``"overlap"``).
        language: the normaliser by which answers to ``data`` are compared.
        language_column: the column of the data that names each question's.
        write: write ``calibration.json`` into the run folder, where ``null_threshold: calibrated`` finds it.
        host: the plugins to use.

    Raises:
        DataError: without null odds; where all questions or none have an answer; for fewer than two articles and
            contexts; where the data cannot promise what is asked.
        RunFolderError: if it is not the folder of a finished run.
        UsageError: for arguments that do not go with what is calibrated.
    """
    asked = ask_of(at_most, confidence, wrong)
    answers = Answers(source, data, null_odds, use, options, on, cluster, language, language_column)
    if write:
        check_can_write(answers.run, "leave write out")
    evaluation = answers.evaluation(host or PluginHost.discover())
    numbers = {"splits": whole(splits, "splits", 1), "seed": whole(seed, "seed", 0)}
    found = of_evaluation(evaluation, answers, asked, **numbers)
    if write and answers.run is not None:
        write_into(answers.run, found)
    return found


def of_evaluation(
    evaluation: Evaluation, answers: Answers, asked: Ask | None, *, splits: int, seed: int
) -> Calibration:
    """What calibrating these answers finds."""
    given = evaluation.examples, evaluation.predictions, evaluation.normalisation
    by = answers.cluster or evaluation.cluster
    return calibrate_answers(*given, splits=splits, seed=seed, cluster=by, promise=asked, on=answers.name)


def check_can_write(run: Path | None, instead: str) -> None:
    """Raise :class:`UsageError` where there is no run folder to write into; ``instead`` is what to do."""
    if run is None:
        raise UsageError("only a run has a folder to write into", fix=instead)
    if (url := url_of(run)) is not None:
        raise UsageError("a run at a URL is only read", where=url, fix=f"{instead}, or name a copy of the run")


def write_into(run: Path, found: Calibration) -> Path:
    """Write ``calibration.json`` into a run folder, which no other process may have. Raises as the disk refuses."""
    with locked(run):
        write_calibration(run, found)
    return run / FILE
