"""Care of examples, whatever their source."""

from qatk.data.answers import BadAnswers, as_starts, checked, listed, overlapping_spans
from qatk.data.pairs import pairs

__all__ = [
    "BadAnswers",
    "as_starts",
    "checked",
    "listed",
    "overlapping_spans",
    "pairs",
]
