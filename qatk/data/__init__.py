"""Care of examples, whatever their source."""

from qatk.data.answers import BadAnswers, as_starts, checked, listed, overlapping_spans
from qatk.data.pairs import pairs
from qatk.data.quality import Finding, Quality, check
from qatk.data.strict import strict

__all__ = [
    "BadAnswers",
    "Finding",
    "Quality",
    "as_starts",
    "check",
    "checked",
    "listed",
    "overlapping_spans",
    "pairs",
    "strict",
]
