"""Arguments of the Python interface that only look like what is due: one message, wherever they are given."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import qatk
from qatk.calibration.risk_control import Ask
from qatk.data import checked
from qatk.errors import UsageError
from qatk.evaluation.free_text import Aligner
from scoring_cases import examples_of

ROWS = [{"id": "1", "question": "Who?", "context": "A cat and a cat.", "answers": "cat", "topic": "t"}]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Aligner(None, abstentions="keine Antwort"), "abstentions is 'keine Antwort', where a list is due"),
        (lambda: Aligner(fuzzy="90"), "fuzzy is '90', no number"),
        (lambda: Aligner(fuzzy=True), "fuzzy is True, no number"),
        (lambda: qatk.Examples.from_rows(ROWS, columns="topic"), "columns is 'topic', where a list is due"),
        (lambda: qatk.Examples.from_rows(ROWS, ambiguous="frist"), "ambiguous is 'frist'"),
        (lambda: checked(examples_of([["a"]]), "kep", "here"), "policy is 'kep'"),
        (lambda: Ask(0.05, wrong="exakt"), "wrong is 'exakt'"),
        (lambda: Ask("5%"), "at_most is '5%', no number"),
        (lambda: Ask(0.05, confidence=None), "confidence is None, no number"),
    ],
)
def test_what_only_looks_like_an_argument_is_refused(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError) as told:
        wrong()
    assert str(told.value).partition("\n")[0] == said
    assert told.value.fix


def test_the_known_words_are_named() -> None:
    with pytest.raises(UsageError, match="use 'error', 'keep', 'skip' or 'fix'"):
        checked(examples_of([["a"]]), "kep", "here")
