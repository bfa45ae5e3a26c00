"""The ``augment`` dataset: what each way makes holds by construction, and only what was asked for is made."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qatk.api import DataError, DatasetPart, DataWarning, Examples, UsageError
from qatk.plugins.host import PluginHost
from qatk.testing import check_component
from qatk_builtin.datasets.augment import WAYS
from qatk_builtin.datasets.augmentations import (
    Made,
    Source,
    cloze,
    distract,
    drop_words,
    shuffle,
    swap_entities,
    swap_questions,
)
from qatk_builtin.datasets.entities import names, numbers, sentences
from qatk_builtin.datasets.recurring import recurring, recurring_places

MILL = "The mill of Arlen was built in 1204. Ada Lovelace ran it until 1310. It is made of oak, as Dr. Stone says."
BELL = "The bell of Borsk hangs in the tower. It was cast in 1405 by Jan Hus, who also built the mill there."
GATE = "The gate of Cadiz is old."
RANDOM = np.random.default_rng


def examples(title: str = "Guilds") -> Examples:
    rows = [
        ("a", "When was the mill of Arlen built?", MILL, "1204"),
        ("b", "Who ran the mill of Arlen?", MILL, "Ada Lovelace"),
        ("c", "Who cast the bell of Borsk?", BELL, "Jan Hus"),
        ("d", "Who painted the gate of Cadiz?", GATE, ""),
    ]
    return Examples.from_rows(
        [
            {
                "id": name,
                "title": title,
                "question": question,
                "context": context,
                "answers": {"text": [text] * bool(text), "answer_start": [context.find(text)] * bool(text)},
            }
            for name, question, context, text in rows
        ]
    )


def made(way: Any, row: int, seed: int = 0, of: Examples | None = None, word_dropout: float = 0.3) -> Made:
    found: Made | None = way(Source(of or examples(), word_dropout), row, RANDOM(seed))
    assert found is not None
    for span in found.spans:
        for answer in span:
            assert found.context[answer.start : answer.start + len(answer.text)] == answer.text
    return found


def texts(places: list[tuple[int, int]], text: str) -> list[str]:
    return [text[low:high] for low, high in places]


def test_names_numbers_and_sentences() -> None:
    assert texts(names(MILL), MILL) == ["Arlen", "Ada Lovelace", "Dr", "Stone"]
    said = "In Rome, However, the Duke of York said IBM's pay."
    assert texts(names(said), said) == ["Rome", "Duke of York", "IBM"]
    owned = "In King\u2019s College, the Jones' and O'Hara's."
    assert texts(names(owned), owned) == ["King\u2019s College", "Jones", "O'Hara"]
    assert texts(numbers("1,204.5 m in 1990, B2 and 3."), "1,204.5 m in 1990, B2 and 3.") == ["1,204.5", "1990", "3"]
    assert [len(part) for part in texts(sentences(MILL), MILL)] == [36, 31, 25, 11]
    whole = (MILL.index("Dr."), MILL.index("Stone") + 5)
    assert texts(sentences(MILL, [whole]), MILL)[-1] == "It is made of oak, as Dr. Stone says."
    assert sentences("") == []


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_sentences_are_the_same_ones(seed: int) -> None:
    new = made(shuffle, 0, seed)
    assert new.context != MILL
    assert Counter(texts(sentences(new.context), new.context)) == Counter(texts(sentences(MILL), MILL))
    assert [a.text for span in new.spans for a in span] == ["1204"]
    assert shuffle(Source(examples(), 0.1), 3, RANDOM(seed)) is None


@pytest.mark.parametrize("seed", range(5))
def test_dropped_words_are_none_of_the_answer(seed: int) -> None:
    new = made(drop_words, 1, seed)
    words, left = MILL.split(), new.context.split()
    assert 0 < len(left) < len(words)
    rest = iter(words)
    assert all(word in rest for word in left), "the words that are left keep their order"
    assert "Ada Lovelace" in new.context


def test_words_that_stood_side_by_side_keep_what_is_between_them() -> None:
    context = "a  b c\nd e   f  g"
    row = {"id": "a", "question": "?", "context": context, "answers": {"text": ["c"], "answer_start": [5]}}
    source = Source(Examples.from_rows([row]), 0.5)
    found = {new.context for seed in range(30) if (new := drop_words(source, 0, RANDOM(seed))) is not None}
    assert len(found) > 20
    for text in found:
        left, places = text.split(), [context.index(word) for word in text.split()]
        for word, place, following, behind in zip(left, places, left[1:], places[1:], strict=False):
            between = context[place + 1 : behind]
            assert f"{word}{between if not between.strip() else ' '}{following}" in text


def test_words_of_a_long_context_are_dropped_in_linear_time() -> None:
    context = "word " * 16_000
    row = {"id": "a", "question": "?", "context": context, "answers": {"text": ["word"], "answer_start": [0]}}
    source, began = Source(Examples.from_rows([row])), time.process_time()
    assert drop_words(source, 0, RANDOM(0)) is not None
    assert time.process_time() - began < 5, "where it is quadratic, it takes half a minute"


@given(
    st.lists(st.sampled_from(["Ann", "did.", "it", "In", "1999,", "we", "left."]), min_size=4, max_size=12), st.data()
)
def test_answers_stand_where_they_are_said_to(words: list[str], data: st.DataObject) -> None:
    context = data.draw(st.sampled_from([" ", "  ", "\n"])).join(words)
    begin = data.draw(st.integers(0, len(context) - 1))
    text = context[begin : begin + data.draw(st.integers(1, 9))]
    if not text.strip():
        return
    row = {"id": "a", "question": "?", "context": context, "answers": {"text": [text], "answer_start": [begin]}}
    of = Examples.from_rows([row])
    for way in (shuffle, drop_words):
        if way(Source(of, 0.5), 0, RANDOM(1)) is not None:
            assert made(way, 0, 1, of, 0.5).spans[0][0].text == text


def test_a_distracting_context_has_no_answer() -> None:
    contexts = {made(distract, 0, seed).context for seed in range(20)}
    assert contexts == {f"{a}\n\n{b}" for other in (BELL, GATE) for a, b in ((MILL, other), (other, MILL))}
    assert distract(Source(examples(), 0.1), 3, RANDOM(0)) is None, "it may be answered there"
    assert distract(Source(examples(title=""), 0.1), 0, RANDOM(0)) is None, "nobody knows of which article it is"


def test_a_swapped_question_is_asked_of_the_likeliest_context_without_its_answers() -> None:
    new = made(swap_questions, 0)
    assert (new.question, new.context, new.spans) == (examples().question[0], BELL, ())
    assert made(swap_questions, 2).context == MILL
    assert swap_questions(Source(examples(), 0.1), 3, RANDOM(0)) is None
    rows = [
        {
            "id": k,
            "title": "t",
            "question": "Who?",
            "context": c,
            "answers": {"text": ["Ann"], "answer_start": [c.find("Ann")]},
        }
        for k, c in (("a", "Ann did."), ("b", "Did Ann?"))
    ]
    rows[1]["context"] = "Did ANN or Ann?"
    rows[1]["answers"]["answer_start"] = [11]
    assert swap_questions(Source(Examples.from_rows(rows), 0.1), 0, RANDOM(0)) is None


def test_a_swapped_entity_stands_in_no_sentence_with_the_answer() -> None:
    asked = {made(swap_entities, 0, seed).question for seed in range(20)}
    assert asked == {f"When was the mill of {name} built?" for name in ("Ada Lovelace", "Dr", "Stone")}
    assert not made(swap_entities, 0).spans
    assert swap_entities(Source(examples(), 0.1), 3, RANDOM(0)) is None
    near = "The mill of Arlen was built in 1204 by Ulf of Trent. It belonged to Zoe Stone."
    rows = [{"id": "a", "question": "When was the mill of Arlen built?", "context": near, "answers": "1204"}]
    asked = {made(swap_entities, 0, seed, Examples.from_rows(rows)).question for seed in range(20)}
    assert asked == {"When was the mill of Zoe Stone built?"}


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("When did Ratzel die?", "Friedrich Ratzel of Trent was born. RATZEL left. Bonn was new."),
        ("When was Germany new?", "Germany is old. German towns are. The German's land. Bonn was new."),
        ("When did ABC burn?", "ABC's tower stood. Bonn was new, said ABC."),
        ("When is Is met?", "Islam came. Bonn was new."),
    ],
)
def test_a_name_gives_way_to_no_other_form_of_itself(question: str, rest: str) -> None:
    rows = [{"id": "a", "question": question, "context": f"It burnt in 1204. {rest}", "answers": "1204"}]
    source = Source(Examples.from_rows(rows))
    asked = [new.question for seed in range(20) if (new := swap_entities(source, 0, RANDOM(seed))) is not None]
    assert all("Bonn" in text for text in asked)
    assert bool(asked) == ("Is met" not in question)


def test_a_cloze_question_is_a_sentence_without_its_answer() -> None:
    found = {}
    for seed in range(60):
        new = made(cloze, 0, seed)
        found[new.spans[0][0].text] = new.question
    assert found["1204"] == "The mill of Arlen was built in what year?"
    assert found["Ada Lovelace"] == "What ran it until 1310?"
    assert found["Arlen"] == "The mill of what was built in 1204?"
    assert cloze(Source(examples(), 0.1), 3, RANDOM(0)) is not None


AGAIN = (
    "The great mill of Arlen burns. Nobody saw the fire. In 1204 a great mill of Arlen was new, and a fire broke out."
)


def test_recurring_spans_are_the_longest_and_of_weight() -> None:
    found = [[AGAIN[low:high] for low, high in places] for places in recurring_places(AGAIN)]
    assert found == [["fire", "fire"], ["great mill of Arlen", "great mill of Arlen"]]
    hindi = "दिल्ली में एक किताब मिली। वह किताब पुरानी है।"
    assert [[hindi[low:high] for low, high in places] for places in recurring_places(hindi)] == [["किताब", "किताब"]]


def test_a_recurring_question_is_a_sentence_with_a_blank_and_the_rest_of_its_context() -> None:
    rows = [{"id": "a", "question": "?", "context": AGAIN, "answers": {"text": [], "answer_start": []}}]
    of = Examples.from_rows(rows)
    found = {new.question: new for new in (made(recurring, 0, seed, of) for seed in range(40))}
    assert sorted(found) == [
        "In 1204 a [MASK] was new, and a fire broke out.",
        "In 1204 a great mill of Arlen was new, and a [MASK] broke out.",
        "Nobody saw the [MASK].",
        "The [MASK] burns.",
    ]
    new = found["The [MASK] burns."]
    assert new.context == AGAIN.partition("burns. ")[2]
    assert [a.text for span in new.spans for a in span] == ["great mill of Arlen"]
    assert recurring(Source(examples()), 3, RANDOM(0)) is None
    twice = Examples.from_rows([{**rows[0], "context": "Old fire meets new fire. A fire burns."}])
    assert {made(recurring, 0, seed, twice).question for seed in range(20)} == {"A [MASK] burns."}
    source = Source(of)
    assert recurring(source, 0, RANDOM(0)) is not None
    assert list(source.blanks) == [0], "they are found once, and kept no longer than the source"


SET = {"use": "facts", "questions": 60}


def augmented(host: PluginHost, **options: Any) -> Examples:
    return host.build("dataset", "augment", {"set": SET, **options}).load()


def test_shares_columns_and_ids(host: PluginHost) -> None:
    base = host.build("dataset", "facts", {"questions": 60}).load()
    found = augmented(host, shuffle=0.5, drop_words=1.5, column="made")
    kinds = Counter(found.columns["made"])
    assert kinds == {"original": 60, "shuffle": 30, "drop_words": 90}
    assert list(found.id[:60]) == list(base.id)
    assert list(found.question[:60]) == list(base.question)
    assert len(set(found.id)) == len(found) == 180
    assert all(name.rpartition("/")[0] in base.id for name in found.id[60:])
    assert len({(q, found.context_of(row)) for row, q in enumerate(found.question)}) > 170
    assert (
        augmented(host).digest()
        != found.digest()
        == augmented(host, shuffle=0.5, drop_words=1.5, column="made").digest()
    )
    assert augmented(host, shuffle=0.5, drop_words=1.5, seed=1).id != found.id


def test_only_what_is_made_is_kept_where_that_is_asked_for(host: PluginHost) -> None:
    found = augmented(host, recurring=0.2, originals=False, blank="<mask>")
    assert set(found.columns["augmentation"]) == {"recurring"}
    assert len(found) == 12
    assert all("<mask>" in question for question in found.question)
    assert found.has_answer.all()


def test_a_way_does_not_depend_on_the_others(host: PluginHost) -> None:
    def questions(**options: float) -> list[tuple[str, str]]:
        found = augmented(host, shuffle=0.3, **options)
        return [
            (found.id[k], found.context_of(k))
            for k, kind in enumerate(found.columns["augmentation"])
            if kind == "shuffle"
        ]

    assert questions() == questions(cloze=0.5, drop_words=1.0)


def test_a_question_that_the_set_answers_from_a_context_is_not_made_for_it(host: PluginHost, tmp_path: Path) -> None:
    lines = ["id,title,question,context,answers", "a,t,Who left?,Ann left the old mill.,Ann"]
    lines += ["b,t,Who left?,Bob left the mill.,Bob", "c,t,Who burnt the bell?,Eve burnt the bell.,Eve"]
    lines += ["d,t,When did Rome burn?,It burnt in 1204. Rome and Bonn are old.,1204"]
    lines += ["e,t,When did Bonn burn?,It burnt in 1204. Rome and Bonn are old.,1204"]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    options = {"set": {"use": "table", "path": str(tmp_path / "own.csv")}, "swap_questions": 1.0, "swap_entities": 1.0}
    with pytest.warns(DataWarning, match="swap_"):
        found = host.build("dataset", "augment", options).load()
    asked = [(question, found.context_of(row)) for row, question in enumerate(found.question)]
    assert len(set(asked)) == len(asked)
    assert Counter(found.columns["augmentation"])["swap_questions"] == 3


def test_each_question_has_its_context_where_the_set_stores_one_twice(
    host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = examples()
    index = base.context_index + np.array([0, 1, 1, 1], np.int32)
    twice = replace(base, context=[MILL, *base.context], context_index=index)
    monkeypatch.setattr(DatasetPart, "load", lambda *_, **__: twice)
    found = augmented(host, distract=0.5, shuffle=0.5)
    assert [found.context_of(row) for row in range(4)] == [base.context_of(row) for row in range(4)]
    for row in range(len(found)):
        assert [found.context_of(row)[low:high] for low, high in found.spans_of(row)] == found.answers_of(row)


def test_answers_of_several_spans_and_further_columns_stay(host: PluginHost, tmp_path: Path) -> None:
    base = host.build("dataset", "facts", {"questions": 40, "lists": 1.0}).load()
    assert base.answer_span is not None
    found = host.build(
        "dataset", "augment", {"set": {"use": "facts", "questions": 40, "lists": 1.0}, "drop_words": 0.5}
    ).load()
    rows = [k for k, kind in enumerate(found.columns["augmentation"]) if kind != "original"]
    assert len(rows) == 20
    for row in rows:
        first = list(base.id).index(found.id[row].rpartition("/")[0])
        assert [[a.text for a in s] for s in found.spans_of_answer(row)] == [
            [a.text for a in s] for s in base.spans_of_answer(first)
        ]
    (tmp_path / "own.csv").write_text("id,question,context,answers,level\nx,Who?,Ann did. Bob left.,Ann,easy\n")
    own = {"use": "table", "path": str(tmp_path / "own.csv"), "columns": ["level"]}
    assert host.build("dataset", "augment", {"set": own, "shuffle": 1.0}).load().columns["level"] == ["easy", "easy"]


def test_what_is_wrong_is_said(host: PluginHost, tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match=r"augment: distract made 0 questions where 60 are due: the data give no more"):
        assert len(augmented(host, distract=1.0, column="made")) == 60
    with pytest.raises(UsageError, match="the set has a column 'augmentation' already"):
        host.build("dataset", "augment", {"set": {"use": "augment", "set": SET}}).load()
    with pytest.warns(DataWarning), pytest.raises(DataError, match="no question was made, and the set's own are left"):
        augmented(host, distract=1.0, originals=False)
    (tmp_path / "own.csv").write_text("id,question,context,answers\na,Who?,Ann did.,Ann\nb,Who?,Bob did.,Bob\n")
    for way in ("distract", "swap_questions"):
        untitled = {"set": {"use": "table", "path": str(tmp_path / "own.csv")}, way: 1.0}
        with pytest.warns(DataWarning, match=f"{way} made 0 questions where 2 are due: it takes .* have no titles"):
            host.build("dataset", "augment", untitled).load()
    (tmp_path / "bare.csv").write_text("question,context\nWho?,Ann did.\n")
    with pytest.raises(DataError, match="the set has no gold answers"):
        host.build("dataset", "augment", {"set": {"use": "table", "path": str(tmp_path / "bare.csv")}}).load()


def test_promises_are_kept_by_all_ways_together(host: PluginHost, tmp_path: Path) -> None:
    from qatk.data import save

    save(examples(), tmp_path / "guilds.json")
    of = {"use": "squad", "path": str(tmp_path / "guilds.json")}
    check_component("dataset", "augment", {"set": of, **dict.fromkeys(WAYS, 0.25)}, host=host)
