"""Groups of questions that every report shows: by question word, and by answer length."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qatk.api import Examples, NoOptions
from qatk.types import Bool

_WORDS = {
    "what": "what",
    "who": "who",
    "whom": "who",
    "whose": "who",
    "when": "when",
    "where": "where",
    "which": "which",
    "why": "why",
    "how many": "how many/much",
    "how much": "how many/much",
    "how": "how",
}
_OTHER = "other"
_FIRST_WORD = re.compile(r"\b(?:what|who(?:m|se)?|when|where|which|why|how(?:\s+(?:many|much))?)\b", re.IGNORECASE)

_LENGTHS = ("no answer", "1 word", "2-3", "4-6", "7 or more")
_LONGER_THAN = (1, 3, 6)


class QuestionWord:
    """Groups by the first question word, wherever it stands: "In what year" belongs to ``what``."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; the groups are disjoint and cover every question. Empty ones are left out."""
        names = list(dict.fromkeys([*_WORDS.values(), _OTHER]))
        code = {name: i for i, name in enumerate(names)}
        return _masks(names, np.fromiter((code[_word(q)] for q in examples.question), np.int8, len(examples)))


class AnswerLength:
    """Groups by the number of words, separated by blanks, of the first gold answer."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; the groups are disjoint and cover every question. Empty ones are left out.

        Examples without gold make no group.
        """
        if examples.answer_offsets is None:
            return {}
        answered = examples.has_answer
        first = examples.answer_offsets[:-1][answered]
        words = np.fromiter((len(examples.answer_text[k].split()) for k in first), np.int64, len(first))
        codes = np.zeros(len(examples), np.int64)
        codes[answered] = 1 + np.searchsorted(_LONGER_THAN, words)
        return _masks(_LENGTHS, codes)


def _word(question: str) -> str:
    found = _FIRST_WORD.search(question)
    return _WORDS[" ".join(found[0].lower().split())] if found else _OTHER


def _masks(names: Sequence[str], codes: NDArray[Any]) -> dict[str, Bool]:
    masks = {name: codes == code for code, name in enumerate(names)}
    return {name: mask for name, mask in masks.items() if mask.any()}
