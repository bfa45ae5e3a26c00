"""Normalisers, by which metrics compare answers. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, hookimpl

_BY_RULES = {
    "en": ("English", "English as the official SQuAD v2 script: articles a, an, the; ASCII punctuation"),
    "en-mlqa": ("MlqaEnglish", "English as MLQA: articles a, an, the; all punctuation of Unicode"),
    "ar": ("Arabic", "Arabic as MLQA: the article, wherever its letters stand"),
    "de": ("German", "German as MLQA: articles ein, eine ..., der, die, das ..."),
    "es": ("Spanish", "Spanish as MLQA: articles un, una ..., el, la, los, las"),
    "hi": ("Mlqa", "Hindi as MLQA: no articles"),
    "vi": ("Vietnamese", "Vietnamese as MLQA: của, là, cái, chiếc, những"),
    "zh": ("Chinese", "Chinese as MLQA: each ideograph a token, other words whole"),
    "fr": ("French", "French: articles le, la, les, un, une, des, du; elided l', d'"),
    "it": ("Italian", "Italian: articles il, lo, la ..., un ..., del ...; elided l', un', dell' ..."),
    "nl": ("Dutch", "Dutch: articles de, het, een, 't, 'n"),
    "pt": ("Portuguese", "Portuguese: articles o, a, os, as, um, uma, uns, umas; elided d'"),
    "ja": ("Unspaced", "Japanese by character, other words whole"),
    "ko": ("Korean", "Korean by character, all words"),
    "th": ("Unspaced", "Thai by character with its marks, other words whole"),
}
"""Class and summary of the normalisers that need no other library."""


@hookimpl
def qatk_normalisers() -> Iterable[Component]:
    """Normalisers of languages."""
    rules, segmenters = f"{__name__}.rules", f"{__name__}.segmenters"
    return [
        *(Component(name, f"{rules}:{cls}", summary=summary) for name, (cls, summary) in _BY_RULES.items()),
        Component(
            "ja-sudachi",
            f"{segmenters}:Sudachi",
            summary="Japanese in the words of Sudachi's small dictionary",
            requires=("sudachipy", "sudachidict_small"),
        ),
        Component(
            "th-newmm",
            f"{segmenters}:Newmm",
            summary="Thai in the words of PyThaiNLP's newmm",
            requires=("pythainlp",),
        ),
    ]
