from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qatk.api import DataError, Examples, LanguageOptions, NoOptions
from qatk.evaluation.metrics import judge
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric, LiveSlicer
from qatk.recipes.sections import DEFAULTS
from qatk.results import Evaluation
from qatk.statistics.intervals import mean_interval
from qatk_builtin.slicers import ColumnOptions
from qatk_builtin.slicers.contexts import ContextLength, QuestionOverlap
from qatk_builtin.slicers.question_words import known_languages
from qatk_builtin.slicers.questions import (
    Answerable,
    AnswerLength,
    AnswerOccurrences,
    AnswerPosition,
    AnswerSpans,
    Article,
    ColumnSlicer,
    QuestionWord,
)
from scoring_cases import examples_of, predictions_of, without_gold
from several_cases import examples_of_spans

QUESTIONS = {
    "In what year did it end?": "what",
    "WHAT'S it made of?": "what",
    "To whom was it given?": "who",
    "Whose idea was it?": "who",
    "By who?": "who",
    "When and where was it found?": "when",
    "Where is it?": "where",
    "For which purpose?": "which",
    "Why?": "why",
    "How many were there?": "how many/much",
    "By how\u00a0much did it rise?": "how many/much",
    "How manymade things": "how",
    "How is it done, and by what?": "how",
    "Name the one that was somewhat late.": "other",
    "In wh\u0131ch year?": "other",  # a dotless i, which re takes for an i where case is ignored
    "WH\u0130CH one?": "other",
    "Who\u017fe house is it?": "other",
    "": "other",
}


@pytest.mark.parametrize(("question", "group"), QUESTIONS.items())
def test_question_word(question: str, group: str) -> None:
    masks = QuestionWord(LanguageOptions()).masks(examples_of([[]], [question]))
    assert {name: mask.tolist() for name, mask in masks.items()} == {group: [True]}


def test_question_words_cover_every_question_once_in_a_fixed_order() -> None:
    masks = QuestionWord(LanguageOptions()).masks(examples_of([[]] * len(QUESTIONS), list(QUESTIONS)))
    assert list(masks) == ["what", "who", "when", "where", "which", "why", "how many/much", "how", "other"]
    assert np.sum(list(masks.values()), axis=0).tolist() == [1] * len(QUESTIONS)
    assert all(mask.dtype == np.bool_ for mask in masks.values())


def test_answer_length_counts_words_of_the_first_answer() -> None:
    golds = [["one"], ["one two", "x"], ["a b c"], ["a b c d"], ["a b  c d e f"], ["a b c d e f g"], []]
    masks = AnswerLength(NoOptions()).masks(examples_of(golds))
    assert {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()} == {
        "no answer": [6],
        "1 word": [0],
        "2-3": [1, 2],
        "4-6": [3, 4],
        "7 or more": [5],
    }
    assert list(AnswerLength(NoOptions()).masks(examples_of([["x"], ["y"]]))) == ["1 word"]


def test_no_gold_and_no_questions_make_no_groups() -> None:
    for slicer in (Answerable, AnswerLength, AnswerPosition, AnswerOccurrences):
        assert slicer(LanguageOptions()).masks(without_gold(2)) == {}
    for slicer in (*ALL, Answerable, AnswerLength, AnswerPosition, AnswerOccurrences):
        assert slicer(LanguageOptions()).masks(examples_of([])) == {}


ALL = (QuestionWord, ContextLength, QuestionOverlap, Article)


def examples(rows: Sequence[tuple[str, str, Sequence[tuple[str, int]]]], **columns: Sequence[str]) -> Examples:
    """Of context, question and answers with their places."""
    contexts = list(dict.fromkeys(context for context, _, _ in rows))
    flat = [answer for *_, answers in rows for answer in answers]
    return Examples(
        id=[f"q{i}" for i in range(len(rows))],
        question=[question for _, question, _ in rows],
        title=columns.pop("title", [""] * len(rows)),
        context=contexts,
        context_index=np.array([contexts.index(context) for context, _, _ in rows], np.int32),
        answer_offsets=np.cumsum([0, *(len(answers) for *_, answers in rows)]),
        answer_text=[text for text, _ in flat],
        answer_start=np.array([start for _, start in flat], np.int32),
        columns=columns,
    )


def rows_of(masks: Mapping[str, Any]) -> dict[str, list[int]]:
    return {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()}


def test_answerable() -> None:
    mixed = examples_of([["x"], [], ["y"]])
    assert rows_of(Answerable(NoOptions()).masks(mixed)) == {"answerable": [0, 2], "unanswerable": [1]}
    assert Answerable(NoOptions()).masks(examples_of([["x"], ["y"]])) == {}
    assert Answerable(NoOptions()).masks(examples_of([[], []])) == {}


def test_answer_position_is_the_quarter_that_the_first_answer_starts_in() -> None:
    context = "abcdefgh"
    answers = [[("a", 0)], [("b", 1), ("h", 7)], [("c", 2)], [("gh", 6)], [("h", 7)], [("?", -1)], [], [("", 8)]]
    masks = AnswerPosition(NoOptions()).masks(examples([(context, "?", answer) for answer in answers]))
    assert rows_of(masks) == {"first quarter": [0, 1], "second quarter": [2], "last quarter": [3, 4, 7]}


def test_answer_occurrences_are_whole_words() -> None:
    context = "In 1843 and 18431 and 1843, Ada. Ada and Ada and a.b a.b"
    answers = [[("1843", 3)], [("18431", 12)], [("Ada", 28)], [("a.b", 49)], [("18", 3)], [("gone", -1)], [], [("", 0)]]
    masks = AnswerOccurrences(NoOptions()).masks(examples([(context, "?", answer) for answer in answers]))
    assert rows_of(masks) == {"once": [1, 4], "twice": [0, 3], "3 times or more": [2]}


def test_context_length_counts_words() -> None:
    lengths = (80, 81, 120, 121, 160, 161, 240, 480, 481)
    masks = ContextLength(NoOptions()).masks(examples([("w " * n, "?", []) for n in lengths]))
    assert rows_of(masks) == {
        "up to 80 words": [0],
        "81-120": [1, 2],
        "121-160": [3, 4],
        "161-240": [5, 6],
        "241-480": [7],
        "more than 480": [8],
    }


def test_question_overlap_is_the_share_of_content_words() -> None:
    questions = [
        "When was the mill of Arlen built?",
        "What mill?",
        "Who sold the mill?",
        "Who sold, won, lost a mill?",
        "Who won what?",
        "Why?",
    ]
    context = "The MILL of Arlen was built in 1843."
    masks = QuestionOverlap(LanguageOptions()).masks(examples([(context, question, []) for question in questions]))
    assert rows_of(masks) == {"up to 25 %": [3, 4], "26-50 %": [2], "76-100 %": [0, 1]}


def test_articles_are_the_twenty_biggest_and_the_others() -> None:
    titles = ["A", "B", "B", ""]
    masks = Article(NoOptions()).masks(examples([("c", "?", [])] * 4, title=titles))
    assert rows_of(masks) == {"B": [1, 2], "A": [0], "no title": [3]}
    assert Article(NoOptions()).masks(examples([("c", "?", [])] * 2, title=["A", "A"])) == {}
    many = ["big"] * 3 + [f"t{i}" for i in range(30)] + ["other articles"] * 2
    masks = Article(NoOptions()).masks(examples([("c", "?", [])] * len(many), title=many))
    assert len(masks) == 21
    assert list(masks)[:2] == ["big", "other articles"]
    assert list(masks)[-1] == "other articles (not named)"
    assert np.sum(list(masks.values()), axis=0).tolist() == [1] * len(many)


def test_a_column_of_the_data_makes_groups(host: PluginHost) -> None:
    data = examples([("c", "?", [])] * 4, level=["hard", "", "hard", "easy"], kind=["a"] * 4)
    slicers = [host.live(LiveSlicer, "slicer", "column", ColumnOptions(name=name)) for name in ("level", "kind")]
    metric = host.live(LiveMetric, "metric", "squad")
    outcome = judge(data, predictions_of([""] * 4), [metric], slicers)
    assert rows_of(outcome.masks["level"]) == {"hard": [0, 2], "no level": [1], "easy": [3]}
    assert rows_of(outcome.masks["kind"]) == {"a": [0, 1, 2, 3]}
    with pytest.raises(DataError, match=r"(?s)no column 'gone'.*level, kind.*\[gone\]"):
        ColumnSlicer(ColumnOptions(name="gone")).masks(data)


def test_the_default_slicers_are_there_and_cover_what_they_say(host: PluginHost) -> None:
    assert {choice["use"] for choice in DEFAULTS["slicers"]} == {each.name for each in host.components("slicer")} - {
        "column"
    }


@pytest.mark.parametrize("n", [1, 7, 300])
def test_intervals_of_yes_or_no_figures_are_wilsons(n: int) -> None:
    from statsmodels.stats.proportion import proportion_confint

    for right in {0, 1, n // 3, n}:
        values = np.arange(n) < right
        low, high = proportion_confint(right, n, method="wilson")
        assert mean_interval(values.astype(np.float64)) == pytest.approx((100 * low, 100 * high), abs=1e-9)


def test_intervals_of_fractions_are_narrower_but_never_certain() -> None:
    rng = np.random.default_rng(0)
    binary, mild = (rng.random(400) < 0.5).astype(np.float64), rng.uniform(0.4, 0.6, 400)
    width = [high - low for low, high in map(mean_interval, (binary, mild))]
    assert 0 < width[1] < 0.4 * width[0]
    assert mean_interval(np.array([0.5, 0.5]))[1] - mean_interval(np.array([0.5, 0.5]))[0] > 50
    assert mean_interval(np.array([1.0]))[0] < 30
    assert np.isnan(mean_interval(np.zeros(0))).all()
    assert np.isnan(mean_interval(np.array([np.nan, 1.0]))).all()
    low, high = mean_interval(np.array([2.0, 4.0, 6.0]))
    assert low < 400 < high


@pytest.mark.parametrize(
    ("values", "shares"),
    [((0.0, 1.0), (0.1, 0.9)), ((0.0, 1.0), (0.5, 0.5)), ((0.0, 0.4, 0.8, 1.0), (0.2, 0.1, 0.1, 0.6))],
)
def test_intervals_hold_the_mean_about_as_often_as_they_say(values: Sequence[float], shares: Sequence[float]) -> None:
    rng, truth = np.random.default_rng(3), 100 * float(np.dot(values, shares))
    drawn = (mean_interval(rng.choice(values, 60, p=shares)) for _ in range(1500))
    assert 0.93 < np.mean([low <= truth <= high for low, high in drawn]) < 0.98


def test_slice_rows_have_means_and_intervals_and_leave_empty_slices_out() -> None:
    masks = {"length": {"short": np.array([True, True, False]), "long": np.zeros(3, np.bool_)}}
    per_question = {"exact": np.array([1.0, 0.0, 1.0]), "f1": np.array([1.0, 0.5, 0.0])}
    examples, predictions = examples_of([["Ada"]] * 3), predictions_of(["Ada"] * 3)
    examples = replace(examples, title=["a", "b", "a"])
    [row] = Evaluation(examples, predictions, {}, per_question, masks).slices
    assert (row.slicer, row.name, row.total, row.metrics) == ("length", "short", 2, {"exact": 50.0, "f1": 75.0})
    assert row.intervals["exact"] == mean_interval(np.array([1.0, 0.0]), np.array([0, 1]))


def test_answer_spans_counts_the_spans_that_are_due() -> None:
    examples = examples_of_spans(
        [["a"]], [], [["b"], ["c", "d"]], *[[[x] for x in "efgh"[:k]] for k in (3, 4)], [["x"]]
    )
    found = {name: np.flatnonzero(mask).tolist() for name, mask in AnswerSpans(NoOptions()).masks(examples).items()}
    assert found == {"1 span": [0, 5], "2 spans": [2], "3 spans": [3], "4 spans or more": [4]}


def test_answer_spans_makes_no_groups_of_single_answers() -> None:
    assert AnswerSpans(NoOptions()).masks(examples_of_spans([["a", "b"]], [])) == {}
    assert AnswerSpans(NoOptions()).masks(without_gold(2)) == {}


@pytest.mark.parametrize(
    ("language", "question", "group"),
    [
        ("de", "Seit wann steht der Turm?", "when"),
        ("de", "Was wurde 1843 gebaut?", "what"),
        ("en", "Was the mill built?", "other"),
        ("es", "¿En qué año?", "what"),
        ("es", "Lo que dice", "other"),
        ("fr", "Combien d'élèves ?", "how many/much"),
        ("it", "In quale città?", "which"),
        ("it", "Dov\u2019è la torre?", "where"),
        ("es", "¿Que\u0301 torre?", "what"),
        ("ko", "\u110b\u1165\u1103\u1175?", "where"),
        ("nl", "Hoeveel mensen?", "how many/much"),
        ("pt", "Por que caiu?", "why"),
        ("vi", "Ai là người Việt?", "who"),
        ("ar", "من أين جاء؟", "where"),
        ("ar", "مَن بنى البرج؟", "who"),
        ("hi", "भारत की राजधानी क्या है?", "what"),
        ("zh", "北京有多少人", "how many/much"),
        ("ja", "塔は誰が建てましたか。", "who"),
        ("ja-sudachi", "いつですか。", "when"),
        ("ko", "수도는 어디입니까?", "where"),
        ("th", "ใครสร้างที่นี่", "who"),
        ("en-mlqa", "Who built it?", "who"),
    ],
)
def test_question_words_of_languages(language: str, question: str, group: str) -> None:
    masks = QuestionWord(LanguageOptions(language=language)).masks(examples_of([[]], [question]))
    assert list(masks) == [group]


def test_question_words_are_known_for_every_language_with_a_normaliser() -> None:
    names = {
        r.name.partition("-")[0] for r in PluginHost.discover(environ={}).components("normaliser") if r.is_built_in
    }
    assert set(known_languages()) == names


def test_each_question_is_asked_in_its_own_language() -> None:
    asked = replace(examples_of([[]] * 3, ["Wer?", "Who?", "Wer?"]), columns={"lang": ["de", "en", "en"]})
    masks = QuestionWord(LanguageOptions(language_column="lang")).masks(asked)
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "who": [True, True, False],
        "other": [False, False, True],
    }


def test_scripts_without_blanks_have_words() -> None:
    bare = examples_of([["東京"], ["東京都庁舎"]], ["塔はどこ", "寺はいつ"])
    examples = replace(bare, context=["塔は東京にある。", "山" * 90])
    assert list(AnswerLength(NoOptions()).masks(examples)) == ["2-3", "4-6"]
    assert list(ContextLength(NoOptions()).masks(examples)) == ["up to 80 words", "81-120"]
    overlap = QuestionOverlap(LanguageOptions(language="ja")).masks(examples)
    assert rows_of(overlap) == {"up to 25 %": [1], "26-50 %": [0]}
