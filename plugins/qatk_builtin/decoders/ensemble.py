"""The ``ensemble`` decoder: this run's best spans and those of finished runs, joined by question."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qatk import load_run
from qatk.api import (
    Examples,
    Features,
    Predictions,
    RunResult,
    SpanScores,
    UsageError,
    answers_of_spans,
)
from qatk.results import Evaluation
from qatk.types import Float32, Float64, Int64, ragged
from qatk_builtin.decoders import EnsembleOptions, MinNullOptions
from qatk_builtin.decoders.best_spans import Spans
from qatk_builtin.decoders.min_null import MinNullDecoder
from qatk_builtin.decoders.nbest import apart, best_of, rank


class EnsembleDecoder:
    """The best span of several models together, unless "no answer" beats it.

    This run's own best spans are those of ``min-null``. Of each run in ``runs`` they are read from its
    ``examples.parquet``, since a run folder keeps no scores of tokens; so an ensemble answers only questions that all
    its runs answered, about the same contexts.

    By ``probability``, each model's scores become probabilities of its best spans and of "no answer", which are
    averaged over the models: a span that a model did not keep has 0 from it. Scores are their logarithms. By ``score``,
    the scores themselves are averaged, and those of "no answer": of a model that did not keep a span the score of the
    last it kept, unless it kept none. As in ``min-null``, equal scores go by ``char_start``, then ``char_end``.
    """

    def __init__(self, options: EnsembleOptions) -> None:
        self.options = options
        kept = {name: getattr(options, name) for name in ("n_best_size", "max_answer_length", "temperature")}
        self._own = MinNullDecoder(MinNullOptions(**kept, null_threshold="never"))

    @property
    def calibrated(self) -> bool:
        """Whether the null threshold is to be fitted on held-out articles; until it is, it is 0."""
        return self.options.null_threshold == "calibrated"

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        """One prediction an example; see :class:`qatk.api.Decoder`.

        Raises:
            RunFolderError: a run's folder is none, or unfinished.
            UsageError: a run did not answer these questions, or did not keep what it takes.
            PluginError: as ``min-null``.
        """
        own = self._own.decode(examples, features, scores)
        models = [_Model.of(own), *(_Model.of(_answers(run, examples)) for run in self._runs)]
        average = _mean_probability if self.options.by == "probability" else _mean_score
        spans, null_score = average(models)
        size = self.options.n_best_size
        spans = rank(spans, size) if self.options.overlapping else apart(rank(spans, max(1, len(spans))), size)
        start, end, score, nbest = best_of(examples, spans, null_score)
        return answers_of_spans(examples, start, end, score, null_score, null_threshold=self.options.limit, nbest=nbest)

    @cached_property
    def _runs(self) -> list[RunResult]:
        return [load_run(folder) for folder in self.options.runs]


@dataclass(frozen=True, eq=False)
class _Model:
    """One model's best spans, by example, best first. n examples.

    Attributes:
        spans: k of them.
        offsets: int64[n + 1].
        score: float64[k].
        null: float64[n].
    """

    spans: Spans
    offsets: Int64
    score: Float64
    null: Float64

    @classmethod
    def of(cls, predictions: Predictions) -> _Model:
        """From predictions that have an n-best."""
        best = predictions.nbest
        assert best is not None
        spans = Spans(ragged.owners(best.offsets), best.char_start, best.char_end, best.score)
        return cls(spans, best.offsets, best.score.astype(np.float64), predictions.null_score.astype(np.float64))

    @property
    def filled(self) -> Int64:
        """The examples with spans."""
        return np.flatnonzero(np.diff(self.offsets))


def _of_these(run: RunResult, examples: Examples) -> Evaluation:
    """The evaluation set of a run that has these questions about these contexts; ``dev`` where none has."""
    asked = _pairs(examples)
    every = (run.evaluation, *run.sets.values())
    return next((each for each in every if asked <= _pairs(each.examples)), run.evaluation)


def _pairs(examples: Examples) -> set[tuple[str, str]]:
    return {(name, examples.context_of(row)) for row, name in enumerate(examples.id)}


def _answers(run: RunResult, examples: Examples) -> Predictions:
    """A run's predictions for these examples. Raises :class:`UsageError` where it has none."""
    evaluation = _of_these(run, examples)
    theirs, predictions = evaluation.examples, evaluation.predictions
    row_of = {name: row for row, name in enumerate(theirs.id)}
    missing = [name for name in examples.id if name not in row_of]
    if missing:
        raise UsageError(
            f"the run did not answer {len(missing)} of {len(examples)} questions, such as {missing[0]}",
            where=str(run.folder),
            fix="an ensemble answers the questions that all its runs answered: give them the same data.dev",
        )
    rows = np.array([row_of[name] for name in examples.id], np.int64)
    for row, here in zip(rows.tolist(), range(len(examples)), strict=True):
        if theirs.context_of(row) != examples.context_of(here):
            raise UsageError(
                f"the run answered {examples.id[here]} about another context",
                where=str(run.folder),
                fix="give all runs of an ensemble the same data.dev",
            )
    if predictions.nbest is None or np.isnan(predictions.null_score).any():
        raise UsageError(
            "the run kept no best spans, or no scores of 'no answer'",
            where=str(run.folder),
            fix="its decoder must give both, as min-null does",
        )
    return predictions.take(rows)


def _mean_probability(models: list[_Model]) -> tuple[Spans, Float32]:
    """Spans with the logarithms of their mean probabilities, and float32[n], that of no answer."""
    parts, nulls = [], []
    for model in models:
        total = model.null.copy()
        filled = model.filled
        if len(filled):
            # Sums of exponentials by their logarithms, so that none overflows; reduceat takes no empty rows.
            total[filled] = np.logaddexp(total[filled], np.logaddexp.reduceat(model.score, model.offsets[filled]))
        parts.append(model.score - total[model.spans.example])
        nulls.append(model.null - total)
    spans, order, first = _same_spans(models)
    score = np.logaddexp.reduceat(np.concatenate(parts)[order], first) if len(first) else np.zeros(0)
    share = np.log(len(models))
    null = np.logaddexp.reduce(nulls, axis=0) - share
    return _scored(spans, score - share), null.astype(np.float32)


def _mean_score(models: list[_Model]) -> tuple[Spans, Float32]:
    """Spans with their mean scores, and float32[n], that of no answer."""
    base, count = np.zeros((2, len(models[0].null)))
    parts = []
    for model in models:
        last = np.zeros(len(base))
        filled = model.filled
        last[filled] = model.score[model.offsets[filled + 1] - 1]
        base += last
        count[filled] += 1
        # A span that a model lacks gets that model's last score: add up the last scores, then what lies above them.
        parts.append(model.score - last[model.spans.example])
    spans, order, first = _same_spans(models)
    more = np.add.reduceat(np.concatenate(parts)[order], first) if len(first) else np.zeros(0)
    score = (base[spans.example] + more) / count[spans.example]
    return _scored(spans, score), np.mean([model.null for model in models], axis=0).astype(np.float32)


def _same_spans(models: list[_Model]) -> tuple[Spans, Int64, Int64]:
    """Every span once; the order that puts the same spans of all models together; where each begins in it."""
    parts = [model.spans for model in models]
    keys = [np.concatenate([getattr(p, name) for p in parts]) for name in ("char_end", "char_start", "example")]
    # lexsort sorts by the last key first: by example, then start, then end.
    order = np.lexsort(keys)
    first = np.flatnonzero(ragged.begins(*(key[order] for key in keys))) if len(order) else order
    end, start, example = (key[order[first]] for key in keys)
    return Spans(example, start, end, np.zeros(len(first), np.float32)), order, first


def _scored(spans: Spans, score: Float64) -> Spans:
    return Spans(spans.example, spans.char_start, spans.char_end, score.astype(np.float32))
