"""What a check finds: every kind of finding in data that has it and nothing else of its kind, and none in good data."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qatk.data import check, strict
from qatk.data.quality import KINDS, Finding, overlap
from qatk.data.quality.answers import core
from qatk.data.quality.near import words_of
from qatk.data.quality.overlap import jaccard, shingles
from qatk.evaluation import agreement_of
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset
from qatk.types import RawExamples
from qatk_builtin.datasets.squad import read_raw_squad
from repository import SHARED, needs_shared_data
from squad_files import CONTEXT, document, qa, write

LONG = (
    "The mill of Delft was built in 1843 by the guild of bakers, who ground rye there for eighty years. It burnt down "
    "in the winter of 1923, when the river was frozen and no water could be drawn; they built a smaller one of brick."
)
NFD = unicodedata.normalize("NFD", "Zoë met Bob in Århus.")


def raw(tmp_path: Path, *qas: dict[str, Any], context: str = CONTEXT) -> RawExamples:
    return read_raw_squad(write(tmp_path, document(*qas, context=context)))


def found(tmp_path: Path, *qas: dict[str, Any], context: str = CONTEXT) -> dict[str, Finding]:
    return {finding.kind: finding for finding in check(raw(tmp_path, *qas, context=context)).findings}


def asked(name: str, question: str, *answers: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {**qa(name, *answers), "question": question, **more}


ALONE = [
    ("misplaced-answer", [qa("a", ("Bob", 3)), qa("b", ("Bob", 8))], "nearest is 'Bob' at 8"),
    ("misplaced-answer", [qa("a", ("Bob", 10**30))], "where the context has nothing; nearest is 'Bob' at 8"),
    ("misspelt-answer", [qa("a", ("ann  MET", 0))], "nearest is 'Ann met' at 0"),
    ("absent-answer", [qa("a", ("Ann leaves Oslo", 21))], "most like it is 'Ann left Oslo i' at 21"),
    ("blank-answer", [qa("a", ("", 0)), qa("b", ("Bob", 8))], "'' at 0"),
    ("duplicate-id", [qa("a", ("Bob", 8)), asked("a", "Who else?", ("Ann", 0))], "2 questions have this id"),
    ("empty-field", [asked("a", " ", ("Bob", 8))], "the question is empty"),
    ("empty-field", [asked("a", ""), qa("b", ("Bob", 8))], "the question is empty"),
    ("missing-answers", [{"id": "a", "question": "Who?"}, qa("b", ("Bob", 8))], "'Who?'"),
    ("no-gold", [{"id": "a", "question": "Who?"}], "'Who?'"),
    ("contradictory-flag", [qa("a", ("Bob", 8), is_impossible=True)], "is_impossible is true, and there is an answer"),
    ("contradictory-flag", [qa("a", is_impossible=False)], "is_impossible is false, and there is no answer"),
    ("contradictory-answerability", [asked("b", "Whom?", ("Bob", 8)), asked("a", "whom")], "'whom' has no answer"),
    ("contradictory-answers", [asked("b", "Whom?", ("Bob", 8)), asked("a", "Whom?", ("Ann", 0))], "and 'Bob' as b"),
    ("repeated-question", [asked("b", "Whom?", ("Bob", 8)), asked("a", "Whom ?", ("Bob", 8))], "and 'Bob' as b"),
    ("broken-character", [asked("a", "Wh\ud800o?", ("Bob", 8))], "the question has U+D800"),
    ("cut-word", [qa("a", ("n met B", 2))], "in 'Ann met Bob in Oslo. Ann'"),
    ("padded-answer", [qa("a", (" Oslo", 14))], "which is 'Oslo'"),
    ("nothing-to-score", [qa("a", (".", 19))], "'.' at 19"),
    ("unknown-place", [qa("a", ("Bob", None))], "'Bob', which stands at 8"),
    ("ambiguous-place", [qa("a", ("n", None))], "'n', which stands 6 times"),
    ("ambiguous-place", [qa("a", ("Oslo", None))], "'Oslo', which stands 2 times"),
    ("html-remains", [asked("a", "Who is <b>Bob</b>?", ("Bob", 8))], "the question has '<b>'"),
    ("html-remains", [asked("a", "Bob &amp; who?", ("Bob", 8))], "the question has '&amp;'"),
    ("control-characters", [asked("a", "Who\u200b?", ("Bob", 8))], "the question has U+200B"),
    ("mixed-unicode", [asked("a", "Who is Zoe\u0308?", ("Bob", 8))], "U+0065 + U+0308"),
    ("replacement-character", [asked("a", "Who is Zo\ufffd?", ("Bob", 8))], "U+FFFD in 'Who is Zo"),
    ("annotators-disagree", [qa("a", ("Bob", 8), ("Oslo", 15))], "'Bob', 'Oslo'"),
]


@pytest.mark.parametrize(
    ("kind", "qas", "said"), [pytest.param(*row, id=f"{n}-{row[0]}") for n, row in enumerate(ALONE)]
)
def test_each_kind_is_found_alone(kind: str, qas: list[dict[str, Any]], said: str, tmp_path: Path) -> None:
    findings = found(tmp_path, *qas)
    assert list(findings) == [kind]
    assert findings[kind].ids == ["a"]
    assert said in findings[kind].examples[0]
    assert findings[kind].severity == KINDS[kind].severity
    assert findings[kind].count <= findings[kind].of


def test_a_control_character_in_a_context_is_told_of_its_first_question(tmp_path: Path) -> None:
    findings = found(tmp_path, qa("a", ("Bob", 8)), qa("b"), context=CONTEXT.replace(". Ann", ".\x07 Ann"))
    assert (findings["control-characters"].ids, findings["control-characters"].count) == (["a"], 1)
    assert "(data[0].paragraphs[0].qas[0]): the context has U+0007 in" in findings["control-characters"].examples[0]


def test_overlapping_spans(host: PluginHost, tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    spans = '[{"char_start": 0, "char_end": 7}, {"char_start": 4, "char_end": 11}]'
    path.write_text(f'{{"id": "a", "question": "Who?", "context": "{CONTEXT}", "spans": {spans}}}\n')
    [finding] = check(host.live(LiveDataset, "dataset", "evidence", {"path": str(path)}).raw()).findings
    assert (finding.kind, finding.ids) == ("overlapping-spans", ["a"])
    assert "'Ann met' at 0 and 'met Bob' at 4" in finding.examples[0]


def test_another_form_of_unicode_is_no_other_answer(tmp_path: Path) -> None:
    findings = found(tmp_path, qa("a", ("Zoë", 0)), context=NFD)
    assert set(findings) == {"misspelt-answer", "mixed-unicode"}
    findings = found(tmp_path, qa("a", ("cafe\u0301", 4)), context="The café.")
    assert set(findings) == {"misspelt-answer", "mixed-unicode"}
    assert "nearest is 'café' at 4" in findings["misspelt-answer"].examples[0]
    assert set(found(tmp_path, qa("a", ("Bob's", 0)), context="Bob\u2019s")) == {"misspelt-answer"}


def test_contexts_that_nobody_asked_about_are_no_mistake(host: PluginHost, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("Ann met Bob.\n\nThey live in Oslo.")
    passages = host.live(LiveDataset, "dataset", "passages", {"path": str(tmp_path / "texts.txt")}).raw()
    assert len(passages) == 2
    assert not check(passages).findings


def test_good_data_has_no_finding(host: PluginHost, tmp_path: Path) -> None:
    facts = host.live(LiveDataset, "dataset", "facts", {"questions": 400, "lists": 0.3}).raw()
    assert [f.kind for f in check(facts).findings if f.kind != "repeated-question"] == []
    assert (
        found(tmp_path, qa("a", ("Bob", 8), ("Bob in Oslo", 8), is_impossible=False), qa("b", is_impossible=True)) == {}
    )


SAME = asked("t1", "When was the mill built?", ("1843", 31))
OF_TRAIN = [
    (LONG, "When was the mill built?", {"question-in-train", "context-in-train"}),
    (LONG.upper(), "when  was the mill built", {"question-in-train", "context-in-train"}),
    (LONG.replace("rye", "oats"), "When was the mill built?", {"question-in-train", "near-context-in-train"}),
    (LONG, "When was the old mill built?", {"near-question-in-train", "context-in-train"}),
    (LONG, "Who drew water?", {"context-in-train"}),
    (CONTEXT, "When was the mill built?", {"question-of-other-context"}),
    (CONTEXT, "Who drew water?", set()),
]


@pytest.mark.parametrize(("context", "question", "kinds"), OF_TRAIN)
def test_what_is_in_the_training_data_too(context: str, question: str, kinds: set[str], tmp_path: Path) -> None:
    train = raw(tmp_path, SAME, qa("t2"), context=LONG)
    dev = raw(tmp_path, asked("d", question), context=context)
    findings = {f.kind: f for f in check(dev, train).findings}
    assert set(findings) == kinds
    for kind in kinds - {"context-in-train", "near-context-in-train"}:
        assert "of t1" in findings[kind].examples[0]
    assert all(finding.ids == ["d"] for finding in findings.values())


def test_each_training_question_is_cut_into_words_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = raw(tmp_path, *(asked(f"t{k}", f"Who saw mill {k} burn?") for k in range(20)), context=LONG)
    dev = raw(tmp_path, *(asked(f"d{k}", f"Which river froze {k}?") for k in range(30)), context=LONG)
    cut = list[str]()
    monkeypatch.setattr(overlap, "shingles", lambda text, size: cut.append(text) or shingles(text, size))
    assert [each.kind for each in check(dev, train).findings] == ["context-in-train"]
    assert len(cut) == len(set(cut)) == 50


def test_contexts_of_no_words_are_like_none(tmp_path: Path) -> None:
    assert not check(raw(tmp_path, qa("d"), context=LONG), raw(tmp_path, SAME, context="...")).findings


def test_near_duplicates_are_those_of_all_pairs() -> None:
    """The signatures find what comparing every pair finds, well above the threshold, and nothing below it."""
    rng = np.random.default_rng(0)
    words = [f"w{k}" for k in range(400)]
    drawn = [rng.choice(words, 60).tolist() for _ in range(60)]
    others = [" ".join(each) for each in drawn]
    texts = []
    for each in drawn:
        replaced = set(rng.choice(60, int(rng.integers(0, 12)), replace=False).tolist())
        texts.append(" ".join("new" if place in replaced else word for place, word in enumerate(each)))
    dev, train = (_contexts(each) for each in (texts, others))
    near = [f for f in check(dev, train).findings if f.kind in ("near-context-in-train", "context-in-train")]
    reported = {name for finding in near for name in finding.ids}
    pairs = enumerate(zip(texts, others, strict=True))
    likeness = {f"q{k}": jaccard(shingles(a, 3), shingles(b, 3)) for k, (a, b) in pairs}
    assert reported <= {name for name, value in likeness.items() if value >= 0.6}
    assert reported >= {name for name, value in likeness.items() if value >= 0.8}
    assert 5 < len(reported) < 60


def _contexts(texts: list[str]) -> RawExamples:
    n = len(texts)
    return RawExamples(
        id=[f"q{k}" for k in range(n)],
        question=[""] * n,
        title=[""] * n,
        context=texts,
        context_index=np.arange(n, dtype=np.int32),
        answer_offsets=np.zeros(n + 1, np.int64),
        answer_text=[],
        answer_start=[],
        has_gold=np.zeros(n, np.bool_),
        impossible=[None] * n,
    )


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("Oslo", "Oslo"),
        (" Oslo,", "Oslo"),
        ("(Oslo)", "(Oslo)"),
        ("Oslo)", "Oslo"),
        ("(Oslo", "Oslo"),
        ('"Oslo"', '"Oslo"'),
        ('"Oslo', "Oslo"),
        ("“Bob” und „Adler“", "“Bob” und „Adler“"),
        ("“Oslo", "Oslo"),
        ("Oslo”", "Oslo"),
        ("”Oslo", "Oslo"),
        ("Oslo“", "Oslo"),
        ("„Oslo“ “", "„Oslo“"),
        ("“Oslo” ”", "“Oslo”"),
        ("37\u00b0 9' 58\"", "37\u00b0 9' 58\""),
        ("the U.S.", "the U.S."),
        ("Inc.", "Inc."),
        ("in the buildings.", "in the buildings"),
        ("1905.", "1905"),
        ("Jeopardy!", "Jeopardy!"),
        (".NET", ".NET"),
        ("...", "..."),
        (", ;", ", ;"),
        ("-5", "-5"),
    ],
)
def test_what_pads_an_answer(text: str, inner: str) -> None:
    begin, end = core(text)
    assert text[begin:end] == inner


@pytest.mark.parametrize("pair", ["„“", "„”", "””", "“”", "»«", "«»", "»»", "\u201a\u2018", "\u2019\u2019"])
def test_quotes_of_all_languages_stay(pair: str) -> None:
    for text in (f"{pair[0]}Oslo{pair[1]}", f"In {pair[0]}Oslo{pair[1]}", f"{pair[0]}Oslo{pair[1]} now"):
        assert core(text) == (0, len(text))


def test_agreement_is_the_mean_over_annotators_left_out(tmp_path: Path) -> None:
    rows = raw(tmp_path, qa("a", ("Oslo", 15), ("Oslo", 15), ("in Oslo", 12)), qa("b", ("Bob", 8)), qa("c"))
    agreement = agreement_of(strict(rows, "error", "x"))
    assert agreement is not None
    assert (agreement.questions, agreement.answers, agreement.rows.tolist()) == (1, 3, [0])
    assert agreement.exact == pytest.approx(100 * 2 / 3)
    assert agreement.f1 == pytest.approx(100 * (1 + 1 + 2 / 3) / 3)
    assert "EM 66.7, F1 88.9 (1 question with 3.0 answers on average)" in agreement.said
    variants = qa("a", ("Oslo", 15), ("in Oslo", 12))
    for unknown in ([qa("b", ("Bob", 8)), qa("c")], [variants]):
        assert agreement_of(strict(raw(tmp_path, *unknown), "error", "x")) is None


@needs_shared_data
def test_the_mini_sets_are_as_described() -> None:
    train, dev = (read_raw_squad(SHARED / "squad2-mini" / f"{name}.json.gz") for name in ("train", "dev"))
    quality = check(dev, train)
    counts = {finding.kind: finding.count for finding in quality.findings}
    assert not quality.errors
    assert counts["cut-word"] == 3
    assert quality.agreement is not None
    assert (quality.agreement.questions, round(quality.agreement.f1, 1)) == (1086, 93.1)
    assert {f.kind: f.count for f in check(train).errors} == {"contradictory-answerability": 4}


def test_words_keep_their_marks() -> None:
    assert words_of("दिन में café") == ["दिन", "में", "café"]
    assert words_of("東京 1") == ["東", "京", "1"]
    assert words_of("?!") == ["?", "!"]
