"""The reply of a model to one question: its answer, position and probability, and the other candidates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from qatk.calibration.risk_control import KeptPromise
from qatk.types import Examples, Predictions
from qatk.types.spans import nbest_of_one


@dataclass(frozen=True)
class Place:
    """A span of the context.

    Attributes:
        text: an exact slice of the context.
        start, end: its characters, end exclusive.
        score: comparable over all windows of the question.
    """

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Candidate(Place):
    """A span that may be the answer.

    Attributes:
        probability: of this span, among "no answer" and the best spans, of which the decoder's own ``n_best_size``
            count: spans beyond them are on the same scale, and asking for more of them changes none.
    """

    probability: float


@dataclass(frozen=True, repr=False)
class Reply:
    """The answer to one question.

    Attributes:
        question, context: as they were given.
        text: an exact slice of the context; ``""`` is "no answer".
        start, end: its characters, end exclusive; both -1 for "no answer".
        probability: of the answer that was given, including "no answer"; of several spans, all together.
        no_answer_probability: of "no answer", among it and the best spans, see :class:`Candidate`.
        null_odds: null score minus best span score; the higher, the more likely there is no answer.
        spans: all spans of the answer, in the order of the context: one of most models, none for "no answer"; of
            several, ``text`` is the best.
        candidates: the best spans, best first, even if none of them is the answer.
        promise: the error rate of the model's answers, in a sentence; ``None`` if none was promised.
    """

    question: str
    context: str
    text: str
    start: int
    end: int
    probability: float
    no_answer_probability: float
    null_odds: float
    spans: Sequence[Place]
    candidates: Sequence[Candidate]
    promise: str | None = None

    def __repr__(self) -> str:
        said = f"{self.text!r} at {self.start}" if self.is_answered else "no answer"
        return f"<Reply: {said}, probability {self.probability:.4f}>"

    @property
    def is_answered(self) -> bool:
        """Whether the answer is a span of the context."""
        return self.start >= 0

    @property
    def is_withheld(self) -> bool:
        """Whether a span is likelier than "no answer", and yet not sure enough for the threshold."""
        return not self.is_answered and bool(
            self.candidates and self.candidates[0].probability > self.no_answer_probability
        )

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON: ``text`` as ``answer``, without the context, and with ``promise`` if there is one."""
        left_out = ("context",) if self.promise is not None else ("context", "promise")
        lists = {name: [dict(vars(place)) for place in getattr(self, name)] for name in ("spans", "candidates")}
        named = {"answer" if name == "text" else name: value for name, value in {**vars(self), **lists}.items()}
        return {name: value for name, value in named.items() if name not in left_out}


def replies_of(
    examples: Examples,
    predictions: Predictions,
    *,
    top_k: int,
    among: int | None = None,
    promise: KeptPromise | None = None,
) -> Iterator[Reply]:
    """A reply for each example.

    Args:
        examples: the questions.
        predictions: the answers.
        top_k: the maximum number of candidates; of predictions without an n-best list there is the answer alone.
        among: how many of the best spans add up to 1 with "no answer", whatever the length of the list; by default all.
        promise: the error rate of the answers.
    """
    best = predictions.nbest
    if best is None:
        place = predictions.char_start, predictions.char_end
        best = nbest_of_one(examples, *place, predictions.score, predictions.null_score)
    texts, columns = iter(best.text), (best.char_start, best.char_end, best.score, best.probability)
    for row, said in enumerate(predictions.text):
        begin, stop = int(best.offsets[row]), int(best.offsets[row + 1])
        found = list(islice(texts, stop - begin))
        starts, ends, scores, probabilities = (column[begin:stop].tolist() for column in columns)
        none = max(0.0, 1.0 - float(np.sum(probabilities)))
        if among is not None and len(probabilities) > among:
            whole = none + float(np.sum(probabilities[:among]))
            none, probabilities = none / whole, [min(1.0, share / whole) for share in probabilities]
        start, end = int(predictions.char_start[row]), int(predictions.char_end[row])
        shares = dict(zip(zip(starts, ends, strict=True), probabilities, strict=True))
        spans = [Place(*span) for span in predictions.spans(row)]
        known = zip(found[:top_k], starts, ends, scores, probabilities, strict=False)
        yield Reply(
            question=examples.question[row],
            context=examples.context_of(row),
            text=said,
            start=start,
            end=end,
            probability=min(1.0, sum(shares.get((s.start, s.end), 0.0) for s in spans)) if spans else none,
            no_answer_probability=none,
            null_odds=float(predictions.null_odds[row]),
            spans=spans,
            candidates=[Candidate(*span) for span in known],
            promise=None if promise is None else promise.says,
        )
