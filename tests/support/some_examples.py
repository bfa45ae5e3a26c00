"""Examples of all sorts for hypothesis, and what they say whatever the order of their contexts."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from qatk.api import Answer, Examples
from qatk.types import ragged

ODD = [
    "",
    " ",
    "2020-01-01",
    "007",
    "1.50",
    "null",
    "NaN",
    "[1]",
    '{"text": 1}',
    'a "b",\nc',
    "\r",
    "x\r\ny",
    "\ufeffx",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(ODD)
FULL = TEXTS.map(lambda text: f"x{text}")
NAMES = st.sampled_from(["language", "source", "level", "Größe, cm", "text", "label", "start", "end", "answer"])


@st.composite
def some_examples(draw: st.DrawFn, *, plain: bool = False) -> Examples:
    """Any examples that a reader could give; ``plain`` ones every form can hold."""
    texts = FULL if plain else TEXTS
    contexts = draw(st.lists(texts.map(lambda text: f"{text} {text}") if plain else texts, min_size=1, max_size=3))
    contexts = list(dict.fromkeys(contexts))
    ids = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    n = len(ids)
    index = draw(st.lists(st.integers(0, len(contexts) - 1), min_size=n, max_size=n))
    several = not plain and draw(st.booleans())
    gold = draw(st.booleans()) or several
    spans = [draw(_spans(contexts[k], several, plain)) if gold else [] for k in index]
    answers = [[(k, answer) for k, span in enumerate(each) for answer in span] for each in spans]
    flat = [pair for each in answers for pair in each]
    names = st.sampled_from(["language", "source"]) if plain else NAMES
    columns = draw(st.dictionaries(names, st.lists(TEXTS, min_size=n, max_size=n), max_size=2))
    return Examples(
        id=ids,
        question=draw(st.lists(texts, min_size=n, max_size=n)),
        title=draw(st.lists(st.sampled_from(["", "Oslo", "Riga, 1"]), min_size=n, max_size=n)),
        context=contexts,
        context_index=np.array(index, np.int32),
        answer_offsets=ragged.offsets_of(np.array([len(each) for each in answers], np.int64)) if gold else None,
        answer_text=[answer.text for _, answer in flat],
        answer_start=np.array([answer.start for _, answer in flat], np.int32),
        columns=columns,
        answer_span=np.array([k for k, _ in flat], np.int32) if several else None,
    )


@st.composite
def _spans(draw: st.DrawFn, context: str, several: bool, plain: bool) -> list[list[Answer]]:
    """Spans side by side in the context, each with alternatives, some of unknown place, as blank ones are."""
    cuts = sorted(draw(st.sets(st.integers(0, len(context)), max_size=6)))
    among = list(zip(cuts[::2], cuts[1::2], strict=False))
    found = [[Answer(context[a:b], a if context[a:b].strip() else -1)] * draw(st.integers(1, 2)) for a, b in among]
    found = found if several else [[answer for span in found for answer in span]] if found else []
    if not plain and found and draw(st.booleans()):
        found[0].append(Answer(draw(TEXTS), -1))
    return found


def told(examples: Examples) -> list[tuple[Any, ...]]:
    """Everything that examples say, question by question."""
    columns = examples.columns
    return [
        (
            examples.id[row],
            examples.question[row],
            examples.title[row],
            examples.context_of(row),
            examples.spans_of_answer(row) if examples.has_gold else None,
            {name: values[row] for name, values in columns.items()},
        )
        for row in range(len(examples))
    ]
