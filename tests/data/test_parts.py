"""Splits and samples: no context in two parts, the same everywhere, as near to what is wanted as groups allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qatk.api import DataError, Examples, UsageError
from qatk.data import sample, split
from qatk.errors import DataWarning


def examples_of(titles: list[str], contexts: list[int], answered: list[bool]) -> Examples:
    n = len(titles)
    return Examples(
        id=[f"q{row}" for row in range(n)],
        question=["?"] * n,
        title=titles,
        context=[f"context {k}" for k in range(max(contexts) + 1)],
        context_index=np.array(contexts, np.int32),
        answer_offsets=np.cumsum([0, *answered]).astype(np.int64),
        answer_text=["context"] * sum(answered),
        answer_start=np.zeros(sum(answered), np.int32),
        columns={"language": ["de" if k % 3 else "en" for k in contexts]},
    )


@st.composite
def some(draw: st.DrawFn) -> Examples:
    n = draw(st.integers(4, 60))
    rows = st.lists(st.integers(0, 11), min_size=n, max_size=n)
    titles = [f"T{k}" if k else "" for k in draw(rows)]
    return examples_of(titles, draw(rows), draw(st.lists(st.booleans(), min_size=n, max_size=n)))


def articles(count: int = 60) -> Examples:
    """Articles of 1 to 20 questions, 5 to a context; a third has no answer, more of it in some articles."""
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 21, count)
    title = np.repeat(np.arange(count), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    answered = rng.random(len(title)) < np.where(title % 2, 0.9, 0.45)
    contexts = title * 5 + place // 5
    return examples_of([f"T{k}" for k in title], contexts.tolist(), answered.tolist())


@settings(max_examples=200, deadline=None)
@given(examples=some(), seed=st.integers(0, 3), by=st.sampled_from([None, "title", "context", "language"]))
def test_every_row_has_one_part_and_no_context_two(examples: Examples, seed: int, by: str | None) -> None:
    wanted: Mapping[str, float | None] = {"train": 0.5, "dev": 0.25, "test": None}
    try:
        made = split(examples, shares=wanted, by=by, seed=seed)
    except (DataError, UsageError) as error:
        said = str(error)
        assert "cannot be divided" in said or "fits into" in said or "one value for all questions" in said
        return
    rows = np.concatenate([*made.rows.values(), made.left])
    assert sorted(rows.tolist()) == list(range(len(examples)))
    seen: dict[tuple[str, Any], str] = {}
    for name, held in made.rows.items():
        assert (np.diff(held) > 0).all()
        for row in held.tolist():
            keys: list[tuple[str, Any]] = [("context", int(examples.context_index[row]))]
            if by != "context" and by != "language" and examples.title[row] and made.clusters.kind == "article":
                keys.append(("title", examples.title[row]))
            if by == "language":
                keys.append(("language", examples.columns["language"][row]))
            assert all(seen.setdefault(key, name) == name for key in keys)


@pytest.mark.parametrize("stratify", [False, True])
def test_sizes_are_near_to_what_is_wanted(stratify: bool) -> None:
    examples = articles()
    n = len(examples)
    for seed in range(5):
        made = split(examples, shares={"train": 0.7, "dev": 0.2, "test": 0.1}, seed=seed, stratify=stratify)
        for name, rows in made.rows.items():
            assert abs(len(rows) - made.wanted[name]) <= 3, name
            if stratify:
                share = examples.has_answer[rows].mean() - examples.has_answer.mean()
                assert abs(share) < 0.05, name
        assert sum(map(len, made.rows.values())) == n


def test_counts_leave_the_rest_out_or_to_a_part() -> None:
    examples = articles()
    made = split(examples, counts={"dev": 60, "test": 40})
    assert [abs(len(rows) - made.wanted[name]) <= 3 for name, rows in made.rows.items()] == [True, True]
    assert len(made.left) == len(examples) - sum(map(len, made.rows.values()))
    for size in (None, "rest"):
        rest = split(examples, counts={"dev": 60, "train": size})  # type: ignore[dict-item]
        assert not len(rest.left)
        assert rest.wanted == {"dev": 60, "train": len(examples) - 60}


def test_the_seed_decides_and_neither_machine_nor_order_does() -> None:
    examples = articles()
    wanted = {"train": 0.8, "dev": 0.2}

    def ids(among: Examples, seed: int) -> set[str]:
        return {among.id[row] for row in split(among, shares=wanted, seed=seed).rows["dev"]}

    assert ids(examples, 0) != ids(examples, 1)
    shuffled = examples.take(np.random.default_rng(0).permutation(len(examples)))
    assert ids(shuffled, 0) == ids(examples, 0)
    first = [examples.id[row] for row in split(examples, shares=wanted).rows["dev"]][:6]
    assert first == ["q57", "q58", "q59", "q60", "q61", "q62"]  # as any machine has it


@pytest.mark.parametrize("stratify", [False, True])
def test_what_an_earlier_split_divided_stays_where_it_was_as_the_data_grows(stratify: bool) -> None:
    grown, wanted = articles(), {"train": 0.7, "dev": 0.2, "test": 0.1}
    old = grown.take(np.flatnonzero([int(title[1:]) < 40 for title in grown.title]))
    before = {name: old.take(rows) for name, rows in split(old, shares=wanted, stratify=stratify).rows.items()}
    made = split(grown, shares=wanted, stratify=stratify, keep=before)
    assert made.kept == 40
    for name, rows in made.rows.items():
        assert set(before[name].id) == {grown.id[row] for row in rows} & set(old.id)
        assert abs(len(rows) - made.wanted[name]) <= 3, name


def test_a_group_is_known_by_its_title_a_context_or_a_question() -> None:
    old = examples_of(["a", "a", "b", "c", "d"], [0, 1, 2, 3, 4], [True] * 5)
    parts = {"x": old.take([0, 1, 2]), "y": old.take([3, 4])}
    renamed = examples_of(["a", "B", "c", "D", "e", "f"], [5, 2, 6, 7, 8, 9], [True] * 6)
    grown = replace(renamed, id=["n0", "n1", "n2", "q4", "q0", "n5"], question=["?", "?", "?", "?", "!", "?"])
    made = split(grown, shares={"x": 0.5, "y": 0.5}, keep=parts)
    assert made.kept == 4  # by title, context, title, and id with text; e has an id of another question
    assert {"n0", "n1"} <= {grown.id[row] for row in made.rows["x"]}
    assert {"n2", "q4"} <= {grown.id[row] for row in made.rows["y"]}


def test_groups_that_an_earlier_split_tore_and_those_that_are_gone_are_told() -> None:
    old = examples_of(list("aaabc"), [0, 1, 2, 3, 4], [True] * 5)
    parts = {"y": old.take([0, 3, 4]), "x": old.take([1, 2])}
    grown = examples_of(list("aaade"), [0, 1, 2, 5, 6], [True] * 5)
    grown = replace(grown, id=["q0", "q1", "q2", "n3", "n4"])
    with pytest.warns(DataWarning) as said:
        made = split(grown, shares={"x": 0.6, "y": 0.4}, keep=parts)
    assert (made.kept, made.torn, made.absent) == (1, 1, 2)
    assert made.rows["x"].tolist() == [0, 1, 2]
    assert [str(each.message) for each in said] == [
        "1 article stands in several parts of the earlier split, and now where most of it was: q0, q1, q2",
        "the data has nothing of the article of 2 questions of the earlier split: q3, q4",
    ]
    with pytest.raises(UsageError, match="the earlier split has 'y', none of the parts that are due\n  give each a"):
        split(grown, shares={"x": 1.0}, keep=parts)


def test_articles_that_share_a_context_stay_together() -> None:
    examples = examples_of(list("aabbccdd"), [0, 1, 1, 2, 3, 3, 4, 4], [True] * 8)
    made = split(examples, counts={"x": 4, "y": 4})
    assert made.joined == 2
    parts = [set(rows.tolist()) for rows in made.rows.values()]
    assert {0, 1, 2, 3} in parts


def test_a_sample_holds_the_smaller_ones_whatever_the_order() -> None:
    examples = articles()
    large, small = (set(sample(examples, number, seed=3).tolist()) for number in (50, 20))
    assert len(large) == 50
    assert small < large
    order = np.random.default_rng(0).permutation(len(examples))
    again = sample(examples.take(order), 20, seed=3)
    assert {int(order[row]) for row in again} == small
    assert set(sample(examples, 20, seed=4).tolist()) != small


@pytest.mark.parametrize("number", [0, -5, 0.5, True, "3"])
def test_a_sample_is_of_a_whole_number(number: Any) -> None:
    with pytest.raises(UsageError, match=r"number is .*\n  give a whole number, 1 or more"):
        sample(articles(), number)


def test_a_sample_of_whole_articles() -> None:
    examples = articles()
    rows = sample(examples, 100, by="title")
    titles = {examples.title[row] for row in rows}
    assert len(rows) == sum(title in titles for title in examples.title)
    assert abs(len(rows) - 100) <= 10


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "say shares or counts"),
        ({"shares": {"a": 0.5}, "counts": {"a": 3}}, "say shares or counts"),
        ({"shares": {"a": 0.9, "b": 0.2}}, "the parts are 1.1 together, of 1"),
        ({"shares": {"a": 1.0, "b": None}}, "nothing is left for the rest"),
        ({"shares": {"a": None, "b": None}}, "a and b are both to take the rest"),
        ({"shares": {"a": -0.1}}, "needs a share or count above 0"),
        ({"shares": {"a": float("nan")}}, "needs a share or count above 0"),
        ({"counts": {"a": 9000}}, "the parts are 9,000 together, of 6"),
        ({"shares": {"a": 0.5, "b": 0.5}, "by": "level"}, "no column 'level' to go by"),
        ({"shares": [0.8, 0.2]}, r"shares is \[0.8, 0.2\]\n  map parts to sizes"),
        ({"shares": {"a": "0.5"}}, r"shares\['a'\] is '0.5'\n  give a number, or 'rest'"),
        ({"counts": {"a": 1.5}}, r"counts\['a'\] is 1.5\n  give a whole number, or 'rest'"),
    ],
)
def test_what_cannot_be(wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        split(articles(), **wanted)


def test_too_few_articles() -> None:
    one = examples_of(["a", "b"], [0, 0], [True, True])
    with pytest.raises(DataError, match="1 article cannot be divided into 2 parts"):
        split(one, shares={"x": 0.5, "y": 0.5})
    lopsided = examples_of(["a"] * 50 + ["b"] * 50, [0] * 50 + [1] * 50, [True] * 100)
    with pytest.raises(DataError, match="no article fits into y"):
        split(lopsided, shares={"x": 0.99, "y": 0.01})
    with pytest.raises(UsageError, match="there are 100 questions, and 101 are to be drawn"):
        sample(lopsided, 101)
    bare = Examples(["a"], ["?"], [""], ["c"], np.zeros(1, np.int32))
    with pytest.raises(UsageError, match="do not stratify"):
        split(bare, shares={"x": 1.0}, stratify=True)
