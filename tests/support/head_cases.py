"""The heads that are built in, by name."""

from __future__ import annotations

from typing import Any

from qatk.api import Options
from qatk_builtin.heads import AnswerabilityOptions, BiaffineOptions, ConditionalOptions
from qatk_builtin.heads.answerability import AnswerabilityHead
from qatk_builtin.heads.biaffine import BiaffineHead
from qatk_builtin.heads.conditional import ConditionalHead

HEADS: dict[str, tuple[Any, type[Options]]] = {
    "conditional": (ConditionalHead, ConditionalOptions),
    "biaffine": (BiaffineHead, BiaffineOptions),
    "answerability": (AnswerabilityHead, AnswerabilityOptions),
}
PAIRS = ["conditional", "biaffine"]


def head(name: str, **options: Any) -> Any:
    kind, form = HEADS[name]
    return kind(form(**options))
