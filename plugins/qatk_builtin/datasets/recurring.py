"""Pretraining questions: words that recur in a context are blanked in one sentence, and looked for in the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import regex

from qatk.api import Answer
from qatk.display import places_of
from qatk_builtin.datasets.augmentations import MOST_WORDS, Made, Source
from qatk_builtin.datasets.entities import Place, sentences

LONGEST = 5
"""Words of a recurring span."""
_WORD = regex.compile(r"[\w\p{M}][\w\p{M}'\u2019-]*")
_APART = regex.compile(r"[^\w\p{M}\s'\u2019-]")
_LIGHT = (
    "about after also although among because been before being between both could during each from have having into "
    "many more most much only other over same should some such than that their them then there these they this those "
    "through under until very were what when where which while whom whose will with within without would your"
)
_WITHOUT_WEIGHT = frozenset(_LIGHT.split())


def recurring(source: Source, row: int, random: np.random.Generator) -> Made | None:
    """A sentence with a blank, and the rest of its context, in which the blanked words stand.

    Span selection before fine-tuning (Glass et al. 2020), with the recurring spans of Splinter (Ram et al. 2021).
    """
    context, index = source.examples.context_of(row), int(source.examples.context_index[row])
    if (choices := source.blanks.get(index)) is None:
        choices = source.blanks[index] = blanks(context)
    if not choices:
        return None
    part, (low, high) = choices[int(random.integers(len(choices)))]
    rest = " ".join(context[slice(*other)] for other in sentences(context) if other != part)
    question = f"{context[part[0] : low]}{source.blank}{context[high : part[1]]}"
    found = places_of(context[low:high], rest, any_case=True)
    answers = [Answer(rest[start:end], start) for start, end in found]
    return Made(row, question, rest, [answers]) if answers else None


def blanks(context: str) -> list[tuple[Place, Place]]:
    """The places to blank in a context, each after its sentence, which has these words once and is not too long."""
    parts = [part for part in sentences(context) if len(context[slice(*part)].split()) <= MOST_WORDS]
    return [
        (part, inside[0])
        for places in recurring_places(context)
        for part in parts
        if len(inside := [place for place in places if part[0] <= place[0] and place[1] <= part[1]]) == 1
    ]


def recurring_places(context: str) -> list[list[Place]]:
    """Where spans stand that a context has twice or more: of up to five words, the first and last of them of weight.

    A span that only ever stands within the same longer one is left out.
    """
    words = [match.span() for match in _WORD.finditer(context)]
    lower = [context[low:high].lower() for low, high in words]
    weighty = [
        word not in _WITHOUT_WEIGHT
        and (len(word) > 3 or word[:1].isdigit() or (len(word) > 1 and context[low].isupper()))
        for word, (low, _) in zip(lower, words, strict=True)
    ]
    found: dict[str, list[tuple[int, int]]] = {}
    for length in range(1, LONGEST + 1):
        for first in range(len(words) - length + 1):
            last = first + length - 1
            between = context[words[first][0] : words[last][1]]
            if weighty[first] and weighty[last] and not _APART.search(between):
                found.setdefault(" ".join(lower[first : last + 1]), []).append((first, last))
    twice = {places[0]: places for places in found.values() if len(places) > 1}
    return [[(words[a][0], words[b][1]) for a, b in each] for each in twice.values() if not _within(each, twice)]


def _within(places: Sequence[Place], known: Mapping[Place, Sequence[Place]]) -> bool:
    """Whether all places, in words, lie within those of a longer span that stands as often; ``known`` by the first."""
    first, last = places[0]
    around = [(a, b) for a in range(last - LONGEST + 1, first + 1) for b in range(last, a + LONGEST)]
    return any(
        len(longer) == len(places) and all(c <= a and b <= d for (a, b), (c, d) in zip(places, longer, strict=True))
        for place in around
        if place != (first, last) and (longer := known.get(place)) is not None
    )
