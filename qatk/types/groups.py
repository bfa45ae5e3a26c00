"""Questions grouped by answerability, under the names that the official SQuAD v2 script gives them."""

from __future__ import annotations

from typing import NamedTuple

from qatk.types.arrays import Bool


class Group(NamedTuple):
    """A group of questions: its name, the prefix of its metrics' keys, and its name in words."""

    name: str
    prefix: str
    title: str


ALL = Group("all", "", "all questions")
HAS_ANSWER = Group("HasAns", "HasAns_", "with an answer")
NO_ANSWER = Group("NoAns", "NoAns_", "without an answer")
GROUPS = (ALL, HAS_ANSWER, NO_ANSWER)


def groups_of(has_answer: Bool, *, distinct: bool = False) -> dict[Group, Bool]:
    """The rows of each group, bool[n]: of all questions, and of the others where they have any.

    Args:
        has_answer: bool[n], whether the gold answers the question.
        distinct: leave out a group that is the same as all questions.
    """
    # `| True` is an array of as many True.
    rows = {ALL: has_answer | True, HAS_ANSWER: has_answer, NO_ANSWER: ~has_answer}
    return {
        group: mask for group, mask in rows.items() if group == ALL or (mask.any() and not (distinct and mask.all()))
    }
