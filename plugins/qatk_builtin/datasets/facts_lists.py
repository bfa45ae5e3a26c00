"""Passages of ``facts`` about several towns, and questions of which each asks for all that share something."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qatk.api import Answer
from qatk_builtin.datasets.facts_names import invented_name

NAMES = 8
"""Names that a passage may use."""


@dataclass(frozen=True)
class ListQuestion:
    """A question with the spans that answer it, all of them; none where the passage does not answer it."""

    text: str
    spans: tuple[Answer, ...]


@dataclass(frozen=True)
class _Told:
    """A sentence: which of the towns it tells it of, and the key of the fact that it tells."""

    text: str
    towns: tuple[str, ...]
    fact: tuple[str, str]


def list_passage(
    data: dict[str, Any], first_name: int, seed: int, unanswerable: float, rng: random.Random
) -> tuple[str, str, list[ListQuestion]]:
    """A title, a passage about four to eight towns, and questions such as "Which towns lie on the Orrin River?".

    Each town lies on one of two rivers and is known for one of two goods. Questions without an answer ask for a river
    or goods that the passage does not name.

    Args:
        data: what ``facts`` can say, with ``lists``.
        first_name: the index of the first invented name; :data:`NAMES` of them are used at most.
        seed: of the names.
        unanswerable: the share of questions without an answer.
        rng: where chance comes from.
    """
    forms = data["kinds"]["town"]["name"]
    names = [invented_name(first_name + k, seed) for k in range(rng.randrange(4, NAMES + 1))]
    towns = [rng.choice(forms).format(x=name) for name in names]
    told: list[_Told] = []
    asked: list[tuple[str, str]] = []
    untold: list[tuple[str, str]] = []
    for fact, pattern in data["lists"].items():
        one, other, *rest = rng.sample([value + pattern["after"] for value in data["values"][pattern["values"]]], 4)
        cut = rng.randrange(1, len(towns))
        mixed = rng.sample(towns, len(towns))
        for value, members in ((one, mixed[:cut]), (other, mixed[cut:])):
            told += [_tell(fact, value, few, pattern, rng) for few in _split(members, rng)]
            asked.append((fact, value))
        untold += [(fact, value) for value in rest]
    rng.shuffle(told)
    chosen = [untold.pop() if rng.random() < unanswerable else pair for pair in rng.sample(asked, len(asked))]
    context, places = _placed(told)
    questions = []
    for fact, value in chosen:
        question = rng.choice(data["lists"][fact]["q"]).format(v=value)
        questions.append(ListQuestion(question, tuple(places.get((fact, value), ()))))
    return f"The towns of {names[0]}", context, questions


def _split(members: Sequence[str], rng: random.Random) -> Iterator[tuple[str, ...]]:
    """The towns in groups of one to three, each told of in a sentence."""
    at = 0
    while at < len(members):
        size = rng.randrange(1, 4)
        yield tuple(members[at : at + size])
        at += size


def _tell(fact: str, value: str, towns: tuple[str, ...], pattern: dict[str, Any], rng: random.Random) -> _Told:
    text = rng.choice(pattern["one" if len(towns) == 1 else "many"])
    return _Told(text.format(n=_joined(towns), v=value), towns, (fact, value))


def _joined(towns: Sequence[str]) -> str:
    return towns[0] if len(towns) == 1 else f"{', '.join(towns[:-1])} and {towns[-1]}"


def _placed(told: Sequence[_Told]) -> tuple[str, dict[tuple[str, str], list[Answer]]]:
    """The passage, and for each fact where the towns stand that it is told of, in the order of the passage."""
    places: dict[tuple[str, str], list[Answer]] = {}
    context = ""
    for sentence in told:
        context += " " if context else ""
        at = sentence.text.index(_joined(sentence.towns))
        for town in sentence.towns:
            at = sentence.text.index(town, at)
            places.setdefault(sentence.fact, []).append(Answer(town, len(context) + at))
            at += len(town)
        context += sentence.text
    return context, places
