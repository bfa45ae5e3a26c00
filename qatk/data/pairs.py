"""Examples made of questions and contexts from a program."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qatk.errors import UsageError, counted
from qatk.types import Examples


def pairs(questions: Sequence[str], contexts: Sequence[str]) -> Examples:
    """Examples of questions with their contexts, without gold answers; ids are ``0``, ``1`` ...

    Args:
        questions: n texts.
        contexts: n texts; equal contexts are stored once.

    Raises:
        UsageError: if there are not as many questions as contexts, or if one is blank, not a text or not UTF-8.
    """
    if len(questions) != len(contexts):
        raise UsageError(
            f"{counted(len(questions), 'question')} for {counted(len(contexts), 'context')}",
            fix="give one context a question",
        )
    for what, texts in (("question", questions), ("context", contexts)):
        for row, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                seen = "blank" if isinstance(text, str) else f"no text but {type(text).__name__}"
                raise UsageError(f"{_named(what, row, texts)} is {seen}")
            if not _is_unicode(text):
                raise UsageError(f"{_named(what, row, texts)} is not UTF-8", fix="it has half of a surrogate pair")
    places: dict[str, int] = {}
    index = np.array([places.setdefault(context, len(places)) for context in contexts], np.int32)
    return Examples(
        id=[str(row) for row in range(len(questions))],
        question=list(questions),
        title=[""] * len(questions),
        context=list(places),
        context_index=index,
    )


def _named(what: str, row: int, texts: Sequence[str]) -> str:
    return f"{what} {row}" if len(texts) > 1 else f"the {what}"


def _is_unicode(text: str) -> bool:
    """Whether a file can hold it: Python reads a byte that is not UTF-8 on a command line as half a surrogate pair."""
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return False
    return True
