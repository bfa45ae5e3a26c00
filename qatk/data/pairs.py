"""Questions and contexts of a program become examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qatk.errors import UsageError
from qatk.types import Examples


def pairs(questions: Sequence[str], contexts: Sequence[str]) -> Examples:
    """Each question about the context beside it, without gold; ids are ``0``, ``1`` ...; equal contexts are kept once.

    Raises:
        UsageError: where there are not as many of both, or one is no text or blank.
    """
    if len(questions) != len(contexts):
        raise UsageError(f"{len(questions)} questions for {len(contexts)} contexts", fix="give one context a question")
    for what, texts in (("question", questions), ("context", contexts)):
        for row, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                seen = "blank" if isinstance(text, str) else f"no text but {type(text).__name__}"
                raise UsageError(f"{what} {row} is {seen}" if len(texts) > 1 else f"the {what} is {seen}")
    places: dict[str, int] = {}
    index = np.array([places.setdefault(context, len(places)) for context in contexts], np.int32)
    return Examples(
        id=[str(row) for row in range(len(questions))],
        question=list(questions),
        title=[""] * len(questions),
        context=list(places),
        context_index=index,
    )
