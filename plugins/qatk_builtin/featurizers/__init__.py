"""Examples to token windows. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qatk.api import Component, Fraction, Natural, Options, Positive, hookimpl


class StrideOptions(Options):
    """Options of the ``stride`` featurizer."""

    max_length: Positive = 384
    """Maximum number of tokens in a window, including question and special tokens."""
    doc_stride: Natural = 128
    """Number of context tokens that two neighbouring windows share."""
    max_question_length: Positive = 64
    """Maximum number of question tokens; longer questions are cut and counted."""
    impossible_windows: Literal["keep", "drop"] | Fraction = "keep"
    """Training windows without the answer: keep all (keep), as usual; drop all, including those of unanswerable
    questions (drop); or keep this fraction, drawn with seed 0. With a fraction, each unanswerable question keeps at
    least one window."""


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
