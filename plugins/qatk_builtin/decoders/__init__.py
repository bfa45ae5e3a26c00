"""Span scores to answers. Registration only; see the sibling modules."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from qatk.api import AboveZero, Component, Natural, Options, Positive, hookimpl


class ThresholdOptions(Options):
    """Options of all decoders."""

    n_best_size: Positive = 20
    """Length of the n-best list of each question."""
    max_answer_length: Positive = 30
    """Maximum length of an answer, in tokens."""
    null_threshold: float | Literal["never", "calibrated"] = 0.0
    """Abstain if null score minus best span score is above this. ``never`` always answers; ``calibrated`` fits the
    threshold on half of the dev articles for the other half, and on all of them for new data."""

    @property
    def limit(self) -> float:
        """Null odds above which there is no answer: 0 until they are calibrated, infinite for ``never``."""
        named = {"calibrated": 0.0, "never": math.inf}
        return named[self.null_threshold] if isinstance(self.null_threshold, str) else self.null_threshold


class MinNullOptions(ThresholdOptions):
    """Options of the ``min-null`` decoder."""

    overlapping: bool = True
    """Whether spans of the n-best list may overlap. Without overlaps it has the best span of each place, as for several
    answers out of a long document."""
    temperature: AboveZero | None = None
    """Compare spans of different windows by their probabilities in their windows, of scores divided by this; by
    default, by the scores themselves. Null scores change their scale with it."""


class MergeWindowsOptions(MinNullOptions):
    """Options of the ``merge-windows`` decoder."""

    combine: Literal["max", "mean", "edge"] = "max"
    """How to combine a token's scores in several windows: the maximum; the mean; or the mean weighted by the token's
    distance from the nearer edge of its window's context (edge), because a token at an edge has little context."""


class EnsembleOptions(MinNullOptions):
    """Options of the ``ensemble`` decoder."""

    runs: list[str]
    """Folders of finished runs that answered the same questions. Do not name this run; it is always a member."""
    by: Literal["score", "probability"] = "probability"
    """What to average: the probabilities of spans and of no answer, for models of any kind; or their scores, for models
    of one kind, such as several seeds."""


class SeveralOptions(ThresholdOptions):
    """Options of the ``several`` decoder."""

    max_answer_length: Positive = 100
    """Maximum length of a span, in tokens, before gaps are closed."""
    threshold: float | Literal["calibrated"] = 0.0
    """Least log-odds of a token (or, of heads that score spans, of a span) in the answer; 0 is a probability of one
    half. ``calibrated`` fits it on half of the dev articles for the other half, and on all of them for new data."""
    gap: Natural = 0
    """Close gaps of up to this many characters between two spans."""
    max_spans: Positive | None = None
    """Maximum number of spans in an answer, the best ones; ``null`` is no maximum."""


class SentencesOptions(SeveralOptions):
    """Options of the ``sentences`` decoder."""

    language: str = "en"
    """ISO 639 code of the language whose rules for abbreviations and stops divide sentences; other languages have
    general rules."""


_WHOLE_SENTENCES = "its answers are whole sentences around the spans that were scored"


@hookimpl
def qatk_decoders() -> Iterable[Component]:
    """Best spans; of windows that are merged first; of several runs; several spans, and sentences."""
    several = "every span, or run of tagged tokens, above a threshold"
    sentences = "as several, each span widened to whole sentences"
    read: tuple[str, ...] = ("spans", "tokens")
    merge = "as min-null, after a token's scores in several windows are combined"
    ensemble = "as min-null, of several runs' best spans together"
    best = "best valid span; null score is the minimum over windows"
    return [
        Component(
            "min-null",
            f"{__name__}.min_null:MinNullDecoder",
            MinNullOptions,
            best,
            formerly=("bert",),
            former_names=("exact",),
        ),
        Component("merge-windows", f"{__name__}.merge_windows:MergeWindowsDecoder", MergeWindowsOptions, merge),
        Component("ensemble", f"{__name__}.ensemble:EnsembleDecoder", EnsembleOptions, ensemble),
        Component("several", f"{__name__}.several:SeveralDecoder", SeveralOptions, several, scores=read),
        Component(
            "sentences",
            f"{__name__}.sentences:SentencesDecoder",
            SentencesOptions,
            sentences,
            requires=("sentencex",),
            scores=read,
            waives=dict.fromkeys(
                (
                    "a-clear-answer-is-given",
                    "answers-are-spans-of-scored-tokens",
                    "both-forms-of-scores",
                    "clear-tokens-are-the-answer",
                    "max-answer-length-is-kept",
                ),
                _WHOLE_SENTENCES,
            ),
        ),
    ]
