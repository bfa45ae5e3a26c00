"""What adapters share, and the one that needs no other library; ``tools/try_adapters.py`` tries the others."""

from __future__ import annotations

import pytest

import qatk
from model_tools import save_model
from qatk.adapters.evidence import Evidence, find_evidence
from qatk.adapters.txtai import Questions
from qatk.errors import UsageError
from qatk.inference.model import AnsweringModel

QUESTION = "When was the mill built?"
TEXTS = [
    "The mill is old. Was it built by Dr. J. Smith in 1843? By the guild.",
    " ",
    "It stands \u00ab here. \u00bb\n\nNobody knows",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> AnsweringModel:
    folder = save_model(tmp_path_factory.mktemp("model"), answers=True)
    return qatk.load_model(folder, device="cpu", settings={"decoder": {"null_threshold": 1000.0}})


def test_evidence_is_the_sentences_with_an_answer(model: AnsweringModel) -> None:
    found = find_evidence(model, QUESTION, TEXTS, top_k=1, at_least=1.0)
    replies = model.answers([QUESTION] * 2, [TEXTS[0], TEXTS[2]], top_k=1)
    sentences = [
        ["The mill is old.", "Was it built by Dr. J. Smith in 1843?", "By the guild."],
        ["It stands \u00ab here. \u00bb", "Nobody knows"],
    ]
    assert found[1] is None
    for evidence, reply, of in zip((found[0], found[2]), replies, sentences, strict=True):
        assert evidence is not None
        begins = [reply.context.index(sentence) for sentence in of] + [len(reply.context)]
        held = [
            s for s, begin, end in zip(of, begins, begins[1:], strict=False) if begin < reply.end and end > reply.start
        ]
        assert evidence == Evidence(" ".join(held), reply.candidates[0].probability)
    assert [find_evidence(model, QUESTION, [text], top_k=1, at_least=1.0)[0] for text in TEXTS] == found


def test_more_spans_mark_more_sentences_and_no_answer_marks_none(model: AnsweringModel) -> None:
    (every,) = find_evidence(model, QUESTION, TEXTS[:1], top_k=50, at_least=0.0)
    assert every is not None
    assert every.text == TEXTS[0]
    silent = model.changed(decoder={"null_threshold": -1000.0})
    assert find_evidence(silent, QUESTION, TEXTS, at_least=1.0) == [None] * 3
    with pytest.raises(UsageError, match="question"):
        find_evidence(model, " ", TEXTS)


def test_questions_are_answered_as_txtai_asks(model: AnsweringModel) -> None:
    due = model.answer(QUESTION, TEXTS[0])
    assert Questions(model)([QUESTION, "Who?"], [TEXTS[0], ""]) == [due.text, None]
    assert Questions(model.changed(decoder={"null_threshold": -1000.0}))([QUESTION], TEXTS[:1]) == [None]
    assert Questions(model)([], []) == []
