"""Scoring of predictions: official metrics, kinds of errors, answerability, reachability."""

from qatk.evaluation.agreement import Agreement, agreement_of
from qatk.evaluation.answerability import Answerability, answerability_of
from qatk.evaluation.error_kinds import (
    FUNCTION_WORDS,
    KINDS,
    MEANINGS,
    RIGHT_ANSWER,
    RIGHT_TO_ABSTAIN,
    error_kinds_of,
    right_elsewhere,
)
from qatk.evaluation.free_text import ALIGNMENTS, Aligned, AlignedAnswers, Aligner, align_answers
from qatk.evaluation.metrics import take
from qatk.evaluation.risk import Point, risk_curve
from qatk.evaluation.squad import OFFICIAL, exact_and_f1
from qatk.evaluation.thresholds import Sweep, threshold_sweep
from qatk.languages import ENGLISH, Normalisation, normalise_answers
from qatk.plugins.normalisers import LANGUAGE_KEYS, normalisation_of, recorded_normalisation
from qatk.statistics.intervals import mean_interval, percent

__all__ = [
    "ALIGNMENTS",
    "ENGLISH",
    "FUNCTION_WORDS",
    "KINDS",
    "LANGUAGE_KEYS",
    "MEANINGS",
    "OFFICIAL",
    "RIGHT_ANSWER",
    "RIGHT_TO_ABSTAIN",
    "Agreement",
    "Aligned",
    "AlignedAnswers",
    "Aligner",
    "Answerability",
    "Normalisation",
    "Point",
    "Sweep",
    "agreement_of",
    "align_answers",
    "answerability_of",
    "error_kinds_of",
    "exact_and_f1",
    "mean_interval",
    "normalisation_of",
    "normalise_answers",
    "percent",
    "recorded_normalisation",
    "right_elsewhere",
    "risk_curve",
    "take",
    "threshold_sweep",
]
