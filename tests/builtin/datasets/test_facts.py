"""The generated data set: right answers, telling negatives, nothing shared between seeds, the same every time."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qatk.api import Examples
from qatk.data import overlapping_spans
from qatk_builtin.datasets import FactsOptions
from qatk_builtin.datasets.facts import PER_PASSAGE, FactsDataset, _data
from qatk_builtin.datasets.facts_names import SEEDS, invented_name


def facts(**options: object) -> Examples:
    return FactsDataset(FactsOptions(**options)).load()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def many() -> Examples:
    return facts(questions=2000, seed=7)


def test_sizes_and_shares(many: Examples) -> None:
    assert len(many) == 2000
    assert len(set(many.id)) == 2000
    assert len(many.context) == 2000 // PER_PASSAGE
    assert 0.25 < 1 - many.has_answer.mean() < 0.35
    hard = [" and " in title.replace(" and Sons", "") for title in many.title]
    assert 0.4 < np.mean(hard) < 0.6
    words = sorted(len(context.split()) for context in many.context)
    assert words[len(words) // 2] < 110
    assert words[-1] > 300
    assert len(facts(questions=7)) == 7


def test_every_answer_stands_where_it_says_and_nowhere_else(many: Examples) -> None:
    for row in range(len(many)):
        for start, end in many.spans_of(row):
            assert many.context_of(row)[start:end] in many.answers_of(row)
        for answer in many.answers_of(row)[:1]:
            assert many.context_of(row).count(answer) == 1, many.id[row]


def test_many_patterns_and_several_references(many: Examples) -> None:
    openings = {" ".join(question.split()[:2]) for question in many.question}
    assert len(openings) > 25
    assert sum(len(many.answers_of(row)) > 1 for row in range(len(many))) > 500


def test_questions_without_an_answer_tempt() -> None:
    """What they ask for stands in the passage, told of something else: a year for "when", a person for "who"."""
    e = facts(questions=800, hard=1.0, unanswerable=0.5, long=0.0)
    when = [row for row in np.flatnonzero(~e.has_answer).tolist() if e.question[row].startswith("When ")]
    with_year = sum(re.search(r"\b1[5-9]\d\d\b", e.context_of(row)) is not None for row in when)
    assert len(when) > 20
    assert with_year > 0.8 * len(when)


def test_no_question_is_asked_twice_of_a_passage(many: Examples) -> None:
    pairs = set(zip(many.context_index.tolist(), many.question, strict=True))
    assert len(pairs) == len(many)


def test_seeds_share_no_name() -> None:
    names = [{invented_name(i, seed) for i in range(3000)} for seed in (0, 1, 2, 1008)]
    assert all(len(each) == 3000 for each in names)
    assert not any(a & b for i, a in enumerate(names) for b in names[:i])


@given(
    st.tuples(st.integers(0, 60_000), st.integers(0, SEEDS - 1)),
    st.tuples(st.integers(0, 60_000), st.integers(0, SEEDS - 1)),
)
def test_a_name_tells_its_index_and_seed(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert (invented_name(*a) == invented_name(*b)) == (a == b)


def test_options_decide_and_nothing_else() -> None:
    assert facts(seed=3, questions=200).digest() == facts(seed=3, questions=200).digest()
    assert facts(seed=3, questions=200).digest() != facts(seed=4, questions=200).digest()
    code = (
        "from qatk_builtin.datasets.facts import FactsDataset as F;"
        "from qatk_builtin.datasets import FactsOptions as O;"
        "print(F(O(seed=3, questions=200)).load().digest())"
    )
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONHASHSEED": hash_seed}
        )
        assert done.stdout.strip() == facts(seed=3, questions=200).digest(), done.stderr


@pytest.mark.parametrize(("hard", "unanswerable", "long"), [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0)])
def test_extremes(hard: float, unanswerable: float, long: float) -> None:
    e = facts(questions=100, hard=hard, unanswerable=unanswerable, long=long)
    assert e.has_answer.any() == (unanswerable == 0)
    assert min(len(context.split()) for context in e.context) > (150 if long else 20)


def test_lists_are_off_and_change_nothing_else() -> None:
    assert FactsDataset(FactsOptions()).load().answer_span is None
    digest = FactsDataset(FactsOptions(questions=1000)).load().digest()
    assert digest == "7b923f9627da9916993d3e0536d45d1f2da5ec42294ef85b7808f9a434069688"  # as before there were lists


def test_list_questions_ask_for_all_spans() -> None:
    found = FactsDataset(FactsOptions(lists=1.0, questions=400, seed=3)).load()
    assert 0.6 < found.has_answer.mean() < 0.8
    assert set(found.spans_due.tolist()) == set(range(8))
    values = [*_data()["values"]["rivers"], *_data()["values"]["goods"]]
    assert all(overlapping_spans(found, row) is None for row in range(len(found)))
    for row in range(len(found)):
        context, asked = found.context_of(row), found.question[row]
        told = found.spans_of_answer(row)
        assert all(context[answer.start :].startswith(answer.text) for (answer,) in told)
        assert len({answer.text for (answer,) in told}) == len(told)
        value = next(v for v in values if re.search(rf"\b{v}\b", asked))
        due = {s for s in re.split(r"(?<=\.) ", context) if value in s}
        holding = {s for s in re.split(r"(?<=\.) ", context) if any(a.text in s and value in s for (a,) in told)}
        assert due == holding  # every sentence of what is asked tells of a town that is due, and no town is left out
        assert len(told) == sum(s.count(" and ") + s.count(", ") + 1 for s in due)


def test_list_passages_stand_among_others_and_are_the_same_each_time() -> None:
    mixed = FactsOptions(lists=0.4, questions=400)
    found = FactsDataset(mixed).load()
    assert found.digest() == FactsDataset(mixed).load().digest()
    assert 0.1 < (found.spans_due > 1).mean() < 0.5
    assert len(found.answer_text) > found.spans_due.sum()  # other questions have alternatives, as ever
