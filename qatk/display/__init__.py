"""What terminal, Markdown, HTML and notebook output share: text, numbers, tables."""

from qatk.display.graphemes import (
    UNSPACED,
    clusters,
    cut_after,
    cut_before,
    occurrences,
    shortened,
    word_places,
    words_of,
)
from qatk.display.keys import flat
from qatk.display.numbers import (
    ANSWER_NOTHING,
    METRICS,
    best_threshold,
    counted,
    detects,
    figure,
    interval,
    p_value,
    parameter_count,
    points,
    scaled,
    signed,
    threshold_text,
)
from qatk.display.page import content_policy, page_script, page_style, page_template
from qatk.display.tables import bar, in_blocks, plain_table
from qatk.display.text import ELLIPSIS, Mark, excerpt, printable, undirected

__all__ = [
    "ANSWER_NOTHING",
    "ELLIPSIS",
    "METRICS",
    "UNSPACED",
    "Mark",
    "bar",
    "best_threshold",
    "clusters",
    "content_policy",
    "counted",
    "cut_after",
    "cut_before",
    "detects",
    "excerpt",
    "figure",
    "flat",
    "in_blocks",
    "interval",
    "occurrences",
    "p_value",
    "page_script",
    "page_style",
    "page_template",
    "parameter_count",
    "plain_table",
    "points",
    "printable",
    "scaled",
    "shortened",
    "signed",
    "threshold_text",
    "undirected",
    "word_places",
    "words_of",
]
