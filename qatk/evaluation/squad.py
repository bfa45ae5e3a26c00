"""EM and F1 per question, their means, and what null odds add: the figures of the official SQuAD v2 script.

With the normaliser ``en`` every figure equals that of the script to the last digit (Rajpurkar et al. 2018,
``evaluate-v2.0.py``); other normalisers replace only its normalisation of answers. Sums therefore
run in its order: float64, from left to right, questions in the order of the data set, equal odds in that of the odds
file. ``sum()`` did so until Python 3.12, which compensates rounding errors; :func:`numpy.cumsum` always does.

The script does not support answers of several spans. For those, EM and F1 are those of DROP (Dua et al. 2019,
``drop_eval.py``), which equal SQuAD's for single spans; see :func:`exact_and_f1`.

Letters in shapes: n questions, m null odds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice

import numpy as np

from qatk.errors import DataError, counted
from qatk.languages import ENGLISH, Normalisation, Normalise
from qatk.memory import without_collector
from qatk.statistics.assignment import best_pairs
from qatk.statistics.classification import precision_recall, step_area
from qatk.statistics.intervals import percent
from qatk.types import GROUPS, Bool, Examples, Float64, Int64, Spans, groups_of, ragged

BLOCK = 1 << 14
"""The number of questions to score at a time: few enough for the processor's caches."""


def exact_and_f1(
    examples: Examples, texts: Sequence[str], several: Spans | None = None, normalisation: Normalisation = ENGLISH
) -> tuple[Float64, Float64]:
    """Exact match and token F1 of each question, the best over its gold answers.

    Gold answers that are empty after normalisation do not count. If none remains, a prediction is right if it is empty
    after normalisation too.

    If a question or its prediction has several spans, predicted and gold spans are paired one to one so that the sum of
    their scores is maximal; the score of a pair is the best over the alternatives of the gold span. F1 is this sum
    divided by the larger of the two numbers of spans, so that missing and additional spans both cost. Exact match
    requires equal numbers of spans and a pairing in which all are equal. A prediction of one span where two are due
    thus has an exact match of 0 and half of its span's F1. Unlike in DROP's script, figures are not rounded, and
    numbers are compared like all other words.

    Args:
        examples: with gold answers.
        texts: n predictions, row by row; ``""`` is "no answer".
        several: the spans of answers that have several; see :class:`qatk.types.Predictions`.
        normalisation: by which normaliser the answers are compared.

    Returns:
        Two float64[n], as fractions.

    Raises:
        DataError: if the examples have no gold answers, or the normalisation lacks a language of theirs.
        ValueError: if there are not n texts.
    """
    if examples.answer_offsets is None:
        raise DataError("these examples carry no gold answers", fix="scores need gold; use labelled data")
    if len(texts) != len(examples):
        raise ValueError(f"{counted(len(texts), 'prediction')} for {counted(len(examples), 'question')}")
    exact, f1 = np.empty(len(texts)), np.empty(len(texts))
    for normalise, rows in normalisation.groups(examples):
        if rows is None:
            return _by_one(normalise, examples, texts, several)
        some = None if several is None else several.take(rows)
        exact[rows], f1[rows] = _by_one(normalise, examples.take(rows), [texts[row] for row in rows.tolist()], some)
    return exact, f1


def _by_one(
    normalise: Normalise, examples: Examples, texts: Sequence[str], several: Spans | None
) -> tuple[Float64, Float64]:
    """:func:`exact_and_f1` by one normaliser."""
    assert examples.answer_offsets is not None
    offsets, exact, f1 = examples.answer_offsets, np.empty(len(texts)), np.empty(len(texts))
    given = iter(texts)
    for begin in range(0, len(texts), BLOCK):
        few = list(islice(given, BLOCK))
        rows = slice(begin, begin + len(few))
        edges = offsets[begin : begin + len(few) + 1]
        gold = examples.answer_text[int(edges[0]) : int(edges[-1])]
        with without_collector():
            exact[rows], f1[rows] = _exact_and_f1(normalise, few, gold, edges)
    for row in _rows_of_several(examples, several):
        said = [span.text for span in several.of(row)] if several is not None and texts[row] else []
        gold_spans = [[answer.text for answer in span] for span in examples.spans_of_answer(row)]
        exact[row], f1[row] = _score_spans(normalise, gold_spans, said or [text for text in (texts[row],) if text])
    return exact, f1


def _rows_of_several(examples: Examples, several: Spans | None) -> list[int]:
    """The questions of which several spans are due, or that are answered by several."""
    rows = np.zeros(len(examples), np.bool_) if examples.answer_span is None else examples.spans_due > 1
    if several is not None:
        rows |= np.diff(several.offsets) > 1
    return np.flatnonzero(rows).tolist()


def _score_spans(normalise: Normalise, gold: Sequence[Sequence[str]], said: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of some spans; see :func:`exact_and_f1`."""
    wanted = [kept for span in gold if (kept := [text for text in normalise(span) if text])]
    given = normalise(said) if said else []
    if not wanted or not given:
        right = float(not wanted and not any(given))
        return right, right
    equal = np.array([[float(text in span) for text in given] for span in wanted])
    f1 = np.array([[max(_text_f1(text, answer) for answer in span) for text in given] for span in wanted])
    whole = max(equal.shape)
    return float(equal[best_pairs(equal)].sum() == whole), float(f1[best_pairs(f1)].sum()) / whole


def _text_f1(given: str, gold: str) -> float:
    """Token F1 of two normalised texts, the gold not empty."""
    one, other = _bag(given), _bag(gold)
    same = len(one & other)
    return 2 * same / (len(one) + len(other))


def _exact_and_f1(
    normalise: Normalise, texts: Sequence[str], answers: Sequence[str], offsets: Int64
) -> tuple[Float64, Float64]:
    words, predicted, gold = _encode(normalise, texts, answers)
    row = ragged.owners(offsets)
    counts = gold != 0  # as in the official script, no answer that is empty when normalised counts as gold
    row, gold = row[counts], gold[counts]
    given = predicted[row]
    nothing = (np.bincount(row, minlength=len(texts)) == 0) & (predicted == 0)
    exact, f1 = nothing.astype(np.float64), nothing.astype(np.float64)
    # The best over a question's answers: at takes the maximum each time an index comes up.
    np.maximum.at(exact, row, given == gold)
    np.maximum.at(f1, row, _pair_f1(words, given, gold))
    return exact, f1


def _encode(normalise: Normalise, texts: Sequence[str], answers: Sequence[str]) -> tuple[list[str], Int64, Int64]:
    """The distinct normalised strings, ``""`` first, and where each text and each answer stands among them."""
    raw = list(dict.fromkeys(chain(texts, answers)))
    normal = normalise(raw)
    words = list(dict.fromkeys(chain([""], normal)))
    # Strings become numbers once: from here on equal texts are equal integers.
    code_of_words = dict(zip(words, range(len(words)), strict=True))
    code = dict(zip(raw, map(code_of_words.__getitem__, normal), strict=True))
    predicted = np.fromiter(map(code.__getitem__, texts), np.int64, len(texts))
    return words, predicted, np.fromiter(map(code.__getitem__, answers), np.int64, len(answers))


def _pair_f1(words: Sequence[str], given: Int64, gold: Int64) -> Float64:
    """Token F1 of pairs of codes, no gold empty: the harmonic mean of precision and recall over bags of tokens."""
    f1: Float64 = (given == gold).astype(np.float64)
    unequal = np.flatnonzero((given != gold) & (given != 0))
    a, b = given[unequal].tolist(), gold[unequal].tolist()
    bags = {code: _bag(words[code]) for code in {*a, *b}}
    sizes = ((len(bags[i] & bags[j]), len(bags[i]), len(bags[j])) for i, j in zip(a, b, strict=True))
    same, given_size, gold_size = np.array(list(sizes), np.float64).reshape(-1, 3).T
    precision, recall = same / given_size, same / gold_size
    np.divide(2 * precision * recall, precision + recall, out=same, where=same > 0)
    f1[unequal] = same
    return f1


def _bag(text: str) -> set[object]:
    """The tokens of a text as a set whose intersection with another counts repeated tokens as a multiset does."""
    tokens = text.split()
    bag: set[object] = set(tokens)
    if len(bag) < len(tokens):
        # The k-th repetition of a token is an element of its own, so that plain set operations count repetitions.
        bag.update((token, k) for token, count in Counter(tokens).items() for k in range(1, count))
    return bag


OFFICIAL = frozenset(
    [f"{group.prefix}{name}" for group in GROUPS for name in ("exact", "f1", "total")]
    + ["best_exact", "best_exact_thresh", "best_f1", "best_f1_thresh", "pr_exact_ap", "pr_f1_ap", "pr_oracle_ap"]
)
"""The keys of :func:`official_metrics` and :func:`odds_metrics`; figures of other metrics cannot have these names."""


def official_metrics(exact: Float64, f1: Float64, has_answer: Bool) -> dict[str, float]:
    """``exact``, ``f1``, ``total``, then ``HasAns_*`` and ``NoAns_*`` if there are such questions; in per cent.

    Args:
        exact: float64[n], fractions.
        f1: float64[n], fractions.
        has_answer: bool[n], whether the context answers the question.
    """
    metrics: dict[str, float] = {}
    for group, rows in groups_of(has_answer).items():
        metrics[f"{group.prefix}exact"] = percent(exact[rows])
        metrics[f"{group.prefix}f1"] = percent(f1[rows])
        metrics[f"{group.prefix}total"] = int(rows.sum())
    return metrics


def odds_metrics(
    exact: Float64, f1: Float64, has_answer: Bool, answered: Bool, odds: Float64, rows: Int64 | None = None
) -> dict[str, float]:
    """The best scores of any threshold on the null odds for these very data, and how well the odds rank questions.

    A question that is not in ``rows`` scores 0 at every threshold.

    Args:
        exact: float64[n], fractions.
        f1: float64[n], fractions.
        has_answer: bool[n], whether the context answers the question.
        answered: bool[n], whether the prediction is an answer.
        odds: float64[m], no NaN; the higher, the more likely there is no answer.
        rows: int64[m], the question of each of the odds. As in the official script, their order decides between equal
            odds. ``None``: row by row.

    Returns:
        ``best_exact``, ``best_exact_thresh``, ``best_f1``, ``best_f1_thresh`` and, if any question has an answer,
        ``pr_exact_ap``, ``pr_f1_ap`` and ``pr_oracle_ap``; thresholds in the unit of the odds, the others in per cent.
    """
    if np.isnan(odds).any():
        raise ValueError("null odds must not be NaN")
    order = np.argsort(odds, kind="stable")
    odds = odds[order]
    rows = order if rows is None else rows[order]
    metrics: dict[str, float] = {}
    for name, score in (("exact", exact), ("f1", f1)):
        # What answering adds: its score, or of a question without an answer the loss of the point for abstaining.
        gain = np.where(has_answer, score, np.where(answered, -1.0, 0.0))[rows]
        best, metrics[f"best_{name}_thresh"] = _best_threshold(gain, int((~has_answer[rows]).sum()), odds)
        metrics[f"best_{name}"] = 100.0 * best / len(score)
    metrics = {key: metrics[key] for key in ("best_exact", "best_exact_thresh", "best_f1", "best_f1_thresh")}
    if has_answer.any():
        for name, score in (("exact", exact), ("f1", f1), ("oracle", has_answer.astype(np.float64))):
            found = np.where(has_answer, score, 0.0)[rows]
            metrics[f"pr_{name}_ap"] = _average_precision(found, int(has_answer.sum()), odds)
    return metrics


def _best_threshold(gain: Float64, start: int, odds: Float64) -> tuple[float, float]:
    """The best sum of scores when questions begin to be answered in the order of rising odds, and the odds it is at.

    ``start`` is the sum when nothing is answered, whose threshold is 0; the first of equal sums wins.
    """
    curve = np.cumsum(np.concatenate(([float(start)], gain)))
    best = int(np.argmax(curve))
    return float(curve[best]), float(odds[best - 1]) if best else 0.0


def _average_precision(found: Float64, wanted: int, odds: Float64) -> float:
    """Area under the precision-recall steps in per cent."""
    return 100.0 * step_area(*precision_recall(found, wanted, odds)) if len(odds) else 0.0
