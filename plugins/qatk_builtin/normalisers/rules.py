"""Normalisers of languages: the official SQuAD script's, MLQA's, and those that follow MLQA for further languages."""

from __future__ import annotations

import re
import string
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import ClassVar

from qatk.api import NoOptions
from qatk.display import UNSPACED, clusters, words_of
from qatk.evaluation import normalise_answers

_PLANES = range(min(0x20000, sys.maxunicode))
"""Where punctuation is: planes 0 and 1; those above have ideographs and nothing but."""


@cache
def punctuation() -> dict[int, None]:
    """MLQA's punctuation, for ``str.translate``: Unicode's category P, and all of ASCII's, symbols too."""
    return {**{k: None for k in _PLANES if unicodedata.category(chr(k))[0] == "P"}, **_ASCII}


_ASCII = {ord(char): None for char in string.punctuation}


def _any_of(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words.split())})\b")


class English:
    """As the official SQuAD v2 script: lower case, no ASCII punctuation, no articles."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def normalise(self, texts: Sequence[str]) -> list[str]:
        """The normal form of each text."""
        return normalise_answers(texts)


class Mlqa:
    """MLQA's rules for a language with blanks (Lewis et al. 2020, ``mlqa_evaluation_v1.py``).

    Lower case; then punctuation goes, then articles, as whole words; what blanks part are the tokens.
    """

    articles: ClassVar[re.Pattern[str] | None] = None

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def normalise(self, texts: Sequence[str]) -> list[str]:
        """The normal form of each text."""
        return [" ".join(self.tokens(self.without_articles(self.bare(text)))) for text in texts]

    def bare(self, text: str) -> str:
        """The text in lower case, without punctuation."""
        return text.lower().translate(punctuation())

    def without_articles(self, text: str) -> str:
        """The text without what the language has for articles."""
        return text if self.articles is None else self.articles.sub(" ", text)

    def tokens(self, text: str) -> list[str]:
        """The tokens of what is left."""
        return text.split()


class MlqaEnglish(Mlqa):
    """Unlike ``en`` it leaves out all of Unicode's punctuation."""

    articles = _any_of("a an the")


class German(Mlqa):
    """Definite and indefinite articles."""

    articles = _any_of("ein eine einen einem eines einer der die das den dem des")


class Spanish(Mlqa):
    """Definite and indefinite articles."""

    articles = _any_of("un una unos unas el la los las")


class Vietnamese(Mlqa):
    """Words that MLQA counts as articles: of, is, and classifiers."""

    articles = _any_of("của là cái chiếc những")


class Arabic(Mlqa):
    """The article is left out wherever its two letters stand, inside of words too, as MLQA's script does."""

    articles = re.compile("ال")


class Chinese(Mlqa):
    """Each ideograph is a token; between them words are what blanks part."""

    _IDEOGRAPH: ClassVar[re.Pattern[str]] = re.compile("([\u4e00-\u9fa5])")

    def tokens(self, text: str) -> list[str]:
        """Ideographs, and the words between them."""
        return self._IDEOGRAPH.sub(r" \1 ", text).split()


_APOSTROPHES = "'\u2019\u02bc"
"""The straight one, the curved one, and the letter."""


class Elided(Mlqa):
    """A language of which articles are elided; letters with marks are composed first (NFC), unlike in MLQA."""

    elided: ClassVar[re.Pattern[str]]

    def bare(self, text: str) -> str:
        """Elided articles go first: without their apostrophe they would be part of the word."""
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
        return unicodedata.normalize("NFC", self.elided.sub(" ", text).translate(punctuation()))


def _elided(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words.split())})[{_APOSTROPHES}]")


class French(Elided):
    """Definite, indefinite and partitive articles, and elided ``l'`` and ``d'``; ``de`` stays."""

    articles, elided = _any_of("le la les un une des du"), _elided("l d")


class Italian(Elided):
    """Definite, indefinite and partitive articles, and elided ones with the preposition that they merge with."""

    articles = _any_of("il lo la i gli le un uno una del dello della dei degli delle")
    elided = _elided("l un d dell all dall nell sull coll")


class Portuguese(Elided):
    """Definite and indefinite articles, and elided ``d'``; merged prepositions (``do``, ``na``) stay."""

    articles, elided = _any_of("o a os as um uma uns umas"), _elided("d")


class Dutch(Elided):
    """Definite and indefinite articles, and clipped ``'t`` and ``'n``."""

    articles, elided = _any_of("de het een"), re.compile(rf"(?<!\w)[{_APOSTROPHES}][tn]\b")


class Unspaced(Mlqa):
    """A language without blanks: each of its characters, marks included, is a token; other words stay whole.

    Compatible forms, such as those of full width, are made equal first (NFKC).
    """

    def bare(self, text: str) -> str:
        """The text in one form and lower case, without punctuation."""
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
        return unicodedata.normalize("NFKC", folded.translate(punctuation()))

    def tokens(self, text: str) -> list[str]:
        """Characters, and other words."""
        return words_of(text)


class Korean(Unspaced):
    """Every character is a token, digits and Latin letters too, as in KorQuAD; blanks do not count, unlike there."""

    def tokens(self, text: str) -> list[str]:
        """Characters."""
        return [cluster for word in text.split() for cluster in clusters(word)]


_BESIDE = re.compile(rf"(?<={UNSPACED.pattern})\s+|\s+(?={UNSPACED.pattern})")


class Segmented(Unspaced):
    """A language without blanks, in words that a segmenter finds.

    Blanks beside characters of the script are dropped before, and words are parted only beside such characters: so
    what is segmented once stays so.
    """

    def words(self, text: str) -> list[str]:
        """The segments of a text, which are the text when joined."""
        raise NotImplementedError

    def tokens(self, text: str) -> list[str]:
        """Words of the segmenter, and other words whole."""
        spelt: list[str] = []
        for word in self.words(_BESIDE.sub("", " ".join(text.split()))):
            if not spelt or UNSPACED.match(word) or UNSPACED.match(spelt[-1][-1:]):
                spelt.append(word)
            else:
                spelt[-1] += word
        return " ".join(spelt).split()
