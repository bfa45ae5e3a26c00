"""Metrics, and the normalisers by which they compare answers. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from qatk.api import Component, LanguageOptions, Options, hookimpl


class EvaluateOptions(Options):
    """Options of the ``evaluate`` metric."""

    name: str
    """Metric of the ``evaluate`` library: its name, or the path of a local one."""
    config: str | None = None
    """Configuration of the metric, if it has several."""
    arguments: dict[str, object] = Field(default_factory=dict)
    """Additional arguments of the metric's ``compute``."""


@hookimpl
def qatk_metrics() -> Iterable[Component]:
    """The official metric, that of several spans, and any metric of the ``evaluate`` library."""
    return [
        Component(
            "squad",
            f"{__name__}.squad:SquadMetric",
            LanguageOptions,
            "EM and F1 as in the official script, or by language; several spans as DROP",
            formerly=("squad",),
        ),
        Component(
            "spans",
            f"{__name__}.spans:SpansMetric",
            LanguageOptions,
            "several spans: MultiSpanQA's figures, words, IoU, coverage",
        ),
        Component(
            "evaluate",
            f"{__name__}.evaluate_library:EvaluateMetric",
            EvaluateOptions,
            "a metric of the evaluate library",
            formerly=("squad",),
        ),
    ]


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
    rules, segmenters = f"{__name__}.normalisers", f"{__name__}.segmenters"
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
