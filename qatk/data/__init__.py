"""Checks and repairs of examples from any source."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from qatk.data.answers import BadAnswers, checked, overlapping_spans
from qatk.data.joining import joined
from qatk.data.pairs import pairs
from qatk.data.strict import gold_given, strict, unchecked
from qatk.errors import listed
from qatk.memory import without_collector

if TYPE_CHECKING:
    from qatk.data.auditing import Audit as Audit
    from qatk.data.auditing import audit as audit
    from qatk.data.auditing import best_choice as best_choice
    from qatk.data.convert import ENDINGS as ENDINGS
    from qatk.data.convert import FORMS as FORMS
    from qatk.data.convert import Saved as Saved
    from qatk.data.convert import form_of as form_of
    from qatk.data.convert import rendered as rendered
    from qatk.data.convert import save as save
    from qatk.data.parts import Split as Split
    from qatk.data.parts import sample as sample
    from qatk.data.parts import split as split
    from qatk.data.quality import Change as Change
    from qatk.data.quality import Finding as Finding
    from qatk.data.quality import Quality as Quality
    from qatk.data.quality import check as check
    from qatk.data.quality import fix as fix
    from qatk.data.reading import read as read
    from qatk.data.reading import read_rows as read_rows
    from qatk.data.stats import Spread as Spread
    from qatk.data.stats import Stats as Stats
    from qatk.data.stats import describe as describe
    from qatk.data.stats_page import HEADERS as HEADERS
    from qatk.data.stats_page import charts_of as charts_of
    from qatk.data.stats_page import count_rows as count_rows
    from qatk.data.stats_page import length_rows as length_rows
    from qatk.data.stats_page import stats_html as stats_html

_HOMES = {
    "qatk.data.auditing": ("Audit", "audit", "best_choice"),
    "qatk.data.convert": ("ENDINGS", "FORMS", "Saved", "form_of", "rendered", "save"),
    "qatk.data.parts": ("Split", "sample", "split"),
    "qatk.data.quality": ("Change", "Finding", "Quality", "check", "fix"),
    "qatk.data.reading": ("read", "read_rows"),
    "qatk.data.stats": ("Spread", "Stats", "describe"),
    "qatk.data.stats_page": ("HEADERS", "charts_of", "count_rows", "length_rows", "stats_html"),
}
"""Imported at first use: a command that reads data needs none of what checks, converts and describes them."""

__all__ = [
    "ENDINGS",
    "FORMS",
    "HEADERS",
    "Audit",
    "BadAnswers",
    "Change",
    "Finding",
    "Quality",
    "Saved",
    "Split",
    "Spread",
    "Stats",
    "audit",
    "best_choice",
    "charts_of",
    "check",
    "checked",
    "count_rows",
    "describe",
    "fix",
    "form_of",
    "gold_given",
    "joined",
    "length_rows",
    "listed",
    "overlapping_spans",
    "pairs",
    "read",
    "read_rows",
    "rendered",
    "sample",
    "save",
    "split",
    "stats_html",
    "strict",
    "unchecked",
    "without_collector",
]


def __getattr__(name: str) -> object:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'qatk.data' has no attribute {name!r}")
    return getattr(import_module(home), name)
