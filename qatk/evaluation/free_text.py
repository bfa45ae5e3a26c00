"""Free-text answers, as language models write them, aligned to spans of their contexts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qatk.arguments import list_of, real
from qatk.display import UNSPACED
from qatk.errors import UsageError
from qatk.evaluation.prediction_rows import Said
from qatk.spelling import commanded
from qatk.types import Bool, Examples, Span
from qatk.word_bounds import cuts_word, find_all, whole_words

if TYPE_CHECKING:
    import regex

ALIGNMENTS: tuple[str, ...] = ("exact", "normalised", "fuzzy", "not in the context", "no answer")
"""How an answer stands in its context; :class:`Aligner` gives indices into this."""
EXACT, NORMALISED, FUZZY, ABSENT, ABSTAINED = range(5)
ALIGNMENT = "alignment"
"""The name of these groups of questions in :attr:`qatk.results.Evaluation.masks`."""

# fmt: off
ABSTENTIONS: tuple[str, ...] = (
    "n/a", "na", "no answer", "no answer found", "none", "not answerable", "null", "unanswerable", "unknown",
)
"""Answers that mean "no answer" if they are all that is said, compared without case and punctuation at the ends."""

ABSTENTION_OPENINGS: tuple[str, ...] = (
    "cannot answer", "cannot be answered", "cannot be determined", "i can't answer", "i cannot answer",
    "i can't determine", "i cannot determine", "i cannot find", "i do not know", "i don't know",
    "i'm not sure", "insufficient information", "it is not mentioned", "it is not possible to", "no information",
    "not enough information", "not given", "not mentioned", "not provided", "not specified", "not stated",
    "the answer is not", "the context doesn't", "the context does not", "the document does not",
    "the passage doesn't", "the passage does not", "the question cannot be", "the text doesn't", "the text does not",
    "there is no answer", "there is no information", "there is no mention", "this question cannot be",
    "unable to determine",
)
"""Openings of answers that mean "no answer", compared in the same way, each up to the end of a word."""
# fmt: on

_ARTICLES = frozenset({"a", "an", "the"})
_OPENS = re.compile(rf"(?:{'|'.join(map(re.escape, ABSTENTION_OPENINGS))})(?!\w)")
_NUMBER = re.compile(r"\d+")
_PLAIN = str.maketrans("\u2018\u2019\u02bc`", "''''")


class Aligned(NamedTuple):
    """A text aligned to its context: how (an index into :data:`ALIGNMENTS`), and the span's text.

    The text is ``""`` for "no answer", and what was said where the context has nothing like it.
    """

    kind: int
    text: str


class Aligner:
    """Finds the span of a context that a free text means.

    The first of these rules that holds decides:

    1. *exact*: the context has the text, cutting no word in two.
    2. *no answer*: the text is empty, one of :data:`ABSTENTIONS`, or begins with one of :data:`ABSTENTION_OPENINGS`
       in whole words.
    3. *normalised*: the context has the same words and numbers in the same order, whatever their case, form of Unicode,
       punctuation and English articles.
    4. *fuzzy*: some span of the context is as similar as ``fuzzy`` says (rapidfuzz's ``partial_ratio``, extended to
       whole words) and has the same numbers.
    5. *not in the context*: none of these.

    Args:
        fuzzy: the least similarity, above 0 and up to 100; ``None`` leaves rule 4 out.
        abstentions: further texts for rule 2.

    Raises:
        UsageError: for a similarity out of range, or if rapidfuzz is not installed.
    """

    def __init__(self, fuzzy: float | None = 90.0, abstentions: Sequence[str] = ()) -> None:
        if fuzzy is not None:
            fix = "give a similarity above 0 and up to 100, such as 90"
            if not 0 < real(fuzzy, "fuzzy", fix) <= 100:
                raise UsageError(f"fuzzy is {fuzzy:g}", fix=fix)
            _require_rapidfuzz()
        self.fuzzy = fuzzy
        further = list_of(abstentions, "abstentions", "for example abstentions=['no idea']")
        self._abstentions = frozenset(map(_plain, (*ABSTENTIONS, *further)))

    def align(self, said: str, context: str) -> Aligned:
        """The span of the context that a text means."""
        said = said.strip()
        if said and _stands(said, context):
            return Aligned(EXACT, said)
        if self._abstains(said):
            return Aligned(ABSTAINED, "")
        if (span := _same_words(said, context)) is not None:
            return Aligned(NORMALISED, context[slice(*span)])
        if (span := self._similar(said, context)) is not None:
            return Aligned(FUZZY, context[slice(*span)])
        return Aligned(ABSENT, said)

    def _abstains(self, said: str) -> bool:
        plain = _plain(said)
        return not plain or plain in self._abstentions or _OPENS.match(plain) is not None

    def _similar(self, said: str, context: str) -> tuple[int, int] | None:
        if self.fuzzy is None or len(said) > len(context):
            return None
        from rapidfuzz import fuzz

        # Lower-case letters stand where the others do only if there are as many: "\u0130" becomes two.
        lower, among = said.lower(), context.lower()
        if len(among) != len(context):
            lower, among = said, context
        found = fuzz.partial_ratio_alignment(lower, among, score_cutoff=self.fuzzy)
        if found is None:
            return None
        start, end = _trimmed(context, *whole_words(context, found.dest_start, found.dest_end))
        same_numbers = _NUMBER.findall(said) == _NUMBER.findall(context[start:end])
        return (start, end) if start < end and same_numbers else None


@dataclass(frozen=True, eq=False)
class AlignedAnswers:
    """Answers to many questions, aligned.

    Attributes:
        said: of each question that was answered, by id, the texts of the spans found: a text, or a list where a list
            was said.
        kind: of each of them, by id, an index into :data:`ALIGNMENTS`; of several texts the worst.
    """

    said: Mapping[str, Said]
    kind: Mapping[str, int]

    def masks(self, examples: Examples) -> dict[str, Bool]:
        """bool[n] for each of :data:`ALIGNMENTS`: the questions whose answers stand like that."""
        kinds = np.array([self.kind.get(name, -1) for name in examples.id], np.int8)
        return {name: kinds == kind for kind, name in enumerate(ALIGNMENTS)}


def align_answers(examples: Examples, said: Mapping[str, Said], aligner: Aligner) -> AlignedAnswers:
    """Align what is said of each question; of questions that the examples lack nothing is changed.

    A text that stands in the context in several places is put where scoring puts it: nearest to a gold answer.

    Raises:
        UsageError: for what is no aligner.
    """
    if not isinstance(aligner, Aligner):
        raise UsageError(f"align is {aligner!r}", fix="say how to align: align=qatk.evaluation.Aligner()")
    row = {name: i for i, name in enumerate(examples.id)}
    found: dict[str, Said] = {}
    kinds: dict[str, int] = {}
    for name, what in said.items():
        if (at := row.get(name)) is None:
            found[name] = what
            continue
        kept: dict[tuple[str, int], tuple[str | Span, int]] = {}
        for part in [what] if isinstance(what, str) else what:
            if isinstance(part, Span) and part.char_start >= 0:  # said with its place: a span already
                kept.setdefault((part.text, part.char_start), (part, EXACT))
                continue
            text = part.text if isinstance(part, Span) else part
            aligned = aligner.align(text, examples.context_of(at))
            if aligned.kind != ABSTAINED:
                kept.setdefault((aligned.text, -1), (aligned.text, aligned.kind))
        kinds[name] = max((kind for _, kind in kept.values()), default=ABSTAINED)
        spans = [span for span, _ in kept.values()]
        found[name] = "".join(map(str, spans)) if isinstance(what, str) else spans
    return AlignedAnswers(found, kinds)


def _plain(text: str) -> str:
    """Without case and blanks, and without punctuation at the ends."""
    words = text.translate(_PLAIN).casefold().split()
    return " ".join(words).strip(" .,:;!?'\"()[]{}<>*\u201c\u201d\u2026-")


def _stands(text: str, context: str) -> bool:
    """Whether a context has a text, not as part of a word."""
    return any(not cuts_word(context, at, at + len(text)) for at in find_all(text, context))


class _Units(NamedTuple):
    """The words of a text, joined between separators, and the place of each."""

    joined: str
    places: Sequence[tuple[int, int]]


_BETWEEN = "\x1f"


def _same_words(said: str, context: str) -> tuple[int, int] | None:
    """Where a context has the words of a text, in the same order, without others between and no number cut in two."""
    wanted, there = _units(said), _units_of_context(context)
    for at in find_all(wanted.joined, there.joined) if wanted.places else ():
        first = there.joined.count(_BETWEEN, 0, at)
        span = there.places[first][0], there.places[first + len(wanted.places) - 1][1]
        if not cuts_word(context, *span):
            return span
    return None


def _units(text: str) -> _Units:
    units = [(_normal(found[0]), found.span()) for found in _unit().finditer(text)]
    without = [(unit, place) for unit, place in units if unit not in _ARTICLES] or units
    joined = "".join(f"{unit}{_BETWEEN}" for unit, _ in without)
    return _Units(_BETWEEN + joined, [place for _, place in without])


_units_of_context = lru_cache(maxsize=8)(_units)
"""Questions about one context mostly follow each other."""


@cache
def _unit() -> regex.Pattern[str]:
    """What is compared: a word or a number, or a character of a script without blanks, each with its marks."""
    import regex

    unspaced = UNSPACED.pattern
    return regex.compile(rf"{unspaced}\p{{M}}*|(?:(?!{unspaced})[\p{{L}}\p{{N}}]\p{{M}}*)+")


def _normal(word: str) -> str:
    return unicodedata.normalize("NFKC", word.casefold())


def _trimmed(context: str, start: int, end: int) -> tuple[int, int]:
    """A span without blanks at its ends."""
    text = context[start:end]
    return start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())


def _require_rapidfuzz() -> None:
    try:
        import rapidfuzz  # noqa: F401
    except ImportError:
        leave_out = "--fuzzy 0" if commanded() else "fuzzy=None"
        fix = f'pip install "qatk[align]", or leave fuzzy alignment out ({leave_out})'
        raise UsageError("fuzzy alignment needs rapidfuzz", fix=fix) from None
