"""Questions with several spans, and answers of several, made from texts alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qatk.types import Examples, Predictions, Spans


def examples_of_spans(*questions: Sequence[Sequence[str]]) -> Examples:
    """A question of spans of alternatives each, ``q0``, ``q1`` ...; each alternative stands in the context, apart."""
    flat = [(row, k, text) for row, spans in enumerate(questions) for k, span in enumerate(spans) for text in span]
    contexts = [f"{row}: " + " | ".join(text for at, _, text in flat if at == row) for row in range(len(questions))]
    place: dict[int, int] = {}
    starts = []
    for row, _, text in flat:
        starts.append(contexts[row].index(text, place.get(row, 2)))
        place[row] = starts[-1] + len(text)
    n = len(questions)
    return Examples(
        id=[f"q{row}" for row in range(n)],
        question=["Which?"] * n,
        title=[""] * n,
        context=contexts,
        context_index=np.arange(n, dtype=np.int32),
        answer_offsets=np.cumsum([0, *(sum(map(len, spans)) for spans in questions)], dtype=np.int64),
        answer_text=[text for _, _, text in flat],
        answer_start=np.array(starts, np.int32),
        answer_span=np.array([k for _, k, _ in flat], np.int32),
    )


def answers_of_texts(*answers: Sequence[str], null: float = np.nan) -> Predictions:
    """Answers of some texts each, of unknown place, the first the best."""
    n, flat = len(answers), [text for texts in answers for text in texts]
    nowhere = np.full(len(flat), -1, np.int32)
    spans = Spans(
        np.cumsum([0, *map(len, answers)], dtype=np.int64), flat, nowhere, nowhere, np.zeros(len(flat), np.float32)
    )
    none = np.full(n, -1, np.int32)
    scores = np.zeros(n, np.float32), np.full(n, null, np.float32)
    return Predictions([texts[0] if texts else "" for texts in answers], none, none, *scores, several=spans)
