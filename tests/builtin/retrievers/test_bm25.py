"""The ``bm25`` retriever: its ranking against plain loops, what it keeps, and what it says when it cannot."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qatk.api import Examples, Features
from qatk.errors import UsageError
from qatk.plugins.host import PluginHost
from qatk.types import ragged
from qatk_builtin.retrievers import Bm25Options
from qatk_builtin.retrievers.bm25 import Bm25Retriever
from stride_tools import examples_of

SIZE = 6


def windows(examples: Examples, tokens: Sequence[Sequence[tuple[int, int]]]) -> Features:
    """Windows of ``SIZE`` tokens that share two, between a token on either side that is none of the context."""
    spans, owner = [], []
    for row, of in enumerate(tokens):
        for begin in range(0, max(1, len(of) - 2), SIZE - 2):
            spans.append([(-1, -1), *of[begin : begin + SIZE], (-1, -1)])
            owner.append(row)
    flat = np.array([pair for window in spans for pair in window], np.int32)
    return Features(
        example_index=np.array(owner, np.int32),
        token_offsets=ragged.offsets_of(np.array(list(map(len, spans)))),
        input_ids=np.zeros(len(flat), np.int32),
        type_ids=np.zeros(len(flat), np.int8),
        char_start=flat[:, 0].copy(),
        char_end=flat[:, 1].copy(),
        null_index=np.zeros(len(spans), np.int32),
    )


def words(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand, which one blank divides."""
    found, at = [], 0
    for word in text.split(" "):
        found.append((at, at + len(word)))
        at += len(word) + 1
    return found


def kept(pairs: Sequence[tuple[str, str]], keep: int) -> list[list[int]]:
    """For each question the numbers of its windows that are kept."""
    examples = examples_of(pairs)
    features = windows(examples, [words(context) for _, context in pairs])
    found = Bm25Retriever(Bm25Options(keep=keep)).keep(examples, features)
    return [np.flatnonzero(found[features.example_index == row]).tolist() for row in range(len(pairs))]


def plain(question: str, context: str, keep: int) -> list[int]:
    """BM25 in loops: the formula of Lucene."""
    of = [context[window[0][0] : window[-1][1]].split(" ") for window in _divided(context)]
    mean = sum(map(len, of)) / len(of)
    scores = []
    for window in of:
        score, count = 0.0, Counter(window)
        for word in question.split(" "):
            holding = sum(word in other for other in of)
            weight = math.log(1 + (len(of) - holding + 0.5) / (holding + 0.5))
            score += weight * count[word] / (count[word] + 1.5 * (1 - 0.75 + 0.75 * len(window) / mean))
        scores.append(score)
    return sorted(sorted(range(len(of)), key=lambda k: (-round(scores[k], 5), k))[:keep])


def _divided(context: str) -> list[list[tuple[int, int]]]:
    of = words(context)
    return [of[begin : begin + SIZE] for begin in range(0, max(1, len(of) - 2), SIZE - 2)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60),
    st.lists(st.sampled_from("abcdefghxy"), min_size=1, max_size=5, unique=True),
    st.integers(1, 5),
)
def test_the_windows_that_plain_bm25_ranks_best_are_kept(context: list[str], question: list[str], keep: int) -> None:
    pair = (" ".join(question), " ".join(context))
    few = len(_divided(pair[1])) <= keep
    assert kept([pair], keep) == [list(range(len(_divided(pair[1])))) if few else plain(*pair, keep)]


def test_the_telling_window_is_kept_and_a_short_context_keeps_all() -> None:
    long = " ".join(f"the mill {k}" for k in range(40)) + " and ORR is a river"
    found = kept([("Where is Orr ?", long), ("Where?", "the mill of Orr"), ("xyzzy", long)], 1)
    assert found == [[len(_divided(long)) - 1], [0], [0]]  # of equal windows the first


@pytest.mark.parametrize("before", ["", "2020年A"])
def test_characters_are_words_where_a_script_has_no_blanks(before: str) -> None:
    context = before + "山" * 40 + "川"
    examples = examples_of([("川は?", context)])
    features = windows(examples, [[(k, k + 1) for k in range(len(context))]])
    found = Bm25Retriever(Bm25Options(keep=1)).keep(examples, features)
    assert np.flatnonzero(found).tolist() == [len(features) - 1]


@pytest.mark.parametrize(
    ("question", "others", "telling"),
    [
        ("दिन", "दान दीन", "वह दिन अच्छा"),
        ("cafe\u0301 ?", "caf\u00e9s cafe", "the caf\u00e9"),
        ("CAF\u00c9 ?", "cafes cafe", "the cafe\u0301"),
    ],
)
def test_a_word_keeps_its_marks_however_they_are_typed(question: str, others: str, telling: str) -> None:
    context = f"{others} " * 8 + telling
    assert kept([(question, context)], 1) == [[len(_divided(context)) - 1]]


def test_what_is_missing_or_wrong_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    host = PluginHost.discover()
    with pytest.raises(UsageError, match=r"keep"):
        host.build("retriever", "bm25", {"keep": 0})
    with pytest.raises(UsageError, match="no retriever is called 'bm52'"):
        host.build("retriever", "bm52")
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(UsageError, match=r'(?s)needs bm25s.*pip install "qatk\[passages\]"'):
        host.build("retriever", "bm25")
