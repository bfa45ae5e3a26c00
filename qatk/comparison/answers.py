"""Predictions files as systems of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from qatk.errors import UsageError, counted
from qatk.evaluation.answer_costs import read_costs
from qatk.evaluation.evaluate import evaluate_examples
from qatk.evaluation.free_text import ABSENT, Aligner, align_answers
from qatk.evaluation.given import AT_HAND, Given, given_odds, given_predictions
from qatk.evaluation.prediction_files import Source, check_null_odds
from qatk.evaluation.prediction_rows import Said
from qatk.languages import Normalisation
from qatk.results.evaluation import Evaluation
from qatk.spelling import spelled
from qatk.types import Bool, Examples, Predictions

T = TypeVar("T")
Odds = Source | Mapping[str, float] | None
"""Null odds of predictions: a file of them, or numbers by id."""


@dataclass(frozen=True)
class Found:
    """What one source says, on the questions of all.

    Attributes:
        evaluation: its answers, scored.
        manifest: of its run; empty where it is none.
        facts: of its system, see :class:`qatk.results.comparison.System`.
    """

    evaluation: Evaluation
    manifest: Mapping[str, Any]
    facts: Mapping[str, float]


@dataclass(frozen=True)
class Answers:
    """What a predictions file says, its null odds with the threshold on them, and what its answers cost."""

    texts: Mapping[str, Said]
    odds: Mapping[str, float] | None
    align: Aligner | None
    costs: Mapping[str, float]
    threshold: float | None = None

    def evaluate(
        self,
        examples: Examples,
        masks: Mapping[str, Mapping[str, Bool]],
        by: Normalisation,
        cluster: str | None = None,
    ) -> Found:
        """Scored on examples that it answers, and maybe others beside them; ``cluster`` is the column of the runs."""
        texts, facts = _only(self.texts, examples.id), dict(self.costs)
        if self.align is not None:
            aligned = align_answers(examples, texts, self.align)
            texts, absent = aligned.said, list(aligned.kind.values()).count(ABSENT)
            facts["not_in_context"] = absent / len(examples)
        odds = None if self.odds is None else _only(self.odds, examples.id)
        scored = evaluate_examples(examples, texts, odds, na_prob_thresh=self.threshold, normalisation=by)
        return Found(replace(scored, masks=masks, cluster=cluster), {}, facts)


def check_numbers(
    files: int, null_odds: Sequence[Odds], align: Aligner | None, na_prob_thresh: Sequence[float | None]
) -> None:
    """Raise :class:`UsageError` where so many files of predictions have other numbers of odds or thresholds."""
    if len(na_prob_thresh) not in (0, 1, files) or (na_prob_thresh and not files):
        what = f"{counted(len(na_prob_thresh), 'threshold')} for {counted(files, 'prediction file')}"
        raise UsageError(what, where=spelled("na_prob_thresh"), fix="give one for all, or one for each")
    if null_odds and len(null_odds) != files:
        what = f"{counted(len(null_odds), 'file')} of null odds for {files} of predictions"
        raise UsageError(what, fix="give one for each")
    if align is not None and not files:
        raise UsageError("there are no free-text answers to align", fix="name a predictions file, or leave align out")


def read_answers(
    files: Mapping[str, Given],
    null_odds: Sequence[Odds],
    align: Aligner | None,
    na_prob_thresh: Sequence[float | None] = (),
    ids: Sequence[str] = (),
) -> dict[str, Answers]:
    """What predictions say, by the name of each, with their odds, and thresholds on the odds, in their order.

    One threshold is that of all files. What a model predicts is of the questions with these ``ids``.
    """
    thresholds = list(na_prob_thresh) * (len(files) if len(na_prob_thresh) == 1 else 1) or [None] * len(files)
    answers = {}
    odds_files = null_odds or [None] * len(files)
    for (name, file), odds_file, threshold in zip(files.items(), odds_files, thresholds, strict=True):
        where = f"predictions {name}" if isinstance(file, AT_HAND) else str(file)
        if isinstance(file, Predictions) and not ids:
            fix = f"give the questions that it answers: {spelled('data')}"
            raise UsageError("what a model predicts has no ids of questions", where=where, fix=fix)
        texts, odds = given_predictions(file, ids, where), given_odds(odds_file, file, ids)
        if odds is not None:
            check_null_odds(texts, odds, where=name)
        elif threshold is not None:
            raise UsageError("a threshold needs null odds", where=where, fix=f"add {spelled('null_odds')}")
        costs = {} if align is None or isinstance(file, AT_HAND) else read_costs(Path(file))
        answers[name] = Answers(texts, odds, align, costs, threshold)
    return answers


def _only(values: Mapping[str, T], ids: Sequence[str]) -> Mapping[str, T]:
    """The values of these ids, in the order of the values: that of odds decides between equal ones."""
    if len(values) == len(ids):
        return values
    among = set(ids)
    return {name: value for name, value in values.items() if name in among}
