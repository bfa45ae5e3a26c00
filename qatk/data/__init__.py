"""Care of examples, whatever their source."""

from qatk.data.answers import BadAnswers, as_starts, checked, listed, overlapping_spans
from qatk.data.pairs import pairs
from qatk.data.strict import strict

__all__ = [
    "BadAnswers",
    "as_starts",
    "checked",
    "listed",
    "overlapping_spans",
    "pairs",
    "strict",
]
