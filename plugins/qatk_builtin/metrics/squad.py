"""The ``squad`` metric."""

from __future__ import annotations

from collections.abc import Mapping

from qatk.api import Examples, LanguageOptions, Predictions
from qatk.evaluation import exact_and_f1, normalisation_of
from qatk.types import Float64


class SquadMetric:
    """Exact match and token F1 of each question, as the official SQuAD script has them.

    With another language than ``en``, its normaliser takes the place of the script's normalisation. Where several spans
    are due or said, spans are paired as in DROP's; see :func:`qatk.evaluation.exact_and_f1`.
    """

    def __init__(self, options: LanguageOptions) -> None:
        self.options = options
        self.normalisation = normalisation_of(options.language, options.language_column)

    def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
        """``exact`` and ``f1``: float64[n], fractions. Raises :class:`qatk.errors.DataError` without gold."""
        exact, f1 = exact_and_f1(examples, predictions.text, predictions.several, self.normalisation)
        return {"exact": exact, "f1": f1}
