"""What adapters share, and the one that needs no other library; ``tools/try_adapters.py`` tries the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import qatk
from model_tools import save_model
from qatk.adapters.evidence import Evidence, find_evidence
from qatk.adapters.txtai import Questions
from qatk.errors import UsageError
from qatk.inference.model import AnsweringModel
from qatk.inference.reply import Candidate, Reply

QUESTION = "When was the mill built?"
TEXTS = [
    "The mill is old. Was it built by Dr. J. Smith in 1843? By the guild.",
    " ",
    "It stands \u00ab here. \u00bb\n\nNobody knows",
]
SENTENCES = [
    ["The mill is old.", "Was it built by Dr. J. Smith in 1843?", "By the guild."],
    ["It stands \u00ab here. \u00bb", "Nobody knows"],
]
"""Of the first text and the last."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> AnsweringModel:
    folder = save_model(tmp_path_factory.mktemp("model"), answers=True)
    return qatk.load_model(folder, device="cpu", settings={"decoder": {"null_threshold": 1000.0}})


def sentences_of(reply: Reply, spans: Sequence[Candidate], of: Sequence[str]) -> str:
    """The sentences that have some of these spans, or a part of one."""
    begins = [reply.context.index(sentence) for sentence in of] + [len(reply.context)]
    held = zip(of, begins, begins[1:], strict=False)
    return " ".join(s for s, begin, end in held if any(begin < span.end and end > span.start for span in spans))


def test_evidence_is_the_sentences_with_an_answer(model: AnsweringModel) -> None:
    found = find_evidence(model, QUESTION, TEXTS, top_k=1, at_least=1.0)
    replies = model.answers([QUESTION] * 2, [TEXTS[0], TEXTS[2]], top_k=1)
    assert found[1] is None
    for evidence, reply, of in zip((found[0], found[2]), replies, SENTENCES, strict=True):
        best = reply.candidates[0]
        assert evidence == Evidence(sentences_of(reply, [best], of), best.probability)
    assert [find_evidence(model, QUESTION, [text], top_k=1, at_least=1.0)[0] for text in TEXTS] == found


def test_more_spans_mark_more_sentences_and_no_answer_marks_none(model: AnsweringModel) -> None:
    (reply,) = model.answers([QUESTION], TEXTS[:1], top_k=50)
    for least in (0.0, reply.candidates[3].probability):
        (every,) = find_evidence(model, QUESTION, TEXTS[:1], top_k=50, at_least=least)
        assert every is not None
        spans = [span for span in reply.candidates if span.probability >= least]
        assert every.text == sentences_of(reply, spans, SENTENCES[0])
    silent = model.changed(decoder={"null_threshold": -1000.0})
    assert find_evidence(silent, QUESTION, TEXTS, at_least=1.0) == [None] * 3
    with pytest.raises(UsageError, match="question"):
        find_evidence(model, " ", TEXTS)


def test_questions_are_answered_as_txtai_asks(model: AnsweringModel) -> None:
    due = model.answer(QUESTION, TEXTS[0])
    assert Questions(model)([QUESTION, "Who?"], [TEXTS[0], ""]) == [due.text, None]
    assert Questions(model.changed(decoder={"null_threshold": -1000.0}))([QUESTION], TEXTS[:1]) == [None]
    assert Questions(model)([], []) == []
