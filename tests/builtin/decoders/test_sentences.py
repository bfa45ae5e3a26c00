"""Whole sentences around what was found, in languages with blanks and without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from min_null_tools import NONE, Window, examples, features, scores
from qatk.api import Predictions, SpanScores, TokenScores
from qatk_builtin.decoders import SentencesOptions
from qatk_builtin.decoders.sentences import SentencesDecoder

ENGLISH = "Dr. Ada met Bob at 3.5 p.m. in St. Ives. Cy \U0001f600 left.  Dee stayed! Nobody came."
JAPANESE = "東京都は日本の首都である。人口は多い。京都は古い。"


def decode(context: str, said: list[str], *, tokens: bool = True, **options: Any) -> Predictions:
    """Decode scores that are high at these texts, falling from the first on."""
    places = [(context.index(text), context.index(text) + len(text)) for text in said]
    chars = [NONE, *sorted(places), NONE]
    high = {place: 9.0 - k for k, place in enumerate(places)}
    window = Window(
        0, chars, [high.get(pair, -20.0) for pair in chars], [0.0 if pair in high else -20.0 for pair in chars]
    )
    given = scores([window])
    assert given.start is not None
    if tokens:  # each token begins a span
        given = SpanScores(given.null, tokens=TokenScores(given.start, np.full_like(given.start, 1.0)))
    return SentencesDecoder(SentencesOptions(**options)).decode(examples([context]), features([window]), given)


@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize(
    ("context", "said", "expected"),
    [
        (ENGLISH, ["Bob"], ["Dr. Ada met Bob at 3.5 p.m. in St. Ives."]),
        (ENGLISH, ["Dee", "left"], ["Cy \U0001f600 left.", "Dee stayed!"]),
        (ENGLISH, ["Nobody"], ["Nobody came."]),
        ("Ada came.\n\n  Dee left.", ["Dee"], ["Dee left."]),
        (JAPANESE, ["人口", "古い"], ["人口は多い。", "京都は古い。"]),
    ],
)
def test_spans_are_widened_to_their_sentences(context: str, said: list[str], expected: list[str], tokens: bool) -> None:
    language = "ja" if context == JAPANESE else "en"
    for name in (language, "xx"):
        found = decode(context, said, tokens=tokens, language=name)
        if name == language:
            assert [span.text for span in found.spans(0)] == expected
        assert found.nbest is not None
        assert len(found.nbest.text) == len(set(found.nbest.text))


def test_a_sentence_counts_once_with_its_best_score() -> None:
    found = decode(ENGLISH, ["Dee", "Ada", "Bob"])
    assert [(span.text[:3], span.score) for span in found.spans(0)] == [("Dr.", 8.0), ("Dee", 9.0)]
    assert (found.text[0], found.score[0]) == ("Dee stayed!", 9.0)


def test_neighbouring_sentences_become_one_where_asked() -> None:
    said = ["left", "Dee"]
    assert [span.text for span in decode(ENGLISH, said, gap=2).spans(0)] == ["Cy \U0001f600 left.  Dee stayed!"]
    assert [span.text for span in decode(ENGLISH, said, max_spans=1).spans(0)] == ["Cy \U0001f600 left."]


def test_a_span_over_several_sentences_takes_all_of_them() -> None:
    found = decode(ENGLISH, ["left.  Dee"])
    assert [span.text for span in found.spans(0)] == ["Cy \U0001f600 left.", "Dee stayed!"]
    assert decode(ENGLISH, ["left"], null_threshold=-20.0).text == [""]
