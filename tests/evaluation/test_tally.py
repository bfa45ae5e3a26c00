"""Scores by blocks are those of all questions at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qatk.evaluation.evaluate import evaluate_examples
from qatk.evaluation.prediction_rows import Said
from qatk.evaluation.tally import Tally
from qatk.languages import ENGLISH, Normalisation
from qatk.plugins.normalisers import normalisation_of
from qatk.types import Bool, Examples
from scoring_cases import examples_of
from several_cases import examples_of_spans

GOLDS = [["the Arlen", "Borsk"], [], ["Cadiz Delft"], ["Essen"], [], ["Fargo"], ["a Gouda"]]
SAID: list[Said] = ["Arlen", "", "Delft", "Halle", "Gouda", "Fargo", ""]


def titled(titles: Sequence[str], columns: dict[str, Any] | None = None) -> Examples:
    examples = examples_of(GOLDS)
    index = np.array([0, 0, 1, 2, 3, 3, 1], np.int32)
    contexts = [f"{name}: Arlen, Borsk, Cadiz Delft, Essen, Fargo, Gouda" for name in "abcd"]
    return replace(examples, title=titles, columns=columns or {}, context=contexts, context_index=index)


LANGUAGES = {"language": ["en", "de", "de", "en", "de", "en", "de"]}
CASES = {
    "articles": (titled(["A", "A", "B", "B", "C", "C", "C"]), SAID, ENGLISH),
    "some titles": (titled(["A", "", "B", "B", "", "", "A"]), SAID, ENGLISH),
    "contexts": (titled([""] * 7), SAID, ENGLISH),
    "languages": (titled(["A", "", "B", "B", "C", "C", ""], LANGUAGES), SAID, normalisation_of(None, "language", None)),
    "spans": (
        examples_of_spans([["Arlen"], ["Borsk", "the Borsk"]], [], [["Cadiz"]], [["Delft"], ["Essen"]]),
        [["Borsk", "Arlen"], [], ["Cadiz"], ["Delft"]],
        ENGLISH,
    ),
}


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("case", CASES)
def test_blocks_score_as_a_whole_does(case: str, size: int) -> None:
    examples, said, normalisation = CASES[case]
    due = evaluate_examples(examples, dict(zip(examples.id, said, strict=True)), normalisation=normalisation)
    tally = Tally(normalisation)
    for begin in range(0, len(examples), size):
        rows = range(begin, min(begin + size, len(examples)))
        tally.add(examples.take(rows), {examples.id[row]: said[row] for row in rows})
    found = tally.evaluation()
    assert found.metrics == due.metrics
    assert list(found.metrics) == list(due.metrics)
    assert found.normaliser == due.normaliser
    assert tally.several == (case == "spans")
    for name in ("kind", "note", "count"):
        assert getattr(found.clusters, name) == getattr(due.clusters, name)
    rows_of: list[Bool] = [np.ones(len(examples), np.bool_), examples.has_answer, ~examples.has_answer]
    for rows in rows_of:
        for name in ("exact", "f1"):
            np.testing.assert_allclose(found.interval(name, rows), due.interval(name, rows), rtol=1e-12)


def test_a_question_without_a_prediction_is_refused() -> None:
    examples = examples_of(GOLDS)
    with pytest.raises(Exception, match="no prediction"):
        Tally(Normalisation()).add(examples, {examples.id[0]: "Arlen"})
