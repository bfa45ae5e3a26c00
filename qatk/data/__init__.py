"""Checks and repairs of examples from any source."""

from qatk.data.answers import BadAnswers, checked, overlapping_spans
from qatk.data.auditing import Audit, audit, best_choice
from qatk.data.convert import ENDINGS, FORMS, Form, Saved, form_of, rendered, save, squad_document
from qatk.data.joining import joined
from qatk.data.pairs import pairs
from qatk.data.parts import Split, sample, split
from qatk.data.quality import Change, Finding, Quality, check, fix
from qatk.data.stats import Spread, Stats, describe
from qatk.data.stats_page import HEADERS, charts_of, length_rows, stats_html
from qatk.data.strict import strict, unchecked
from qatk.errors import listed
from qatk.types import USUAL, as_starts

__all__ = [
    "ENDINGS",
    "FORMS",
    "HEADERS",
    "USUAL",
    "Audit",
    "BadAnswers",
    "Change",
    "Finding",
    "Form",
    "Quality",
    "Saved",
    "Split",
    "Spread",
    "Stats",
    "as_starts",
    "audit",
    "best_choice",
    "charts_of",
    "check",
    "checked",
    "describe",
    "fix",
    "form_of",
    "joined",
    "length_rows",
    "listed",
    "overlapping_spans",
    "pairs",
    "rendered",
    "sample",
    "save",
    "split",
    "squad_document",
    "stats_html",
    "strict",
    "unchecked",
]
