"""What terminal, Markdown, HTML and notebook share: text, numbers, tables."""

from qatk.display.numbers import (
    METRICS,
    counted,
    detects,
    figure,
    interval,
    p_value,
    parameter_count,
    points,
    scaled,
    signed,
)
from qatk.display.tables import bar, plain_table
from qatk.display.text import ELLIPSIS, Mark, excerpt, printable, undirected

__all__ = [
    "ELLIPSIS",
    "METRICS",
    "Mark",
    "bar",
    "counted",
    "detects",
    "excerpt",
    "figure",
    "interval",
    "p_value",
    "parameter_count",
    "plain_table",
    "points",
    "printable",
    "scaled",
    "signed",
    "undirected",
]
