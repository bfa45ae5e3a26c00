"""Groups of questions by answerability, with the names of the official SQuAD v2 script."""

from __future__ import annotations

from typing import NamedTuple

from qatk.types.arrays import Bool


class Group(NamedTuple):
    """A group of questions: its name, the prefix of its keys in metrics, and its name in words."""

    name: str
    prefix: str
    title: str


ALL = Group("all", "", "all questions")
"""All questions."""
HAS_ANSWER = Group("HasAns", "HasAns_", "with an answer")
"""The questions with an answer in their context."""
NO_ANSWER = Group("NoAns", "NoAns_", "without an answer")
"""The questions without an answer."""
GROUPS = (ALL, HAS_ANSWER, NO_ANSWER)
"""The groups in the order of reports."""


def groups_of(has_answer: Bool, *, distinct: bool = False) -> dict[Group, Bool]:
    """The mask of each group, bool[n]: all questions, and the other groups unless they are empty.

    Args:
        has_answer: bool[n], whether the context answers the question.
        distinct: leave out a group that equals all questions.
    """
    # `| True` is an array of as many True.
    rows = {ALL: has_answer | True, HAS_ANSWER: has_answer, NO_ANSWER: ~has_answer}
    return {
        group: mask for group, mask in rows.items() if group == ALL or (mask.any() and not (distinct and mask.all()))
    }
