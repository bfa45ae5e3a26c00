"""Questions made out of others, or out of contexts: each way takes one question, and gives one or none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qatk.api import Answer, Examples
from qatk_builtin.datasets.entities import Place, names, numbers, sentences

Spans = Sequence[Sequence[Answer]]
"""An answer: its spans, each with alternatives."""


@dataclass(frozen=True)
class Made:
    """A new question.

    Attributes:
        row: the question that it was made from.
        question, context: what is asked, and of what.
        spans: its answer; empty where there is none.
    """

    row: int
    question: str
    context: str
    spans: Spans = ()


class Source:
    """The questions that others are made from.

    Args:
        examples: with gold answers.
        word_dropout: the probability with which ``drop_words`` leaves out a word.
        blank: what stands in place of words in ``recurring`` questions.

    Attributes:
        blanks: what ``recurring`` may blank in the contexts that it has seen.
    """

    def __init__(self, examples: Examples, word_dropout: float = 0.1, blank: str = "[MASK]") -> None:
        self.examples, self.word_dropout, self.blank = examples, word_dropout, blank
        self.blanks: dict[int, Sequence[tuple[Place, Place]]] = {}

    @cached_property
    def asked(self) -> frozenset[tuple[str, str]]:
        """The questions that there are, each with its context."""
        return frozenset((text, self.examples.context_of(row)) for row, text in enumerate(self.examples.question))

    @cached_property
    def contexts_of_title(self) -> Mapping[str, list[int]]:
        """The contexts of each article, in their order."""
        found: dict[str, dict[int, None]] = {}
        for title, context in zip(self.examples.title, self.examples.context_index.tolist(), strict=True):
            found.setdefault(title, {})[context] = None
        return {title: list(contexts) for title, contexts in found.items()}

    @cached_property
    def lower(self) -> list[str]:
        """Each context in lower case."""
        return [context.casefold() for context in self.examples.context]

    @cached_property
    def words(self) -> list[frozenset[str]]:
        """The longer words of each context, in lower case."""
        return [_words(context) for context in self.examples.context]

    def others(self, row: int) -> list[int]:
        """The other contexts of a question's article in which none of its answers stands; none without a title."""
        title, own = self.examples.title[row], int(self.examples.context_index[row])
        if not title:
            return []
        texts = [text.casefold() for text in self.examples.answers_of(row)]
        there = self.contexts_of_title[title]
        return [k for k in there if k != own and not any(text in self.lower[k] for text in texts)]


MOST_WORDS = 30
"""Words of a sentence that becomes a question."""

Way = Callable[[Source, int, np.random.Generator], Made | None]


def shuffle(source: Source, row: int, random: np.random.Generator) -> Made | None:
    """The sentences of the context in another order; none ends inside of an answer."""
    examples = source.examples
    context = examples.context_of(row)
    parts = sentences(context, examples.spans_of(row))
    if len(parts) < 2:
        return None
    order = list(range(len(parts)))
    while order == sorted(order):
        order = random.permutation(len(parts)).tolist()
    return _rebuilt(examples, row, [parts[k] for k in order])


def drop_words(source: Source, row: int, random: np.random.Generator) -> Made | None:
    """The context without some of its words, none of them of an answer."""
    examples = source.examples
    context, answers = examples.context_of(row), examples.spans_of(row)
    words = [match.span() for match in re.finditer(r"\S+", context)]
    drawn = random.random(len(words)) < source.word_dropout
    held = [any(low < b and a < high for a, b in answers) for low, high in words]
    kept = [k for k, (is_drawn, is_held) in enumerate(zip(drawn, held, strict=True)) if is_held or not is_drawn]
    if len(kept) in (0, len(words)):
        return None
    together: list[Place] = []  # what stood side by side stays as it was, so that answers do
    for before, word in zip([None, *kept], kept, strict=False):
        low, high = words[word]
        if before == word - 1:
            together[-1] = (together[-1][0], high)
        else:
            together.append((low, high))
    return _rebuilt(examples, row, together)


def distract(source: Source, row: int, random: np.random.Generator) -> Made | None:
    """The context before or after another one of the article in which the answer does not stand.

    Of questions with an answer only: nobody knows whether the other context answers the rest.
    """
    examples = source.examples
    if not examples.has_answer[row] or not (others := source.others(row)):
        return None
    own, other = examples.context_of(row), examples.context[others[int(random.integers(len(others)))]]
    if random.random() < 0.5:
        return Made(row, examples.question[row], f"{own}\n\n{other}", examples.spans_of_answer(row))
    shift = len(other) + 2
    return Made(row, examples.question[row], f"{other}\n\n{own}", _shifted(examples.spans_of_answer(row), shift))


def swap_questions(source: Source, row: int, random: np.random.Generator) -> Made | None:
    """A question without an answer: asked of another context of the article, in which none of its answers stands.

    It is the context that shares most words with the question.
    """
    examples = source.examples
    if not examples.has_answer[row] or not (others := source.others(row)):
        return None
    asked = _words(examples.question[row])
    shared = [len(asked & source.words[k]) for k in others]
    return Made(row, examples.question[row], examples.context[others[int(np.argmax(shared))]])


def swap_entities(source: Source, row: int, random: np.random.Generator) -> Made | None:
    """A question without an answer: a name or a number in it gives way to another one of the context.

    Never to one that shares a sentence with the answer, of which the question might be true too, nor to one that may
    be another form of itself.
    """
    examples = source.examples
    question, context = examples.question[row], examples.context_of(row)
    if not examples.has_answer[row]:
        return None
    texts = examples.answers_of(row)
    near = " ".join(context[low:high] for low, high in sentences(context) if any(t in context[low:high] for t in texts))
    choices = []
    for find in (names, numbers):
        there = {context[low:high] for low, high in find(context)}
        fit = sorted(each for each in there if each not in near and each not in question)
        for place in find(question):
            old = question[slice(*place)]
            if re.search(rf"(?<!\w){re.escape(old)}(?!\w)", context):
                choices += [(place, new) for new in fit if not _beginnings(old) & _beginnings(new)]
    if not choices:
        return None
    (low, high), new = choices[int(random.integers(len(choices)))]
    return Made(row, f"{question[:low]}{new}{question[high:]}", context)


def cloze(source: Source, row: int, random: np.random.Generator) -> Made | None:
    """A sentence of the context with a question word in place of a name or a number, which is the answer.

    Cloze questions with their mask translated to a question word (Lewis et al. 2019), for English.
    """
    context = source.examples.context_of(row)
    choices = []
    for begin, stop in sentences(context):
        inside = context[begin:stop]
        if len(inside.split()) > MOST_WORDS:
            continue
        found = [*((place, "what") for place in names(inside)), *((place, "how many") for place in numbers(inside))]
        choices += [(begin, stop, place, word) for place, word in found if place[1] - place[0] < len(inside) / 2]
    if not choices:
        return None
    begin, stop, (low, high), word = choices[int(random.integers(len(choices)))]
    inside, text = context[begin:stop], context[begin + low : begin + high]
    word = "what year" if re.fullmatch(r"1\d{3}|20\d\d", text) else word
    asked = f"{inside[:low]}{word}{inside[high:]}".rstrip(".!? ")
    return Made(row, f"{asked[:1].upper()}{asked[1:]}?", context, [[Answer(text, begin + low)]])


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w{4,}", text.casefold()))


def _beginnings(name: str) -> set[str]:
    """The first four letters of the words with a capital: names with none in common are of different things."""
    return {word[:4].casefold() for word in re.findall(r"(?<!\w)[A-Z]\w*", name)}


def _shifted(spans: Spans, shift: int) -> Spans:
    return [[Answer(a.text, a.start + shift if a.start >= 0 else a.start) for a in span] for span in spans]


def _rebuilt(examples: Examples, row: int, parts: Sequence[Place]) -> Made | None:
    """The question about these parts of its context, its answers moved; none where an answer lies in no part."""
    context, place, moved = examples.context_of(row), 0, []
    for low, high in parts:
        moved.append((low, high, place - low))
        place += high - low + 1
    text = " ".join(context[low:high] for low, high in parts)
    spans: list[list[Answer]] = []
    for span in examples.spans_of_answer(row):
        spans.append([])
        for answer in span:
            end = answer.start + len(answer.text)
            shift = next((by for low, high, by in moved if low <= answer.start and end <= high), None)
            if answer.start >= 0 and shift is None:
                return None
            spans[-1].append(answer if shift is None else Answer(answer.text, answer.start + shift))
    return Made(row, examples.question[row], text, spans)
