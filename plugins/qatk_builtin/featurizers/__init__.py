"""Examples to token windows. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qatk.api import Component, Fraction, Natural, Options, Positive, hookimpl


class StrideOptions(Options):
    """Options of the ``stride`` featurizer."""

    max_length: Positive = 384
    """The most tokens of a window, question and special tokens included."""
    doc_stride: Natural = 128
    """How many tokens of context two neighbouring windows share."""
    max_question_length: Positive = 64
    """Longer questions are cut to this many tokens, and counted."""
    impossible_windows: Literal["keep", "drop"] | Fraction = "keep"
    """Training windows that do not hold the answer: keep all, as is usual; drop all, those of unanswerable questions
    too; or keep this fraction, drawn by seed 0, where an unanswerable question keeps at least one window (so 0.0
    leaves every question its telling windows)."""


@hookimpl
def qatk_featurizers() -> Iterable[Component]:
    """Overlapping windows."""
    return [
        Component(
            "stride",
            f"{__name__}.stride:StrideFeaturizer",
            StrideOptions,
            "windows that overlap by doc_stride",
            formerly=("bert",),
        ),
    ]
