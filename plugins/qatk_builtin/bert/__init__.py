"""The BERT way: HF backbones, stride windows, a linear span head, min-null decoding. Registration only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qatk.api import Component, Options, Positive, hookimpl


class MinNullOptions(Options):
    """Options of the ``min-null`` decoder."""

    n_best_size: Positive = 20
    """How many spans an example keeps."""
    max_answer_length: Positive = 30
    """The longest answer, in tokens."""
    null_threshold: float | Literal["never", "calibrated"] = 0.0
    """Answer nothing where null score minus best span score is above this; ``never`` always answers; ``calibrated``
    fits it on one half of the dev articles for the other, and on all of them for data to come."""


@hookimpl
def qatk_decoders() -> Iterable[Component]:
    """Best spans."""
    summary = "best valid span; null score is the minimum over windows"
    return [Component("min-null", f"{__name__}.min_null:MinNullDecoder", MinNullOptions, summary)]
