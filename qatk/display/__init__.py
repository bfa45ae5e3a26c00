"""What terminal, Markdown, HTML and notebook output share: text, numbers, tables."""

from qatk.display.graphemes import (
    clusters,
    in_whole_words,
    occurrences,
    places_of,
    shortened,
    word_places,
    words_of,
)
from qatk.display.keys import flat
from qatk.display.numbers import (
    ANSWER_NOTHING,
    METRICS,
    best_threshold,
    byte_size,
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
from qatk.display.page import content_policy, page_script, page_style, page_template, still_page
from qatk.display.tables import bar, in_blocks, plain_table
from qatk.display.text import Mark, excerpt, printable, undirected
from qatk.errors import counted
from qatk.word_bounds import UNSPACED, cuts_word

__all__ = [
    "ANSWER_NOTHING",
    "METRICS",
    "UNSPACED",
    "Mark",
    "bar",
    "best_threshold",
    "byte_size",
    "clusters",
    "content_policy",
    "counted",
    "cuts_word",
    "detects",
    "excerpt",
    "figure",
    "flat",
    "in_blocks",
    "in_whole_words",
    "interval",
    "occurrences",
    "p_value",
    "page_script",
    "page_style",
    "page_template",
    "parameter_count",
    "places_of",
    "plain_table",
    "points",
    "printable",
    "scaled",
    "shortened",
    "signed",
    "still_page",
    "threshold_text",
    "undirected",
    "word_places",
    "words_of",
]
