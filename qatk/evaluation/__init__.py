"""Scoring of predictions: official metrics, kinds of errors, answerability, reachability."""

from qatk.evaluation.agreement import agreement_of
from qatk.evaluation.answerability import Answerability, answerability_of
from qatk.evaluation.error_kinds import (
    FUNCTION_WORDS,
    KINDS,
    MEANINGS,
    RIGHT_KINDS,
    error_kinds_of,
    right_elsewhere,
)
from qatk.evaluation.free_text import Aligned, Aligner
from qatk.evaluation.metrics import take
from qatk.evaluation.risk import risk_curve
from qatk.evaluation.squad import OFFICIAL, exact_and_f1
from qatk.evaluation.thresholds import Sweep, threshold_sweep
from qatk.languages import ENGLISH, normalise_answers
from qatk.plugins.normalisers import normalisation_of
from qatk.statistics.intervals import percent

__all__ = [
    "ENGLISH",
    "FUNCTION_WORDS",
    "KINDS",
    "MEANINGS",
    "OFFICIAL",
    "RIGHT_KINDS",
    "Aligned",
    "Aligner",
    "Answerability",
    "Sweep",
    "agreement_of",
    "answerability_of",
    "error_kinds_of",
    "exact_and_f1",
    "normalisation_of",
    "normalise_answers",
    "percent",
    "right_elsewhere",
    "risk_curve",
    "take",
    "threshold_sweep",
]
