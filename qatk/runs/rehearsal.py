"""What metrics and slicers make of a few answers that are made up, before anything costs time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from qatk.errors import DataError, UsageError
from qatk.runs.context import Context, Data
from qatk.runs.prediction import evaluate
from qatk.types import Examples, NBest, Predictions

FEW = 8


def rehearse(context: Context, data: Data) -> None:
    """Judge a few examples as the run will judge all of them: a name that is unknown fails here, not after an epoch.

    Raises:
        UsageError: ``keep_best`` names what no metric gives.
        DataError: the column of a slicer or of languages is not there, or a question has no normaliser; with the set.
    """
    for name, examples in {"dev": data.dev, **data.sets}.items():
        few = few_of(examples)
        with _of_set(name):
            context.parts.normalisation.names(examples)
            metrics = evaluate(context.parts, few, _made_up(few)).metrics
        if name == "dev" and data.train is not None:
            check_keep_best(context.recipe.scalars.keep_best, metrics)


@contextmanager
def _of_set(name: str) -> Iterator[None]:
    """Inside the block, what is wrong with data is told with the set that it is of."""
    try:
        yield
    except DataError as error:
        error.where = f"data.{name}: {error.where}" if error.where else f"data.{name}"
        raise


def check_keep_best(key: str | None, metrics: Mapping[str, float]) -> None:
    """Raise :class:`UsageError` where there is no such figure to keep the best epoch by."""
    if key is not None and key not in metrics:
        raise UsageError(f"keep_best names {key!r}, which no metric computes", fix=f"known: {', '.join(metrics)}")


def few_of(examples: Examples) -> Examples:
    """A few examples, in their order: with an answer and without, where there are both, so that no group is missing."""
    kinds = [np.flatnonzero(examples.has_answer == kind) for kind in (True, False)]
    rows = np.concatenate([*(rows[: FEW // 2] for rows in kinds), *(rows[FEW // 2 :] for rows in kinds)])
    return examples.take(np.sort(rows[:FEW]))


def _made_up(examples: Examples) -> Predictions:
    """The first word of the context and "no answer" by turns, with scores that say the same, and the word as n-best."""
    n = len(examples)
    words = [(examples.context[k].split() or [""])[0] for k in examples.context_index]
    place = [examples.context[k].index(word) for k, word in zip(examples.context_index, words, strict=True)]
    start = np.array(place, np.int32)
    end = start + np.array([len(word) for word in words], np.int32)
    score, given = np.ones(n, np.float32), np.array([i % 2 == 0 and bool(word) for i, word in enumerate(words)], bool)
    return Predictions(
        text=[word if said else "" for word, said in zip(words, given, strict=True)],
        char_start=np.where(given, start, -1).astype(np.int32),
        char_end=np.where(given, end, -1).astype(np.int32),
        score=score,
        null_score=np.where(given, 0.0, 2.0).astype(np.float32),
        nbest=NBest(np.arange(n + 1), words, start, end, score, np.full(n, 0.5, np.float32)),
    )
