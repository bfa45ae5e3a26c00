"""The names that columns of questions usually have."""

from __future__ import annotations

from collections.abc import Mapping

USUAL: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "qid", "question_id", "example_id", "uid"),
    "question": ("question", "query", "q"),
    "context": ("context", "passage", "paragraph", "document", "text"),
    "title": ("title", "article"),
    "answers": ("answers", "answer", "answer_text", "gold", "labels", "label"),
    "answer_start": ("answer_start", "start", "start_char", "char_start", "begin"),
    "answer_end": ("answer_end", "end", "end_char", "char_end"),
}
"""The names that columns usually have, by what they hold; the first that a table has is taken."""
