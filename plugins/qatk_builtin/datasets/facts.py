"""The ``facts`` dataset: passages about invented things, easy and hard, and questions about them.

An easy passage is about one thing, a hard one about two of a kind with like attributes. Years stand beside years
and people beside people, so the kind of answer alone decides nothing. Questions without an answer ask for what
the passage tells of the other thing, or for what it does not tell.

By an option some passages are about several towns, and their questions ask for all that share something: see
:mod:`qatk_builtin.datasets.facts_lists`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from qatk.api import Answer, Examples
from qatk.data import unchecked
from qatk_builtin.datasets import FactsOptions
from qatk_builtin.datasets.facts_lists import NAMES, list_passage
from qatk_builtin.datasets.facts_names import invented_name
from qatk_builtin.datasets.span_rows import Question, raw_of_questions

Form = dict[str, Any]
"""What ``facts.yaml`` says of a kind of thing, or of a fact."""
PER_PASSAGE = 4
"""Questions asked of a passage."""


@dataclass(frozen=True)
class Thing:
    """An invented thing: its kind, its name, and the values of some of its facts."""

    kind: Form
    name: str
    values: dict[str, str]


@dataclass(frozen=True)
class Asked:
    """A question with its answer's text, ``None`` where the passage does not answer it."""

    text: str
    answer: str | None
    spans: tuple[Answer, ...] = ()
    """Instead of the answer: the spans that are all due."""


class FactsDataset:
    """Writes examples; the same options always give the same ones."""

    def __init__(self, options: FactsOptions) -> None:
        self.options = options

    def load(self) -> Examples:
        """Write the passages and their questions."""
        questions: list[Question] = []
        for title, context, asked in self._passages():
            for one in asked[: self.options.questions - len(questions)]:
                name = f"facts-{self.options.seed}-{len(questions)}"
                questions.append(Question(name, one.text, title, context, _spans(context, one)))
        return unchecked(raw_of_questions(questions), "the facts")

    def _passages(self) -> Iterator[tuple[str, str, list[Asked]]]:
        o = self.options
        rng = random.Random(f"facts {o.seed}")
        listing = random.Random(f"facts lists {o.seed}")
        named = 0
        for _ in range(-(-o.questions // PER_PASSAGE)):
            if o.lists and listing.random() < o.lists:
                title, context, questions = list_passage(_data(), named, o.seed, o.unanswerable, listing)
                yield title, context, [Asked(one.text, None, one.spans) for one in questions]
                named += NAMES
                continue
            size = 2 if rng.random() < o.hard else 1
            kind = rng.choice(list(_data()["kinds"].values()))
            shared = rng.sample(list(kind["facts"]), 4)
            things: list[Thing] = []
            for _ in range(size):
                used = {value for thing in things for value in thing.values.values()}
                things.append(_thing(kind, shared, invented_name(named, o.seed), size, used, rng))
                named += 1
            context = _passage(things, rng, long=rng.random() < o.long)
            yield " and ".join(t.name for t in things), context, _ask(things, rng, o.unanswerable)


@cache
def _data() -> Form:
    data: Form = yaml.safe_load(files("qatk_builtin.datasets").joinpath("facts.yaml").read_text("utf-8"))
    return data


def _thing(kind: Form, facts: list[str], name: str, size: int, used: set[str], rng: random.Random) -> Thing:
    """A thing with values for its facts; in a hard passage each thing lacks one that the other may have.

    No value stands twice in a passage, nor inside another one, so that an answer's place is certain.
    """
    told = rng.sample(facts, len(facts) - 1) if size == 2 else facts
    values = {}
    for fact in told:
        value = _value(kind["facts"][fact], rng)
        while any(value in other or other in value for other in used):
            value = _value(kind["facts"][fact], rng)
        values[fact] = value
        used.add(value)
    return Thing(kind, rng.choice(kind["name"]).format(x=name), values)


def _value(fact: Form, rng: random.Random) -> str:
    values = _data()["values"]
    match fact["type"]:
        case "year":
            return str(rng.randrange(1503, 1998))
        case "person":
            return f"{rng.choice(values['first_names'])} {rng.choice(values['last_names'])}"
        case "count":
            return f"{rng.randrange(2, 90)},{rng.randrange(0, 1000):03d} {fact['unit']}"
        case "number":
            return f"{rng.randrange(*fact['range'])} {fact['unit']}"
        case "rivers":
            return f"{rng.choice(values['rivers'])} River"
        case listed:
            value: str = rng.choice(values[listed])
            return value


def _passage(things: list[Thing], rng: random.Random, *, long: bool) -> str:
    """The things one after the other; hard passages mix the sentences about two things in half of the cases."""
    parts = [_sentences(thing, rng) for thing in things]
    if len(parts) == 2 and rng.random() < 0.5:
        longest = max(map(len, parts))
        mixed = [part[i] for i in range(longest) for part in parts if i < len(part)]
        parts = [mixed]
    sentences = [sentence for part in parts for sentence in part]
    if long:
        sentences = _stretch(sentences, rng)
    return " ".join(sentences)


def _stretch(sentences: list[str], rng: random.Random) -> list[str]:
    """Spread the sentences over several hundred words of talk that tells nothing."""
    filler = _data()["filler"]
    stretched = []
    for sentence in sentences:
        stretched += [*rng.sample(filler, rng.randrange(2, 6)), sentence]
    return stretched + rng.sample(filler, 4)


def _sentences(thing: Thing, rng: random.Random) -> list[str]:
    """All facts of a thing: alone, joined by "and", or one inside the other as a relative clause."""
    facts = list(thing.values)
    rng.shuffle(facts)
    sentences = [_fill(rng.choice(thing.kind["intro"]), thing)]
    while facts:
        first = facts.pop()
        sentence = _tell(thing, first, "s", rng)
        form = rng.random()
        if facts and form < 0.3:
            sentence = f"{sentence[:-1]}, and {_tell(thing, facts.pop(), 'c', rng)}."
        elif facts and form < 0.5 and (head := _fill("{N} ", thing)) and sentence.startswith(head):
            sentence = f"{head[:-1]}, {_tell(thing, facts.pop(), 'w', rng)}, {sentence[len(head) :]}"
        sentences.append(sentence)
    return sentences


def _tell(thing: Thing, fact: str, form: str, rng: random.Random) -> str:
    patterns = thing.kind["facts"][fact][form]
    pattern = patterns if isinstance(patterns, str) else rng.choice(patterns)
    return _fill(pattern, thing, thing.values[fact])


def _fill(pattern: str, thing: Thing, value: str = "") -> str:
    capital = thing.name[0].upper() + thing.name[1:]
    return pattern.format(N=capital, n=thing.name, v=value)


def _ask(things: list[Thing], rng: random.Random, unanswerable: float) -> list[Asked]:
    """Questions about the things, no fact of a thing asked twice."""
    told = [(thing, fact) for thing in things for fact in thing.values]
    untold = [(thing, fact) for thing in things for fact in thing.kind["facts"] if fact not in thing.values]
    rng.shuffle(told)
    untold.sort(key=lambda pair: 2 * rng.random() - _plausible(pair[0], pair[1], things))
    asked = []
    for _ in range(PER_PASSAGE):
        without = bool(untold) and rng.random() < unanswerable
        thing, fact = untold.pop(0) if without else told.pop()
        question = _fill(rng.choice(thing.kind["facts"][fact]["q"]), thing)
        asked.append(Asked(question, None if without else thing.values[fact]))
    return asked


def _plausible(thing: Thing, fact: str, things: list[Thing]) -> int:
    """How much a passage tempts to answer: 2 where it tells this of another thing, 1 where it has the type at all."""
    if any(fact in other.values for other in things if other is not thing):
        return 2
    kinds = thing.kind["facts"]
    return int(any(kinds[other]["type"] == kinds[fact]["type"] for t in things for other in t.values))


def _spans(context: str, asked: Asked) -> list[list[Answer]]:
    """The spans that are due: those of a list, or one, in its several forms."""
    if asked.spans or asked.answer is None:
        return [[span] for span in asked.spans]
    return [[Answer(*reference) for reference in _references(context, asked.answer)]]


def _references(context: str, answer: str) -> list[tuple[str, int]]:
    """The answer where it stands, and a second form of it: without its unit, or with its "in" or "the"."""
    start = context.index(answer)
    references = [(answer, start)]
    for before in ("in ", "the "):
        if context.endswith(before, 0, start):
            references.append((before + answer, start - len(before)))
    number, _, unit = answer.partition(" ")
    if unit and number[0].isdigit():
        references.append((number, start))
    return references
