"""What the page's browser of questions needs of systems, as compact columns.

Texts that stand in a context are kept as places in it, in characters (code points). Letters in shapes: n questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qatk.display import undirected
from qatk.evaluation import KINDS, MEANINGS, error_kinds_of, take
from qatk.results import Comparison, Evaluation, Pair, System
from qatk.types import Bool, Examples, Float64, Int64, Predictions, ragged
from qatk_builtin.reporters.html.packing import Column, Scaled, pack
from qatk_builtin.reporters.shared.comparison import letter_of

MOST_SPANS = 600_000
"""Best spans that a page holds, of all systems and questions together; each has as many as fit."""
OUTCOMES = ("wins", "losses", "both_wrong")


@dataclass(frozen=True)
class Browser:
    """The questions of a page.

    Attributes:
        about: plain values, small: names, kinds, slices, tables of columns.
        rows, best: bytes of the columns, see :mod:`qatk_builtin.reporters.html.packing`; the best spans are apart, for
            only an open question needs them.
    """

    about: dict[str, object]
    rows: str
    best: str


def browser(systems: Sequence[System], comparison: Comparison | None, most: int) -> Browser:
    """The questions of these systems, at most so many, those that some system has wrong first."""
    rows = _pick(systems, most)
    total = len(systems[0].evaluation.examples)
    masks = systems[0].evaluation.masks if comparison is None else comparison.masks
    masks = {slicer: {name: mask[rows] for name, mask in groups.items()} for slicer, groups in masks.items()}
    if len(rows) < total:
        systems = [replace(s, evaluations=_taken(s.evaluations, rows)) for s in systems]
    examples = systems[0].evaluation.examples
    extra: list[str] = []
    columns = _question_columns(examples, extra)
    columns["slices"] = _bits([mask for groups in masks.values() for mask in groups.values()])
    for i, system in enumerate(systems):
        columns |= {f"{name}.{i}": column for name, column in _system_columns(system, extra).items()}
    pairs = [pair for pair in comparison.pairs if not pair.baseline] if comparison else []
    for pair in pairs:
        columns |= {f"{name}.{pair.other}": column for name, column in _pair_columns(pair, rows, total).items()}
    columns["extra"] = extra
    spans = max(1, MOST_SPANS // max(1, len(examples) * len(systems)))
    table, packed = pack(columns)
    best_table, best = pack(
        {
            f"{name}.{i}": column
            for i, system in enumerate(systems)
            for name, column in _best_columns(system.evaluation, spans).items()
        }
    )
    about = {
        "total": total,
        "count": len(examples),
        "systems": [_described(i, system) for i, system in enumerate(systems)],
        "pairs": [{"other": pair.other} for pair in pairs],
        "kinds": [[kind, MEANINGS[kind]] for kind in KINDS],
        "slices": [[slicer, name, int(m.sum())] for slicer, groups in masks.items() for name, m in groups.items()],
        "columns": {"rows": table, "best": best_table},
        "spans": spans,
    }
    return Browser(about, packed, best)


def _described(index: int, system: System) -> dict[str, object]:
    seeds = [str(seed) for seed in system.seeds] if len(system.evaluations) > 1 else []
    places = system.evaluation.windows is not None or system.evaluation.predictions.nbest is not None
    return {"letter": letter_of(index), "name": undirected(system.name), "seeds": seeds, "places": places}


def _pick(systems: Sequence[System], most: int) -> Int64:
    n = len(systems[0].evaluation.examples)
    if n <= most:
        return np.arange(n)
    wrong = np.zeros(n, np.bool_)
    for system in systems:
        if "exact" in system.evaluation.per_question:
            wrong |= system.per_question("exact").min(axis=0) < 1
    # False sorts before True, so the negated flag puts wrong ones first; stable keeps the order of the data.
    return np.sort(np.argsort(~wrong, kind="stable")[:most])


def _taken(evaluations: Sequence[Evaluation], rows: Int64) -> list[Evaluation]:
    examples = evaluations[0].examples.take(rows)
    return [take(evaluation, rows, examples) for evaluation in evaluations]


def _question_columns(examples: Examples, extra: list[str]) -> dict[str, Column]:
    titles = {title: i for i, title in enumerate(dict.fromkeys(examples.title))}
    counts, starts, lengths, times, spans = [], [], [], [], []
    for row in range(len(examples)):
        found = _golds(examples, row, extra)
        counts.append(len(found))
        for (start, length), (number, span) in found.items():
            starts.append(start)
            lengths.append(length)
            times.append(number)
            spans.append(span)
    several = {} if examples.answer_span is None else {"gold_span": np.array(spans, np.int64)}
    return {
        "id": examples.id,
        "question": examples.question,
        "title": list(titles),
        "title_index": np.fromiter((titles[title] for title in examples.title), np.int64, len(examples)),
        "context": examples.context,
        "context_index": examples.context_index,
        "gold_count": np.array(counts, np.int64),
        "gold_start": np.array(starts, np.int64) + 1,
        "gold_length": np.array(lengths, np.int64),
        "gold_times": np.array(times, np.int64),
        **several,
    }


def _golds(examples: Examples, row: int, extra: list[str]) -> dict[tuple[int, int], tuple[int, int]]:
    """The distinct gold answers as places, how often each was given, and the span that it is an alternative of."""
    offsets = examples.answer_offsets
    found: dict[tuple[int, int], tuple[int, int]] = {}
    if offsets is None:
        return found
    context = examples.context_of(row)
    texts: dict[str, tuple[int, int]] = {}
    for k in range(int(offsets[row]), int(offsets[row + 1])):
        text, start = examples.answer_text[k], int(examples.answer_start[k])
        if start < 0 or context[start : start + len(text)] != text:
            start = context.find(text) if context.count(text) == 1 else -1
        place = (start, len(text)) if start >= 0 else None
        if place is None:
            place = texts.setdefault(text, (-1, len(extra)))
            if place[1] == len(extra):
                extra.append(text)
        times, span = found.get(place, (0, 0 if examples.answer_span is None else int(examples.answer_span[k])))
        found[place] = times + 1, span
    return found


def _system_columns(system: System, extra: list[str]) -> dict[str, Column]:
    evaluation = system.evaluation
    predictions = evaluation.predictions
    start = predictions.char_start.astype(np.int64)
    length = np.where(start >= 0, predictions.char_end - start, 0)
    for row in np.flatnonzero(start < 0).tolist():
        if text := predictions.text[row]:
            extra.append(text)
            length[row] = len(extra)
    return {
        "said_start": start + 1,
        "said_length": length,
        "f1": Scaled(_f1(system), 1_000_000),
        "kind": error_kinds_of(evaluation).astype(np.int64),
        "score": Scaled(predictions.score if predictions.score.any() else np.full(len(start), np.nan), 1000),
        "odds": Scaled(predictions.null_odds, 1000),
        **_more_columns(predictions, extra),
    }


def _more_columns(predictions: Predictions, extra: list[str]) -> dict[str, Column]:
    """The spans of each answer beside the best, of a system that gives several; places as those of the best."""
    if predictions.several is None:
        return {}
    counts, starts, lengths = [], [], []
    for row in range(len(predictions)):
        best, spans = int(predictions.char_start[row]), predictions.spans(row)
        more = [span for span in spans if span.char_start != best or span.char_start < 0]
        more = more[1:] if spans and best < 0 else more  # of unknown place, the first is the best
        counts.append(len(more))
        for span in more:
            starts.append(span.char_start + 1)
            if span.char_start < 0:
                extra.append(span.text)
            lengths.append(len(extra) if span.char_start < 0 else span.char_end - span.char_start)
    columns = {"more_count": counts, "more_start": starts, "more_length": lengths}
    return {name: np.array(values, np.int64) for name, values in columns.items()}


def _f1(system: System) -> Float64:
    """Means over the seeds; NaN where a metric gives none."""
    if any("f1" not in evaluation.per_question for evaluation in system.evaluations):
        return np.full(len(system.evaluation.examples), np.nan)
    mean: Float64 = system.per_question("f1").mean(axis=0)
    return mean


def _pair_columns(pair: Pair, rows: Int64, total: int) -> dict[str, Column]:
    """Of each question the outcome (1 to 3, in the order of :data:`OUTCOMES`; 0 none), and its rank in it from 0."""
    outcome, rank = np.zeros(total, np.int64), np.zeros(total, np.int64)
    for code, name in enumerate(OUTCOMES, 1):
        found = getattr(pair, name)
        outcome[found], rank[found] = code, np.arange(len(found))
    return {"outcome": outcome[rows], "rank": rank[rows]}


def _best_columns(evaluation: Evaluation, most: int) -> dict[str, Column]:
    best, n = evaluation.predictions.nbest, len(evaluation.examples)
    if best is None:
        return {"best_count": np.zeros(n, np.int64)}
    counts = np.minimum(np.diff(best.offsets), most)
    at = ragged.ranges(best.offsets[:-1], counts)
    return {
        "best_count": counts,
        "best_start": best.char_start[at].astype(np.int64),
        "best_length": (best.char_end - best.char_start)[at].astype(np.int64),
        "best_score": Scaled(best.score[at], 100),
        "best_probability": Scaled(best.probability[at], 10_000),
    }


def _bits(masks: Sequence[Bool]) -> Column:
    # One bit a question and slice.
    return np.packbits(np.stack(masks), axis=1, bitorder="little").ravel() if masks else np.zeros(0, np.uint8)
