"""The sentences of texts that answer a question: they go to a language model in place of whole texts.

Sentences are divided by ``sentencex``, as by the decoder ``sentences``, which knows abbreviations and initials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sentencex import get_sentence_boundaries

from qatk.inference.model import AnsweringModel
from qatk.inference.reply import Reply


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
    model: AnsweringModel,
    question: str,
    texts: Sequence[str],
    *,
    top_k: int = 3,
    at_least: float = 0.05,
    language: str = "en",
) -> list[Evidence | None]:
    """The evidence in each text; ``None`` where it has none.

    Args:
        model: that answers.
        question: what is asked.
        texts: passages, of which blank ones have no evidence.
        top_k: how many spans of a text may each mark a sentence.
        at_least: the least probability of such a span.
        language: of the texts, by whose rules sentences are divided.

    Raises:
        UsageError: where the question is blank, or ``top_k`` below 1.
    """
    asked = [row for row, text in enumerate(texts) if text.strip()]
    replies = model.answers([question] * len(asked), [texts[row] for row in asked], top_k=top_k)
    found: list[Evidence | None] = [None] * len(texts)
    for row, reply in zip(asked, replies, strict=True):
        found[row] = _evidence(reply, at_least, language)
    return found


def _evidence(reply: Reply, at_least: float, language: str) -> Evidence | None:
    spans = [(span.start, span.end) for span in reply.spans]
    spans += [(span.start, span.end) for span in reply.candidates if span.probability >= at_least]
    if not spans:
        return None
    found = get_sentence_boundaries(language, reply.context)
    sentences = [(each["text"].strip(), each["start_index"], each["end_index"]) for each in found]
    kept = [text for text, begin, end in sentences if text and any(b < end and e > begin for b, e in spans)]
    return Evidence(" ".join(kept), max([span.probability for span in reply.candidates], default=reply.probability))
