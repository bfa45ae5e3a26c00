"""The normal form of answers in the official SQuAD script (Rajpurkar et al. 2018, ``evaluate-v2.0.py``)."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]+")
_ARTICLES = re.compile(r"\b(?:an?|the)\b")
_BETWEEN = "\0"
"""Separates texts that are normalised together; no pattern matches across it."""


def normalise_answer(text: str) -> str:
    """Lower case, without ASCII punctuation and English articles, with single blanks; the result may be empty."""
    bare = _PUNCTUATION.sub("", text.lower())
    return " ".join(_ARTICLES.sub(" ", bare).split())


def normalise_answers(texts: Sequence[str]) -> list[str]:
    """Apply :func:`normalise_answer` to each text, all in one pass, which is several times as fast."""
    joined = _BETWEEN.join(texts)
    if joined.count(_BETWEEN) != len(texts) - 1:
        return [normalise_answer(text) for text in texts]
    bare = _PUNCTUATION.sub("", joined.lower())
    return [" ".join(text.split()) for text in _ARTICLES.sub(" ", bare).split(_BETWEEN)]
