"""Evaluations of several systems brought onto the same questions, in the same order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from numbers import Real

import numpy as np

from qatk.errors import PredictionsError, UsageError, counted
from qatk.evaluation.metrics import take
from qatk.evaluation.prediction_rows import list_ids
from qatk.results.evaluation import Evaluation
from qatk.spelling import spelled
from qatk.types import Bool, Examples, Int64


def align(
    names: Sequence[str], evaluations: Sequence[Evaluation], digests: Sequence[str | None], *, common: bool = False
) -> list[Evaluation]:
    """The evaluations over the same examples: those of the first, in its order.

    Args:
        names: what messages call them.
        evaluations: to align; where digests are equal, so must be the examples.
        digests: of the data of each.
        common: where they share only some questions, go on with those.

    Raises:
        PredictionsError: where some share no question or, without ``common``, only some; for scores and odds of NaN.
        UsageError: where a question has another text, context or gold than in the first.
    """
    for name, evaluation in zip(names, evaluations, strict=True):
        _refuse_nan(name, evaluation)
    first = evaluations[0].examples
    evaluations = [replace(evaluation, normalisation=evaluations[0].normalisation) for evaluation in evaluations]
    if all(evaluation.examples is first for evaluation in evaluations):
        return evaluations
    if all(digest is not None and digest == digests[0] for digest in digests):
        return [replace(evaluation, examples=first) for evaluation in evaluations]
    shared = shared_ids(names, [evaluation.examples.id for evaluation in evaluations], common=common)
    rows = [_rows(evaluation.examples, shared) for evaluation in evaluations]
    examples = first if len(shared) == len(first) else first.take(rows[0])
    for name, evaluation, kept in zip(names, evaluations, rows, strict=True):
        _refuse_other_data(names[0], name, examples, evaluation.examples, kept)
    return [take(evaluation, kept, examples) for evaluation, kept in zip(evaluations, rows, strict=True)]


def shared_ids(names: Sequence[str], ids: Sequence[Sequence[str]], *, common: bool) -> list[str]:
    """The question ids that all have, in the order of the first.

    Args:
        names: whose ids they are.
        ids: of each, unique.
        common: whether it is enough to share some.

    Raises:
        PredictionsError: where there are none, or without ``common`` only some, listing those that not all have.
    """
    among = set(ids[0]).intersection(*ids[1:])
    shared = [name for name in ids[0] if name in among]
    if not shared:
        raise PredictionsError(
            f"{_and(names)} have no question in common", fix="compare systems that answered the same data"
        )
    if not common and any(len(each) > len(shared) for each in ids):
        every = dict.fromkeys(chain.from_iterable(ids))
        held = {f"are not in {name}": set(each) for name, each in zip(names, ids, strict=True)}
        lacking = {what: [name for name in every if name not in among] for what, among in held.items()}
        fix = f"compare only the {counted(len(shared), 'common question')}: {spelled('common', True)}"
        raise PredictionsError(list_ids(lacking), fix=fix)
    return shared


def common_masks(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, Bool]]:
    """The groups that all evaluations make of the same questions."""
    first, *rest = [evaluation.masks for evaluation in evaluations]
    common = {
        slicer: {
            name: mask
            for name, mask in groups.items()
            if mask.any() and all(np.array_equal(mask, other.get(slicer, {}).get(name, ())) for other in rest)
        }
        for slicer, groups in first.items()
    }
    return {slicer: groups for slicer, groups in common.items() if groups}


def _rows(examples: Examples, ids: Sequence[str]) -> Int64:
    place = {name: row for row, name in enumerate(examples.id)}
    return np.array([place[name] for name in ids], np.int64)


def _refuse_nan(name: str, evaluation: Evaluation) -> None:
    """Scores must be numbers; odds too, unless the system gives none at all."""
    odds = np.isnan(evaluation.predictions.null_odds)
    kinds = {metric: np.isnan(values) for metric, values in evaluation.per_question.items()}
    kinds |= {} if odds.all() else {"null odds": odds}
    ids = evaluation.examples.id
    if found := {what: [ids[i] for i in np.flatnonzero(nan).tolist()] for what, nan in kinds.items() if nan.any()}:
        listed = list_ids({f"have {what} of NaN": rows for what, rows in found.items()})
        raise PredictionsError(listed, where=name, fix="score this system again")


def _refuse_other_data(first: str, name: str, examples: Examples, others: Examples, rows: Int64) -> None:
    """Refuse to hold systems against each other that were asked, shown or scored by something else."""
    same: dict[str, Callable[[int, int], bool]] = {
        "another text": lambda i, j: examples.question[i] == others.question[j],
        "another context": lambda i, j: examples.context_of(i) == others.context_of(j),
        "other gold answers": lambda i, j: _texts_of_gold(examples, i) == _texts_of_gold(others, j),
    }
    kinds = {
        f"have {what} in {name} than in {first}": [
            examples.id[i] for i, j in enumerate(rows.tolist()) if not equal(i, j)
        ]
        for what, equal in same.items()
    }
    if any(kinds.values()):
        raise UsageError(f"the data differ: {list_ids(kinds)}", fix="compare systems that answered the same data")


def _texts_of_gold(examples: Examples, row: int) -> list[list[str]]:
    return [[answer.text for answer in span] for span in examples.spans_of_answer(row)]


def refuse_other_metrics(kinds: Mapping[str, object]) -> None:
    """Refuse systems that were not scored alike.

    Args:
        kinds: what each system was scored by.

    Raises:
        UsageError: with what differs.
    """
    (first, expected), *rest = kinds.items()
    for name, found in rest:
        if found != expected:
            what = f"the metrics differ: {first} was scored by {expected}, {name} by {found}"
            raise UsageError(what, fix="compare runs that were scored alike")


def refuse_other_normalisers(evaluations: Mapping[str, Evaluation]) -> None:
    """Refuse systems whose answers to some question were compared by different normalisers.

    Args:
        evaluations: of each system, by name.

    Raises:
        UsageError: with both normalisers.
    """
    (first, base), *rest = evaluations.items()
    by_id = dict(zip(base.examples.id, base.normalisation.names_of_rows(base.examples), strict=True))
    for name, found in rest:
        names = zip(found.examples.id, found.normalisation.names_of_rows(found.examples), strict=True)
        if any(by_id.get(label, by) != by for label, by in names):
            what = f"the normalisers differ: {first} was scored by {base.normaliser}, {name} by {found.normaliser}"
            fix = "figures of different normalisers say nothing about each other: score both by the same language"
            raise UsageError(what, fix=fix)


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def refuse_none(systems: int) -> None:
    """Raise :class:`qatk.errors.UsageError` where there is no system."""
    if not systems:
        raise UsageError("there is nothing to compare", fix="name run folders or predictions files")


def refuse_no_points(option: str, points: float) -> None:
    """Raise :class:`qatk.errors.UsageError` for a margin, or a difference to detect, that is not above 0."""
    if isinstance(points, bool) or not isinstance(points, Real) or not 0 < points < math.inf:
        raise UsageError(f"{option} {points}: expected points of F1 above 0", fix=f"for example {spelled(option, 1.0)}")


def refuse_no_pair(systems: int) -> None:
    """Raise :class:`qatk.errors.UsageError` for a single system, of which no difference can be asked."""
    if systems < 2:
        what = "a margin, or a difference to detect, is between two systems, and this is one"
        raise UsageError(what, fix="leave it out, or name another system")
