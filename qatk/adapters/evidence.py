"""The sentences of texts that answer a question: they go to a language model in place of whole texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qatk.inference.model import AnsweringModel
from qatk.inference.reply import Reply

_END = re.compile(r"[.!?\u3002\uff01\uff1f][\"')\]\u201d]*(?:\s+|(?<=[\u3002\uff01\uff1f]))|\n{2,}")
"""Where a sentence ends."""


@dataclass(frozen=True)
class Evidence:
    """What a text says about a question.

    Attributes:
        text: its sentences with an answer in them, in their order, joined by a blank.
        score: the probability of the best answer, "no answer" among the others.
    """

    text: str
    score: float


def find_evidence(
    model: AnsweringModel, question: str, texts: Sequence[str], *, top_k: int = 3, at_least: float = 0.05
) -> list[Evidence | None]:
    """The evidence in each text; ``None`` where it has none.

    Args:
        model: that answers.
        question: what is asked.
        texts: passages, of which blank ones have no evidence.
        top_k: how many spans of a text may each mark a sentence.
        at_least: the least probability of such a span.

    Raises:
        UsageError: where the question is blank, or ``top_k`` below 1.
    """
    asked = [row for row, text in enumerate(texts) if text.strip()]
    replies = model.answers([question] * len(asked), [texts[row] for row in asked], top_k=top_k)
    found: list[Evidence | None] = [None] * len(texts)
    for row, reply in zip(asked, replies, strict=True):
        found[row] = _evidence(reply, at_least)
    return found


def _evidence(reply: Reply, at_least: float) -> Evidence | None:
    spans = [(span.start, span.end) for span in reply.spans]
    spans += [(span.start, span.end) for span in reply.candidates if span.probability >= at_least]
    if not spans:
        return None
    text, begin, kept = reply.context, 0, []
    for end in [*(match.end() for match in _END.finditer(text)), len(text)]:
        if any(start < end and stop > begin for start, stop in spans):
            kept.append(text[begin:end].strip())
        begin = end
    return Evidence(" ".join(kept), max([span.probability for span in reply.candidates], default=reply.probability))
