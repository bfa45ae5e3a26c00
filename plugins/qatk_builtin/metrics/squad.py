"""The ``squad`` metric."""

from __future__ import annotations

from collections.abc import Mapping

from qatk.api import Examples, NoOptions, Predictions
from qatk.evaluation import exact_and_f1
from qatk.types import Float64


class SquadMetric:
    """Exact match and token F1 of each question, as the official SQuAD script has them.

    Where several spans are due or said, spans are paired as in DROP's; see :func:`qatk.evaluation.exact_and_f1`.
    """

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
        """``exact`` and ``f1``: float64[n], fractions. Raises :class:`qatk.errors.DataError` without gold."""
        exact, f1 = exact_and_f1(examples, predictions.text, predictions.several)
        return {"exact": exact, "f1": f1}
