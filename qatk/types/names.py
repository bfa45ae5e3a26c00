"""The names that columns of questions usually have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from qatk.spelling import commanded

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


NamedColumns = Mapping[str, str | Sequence[str] | None]
"""The column for some roles, of alternative answers also several; ``None``: no column holds it, whatever its name."""


def setting_of(role: str, value: str = "NAME") -> str:
    """How a recipe, and how a command or a call, says which column holds what, for messages."""
    of_call = f"roles={{{role!r}: {'None' if value == 'null' else value}}} in a call"
    elsewhere = f"--set roles.{role}={value} in commands that take it" if commanded() else of_call
    return f"roles: {{{role}: {value}}} in a recipe, {elsewhere}"


def fix_of_nested(names: Iterable[str]) -> str:
    """What to do with columns that are a SQuAD file read as rows; nothing for others."""
    return (
        "a file of articles and paragraphs is read by the dataset 'squad'" if {"data", "paragraphs"} & {*names} else ""
    )


def usual_name(names: Iterable[str], role: str) -> str | None:
    """The first of the usual names for ``role`` that is among the names of columns, in any case, blanks aside."""
    return find_name(names, USUAL[role])


def answers_elsewhere(name: str, rows: Set[tuple[bool, bool]]) -> bool:
    """Whether a column has the answers that another lacks: it is called like one, and filled where that is empty alone.

    Args:
        name: what it is called.
        rows: whether rows have answers in the other column, which some have, and are filled in this one.
    """
    by_name = usual_name([name], "answers") is not None
    return by_name and {(True, False), (False, True)} <= rows and (True, True) not in rows


def find_name(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    """The name of a column that is the first of those wanted, as it is written, else in any case, blanks aside."""
    names = list(names)
    written = {name.strip().lower(): name for name in reversed(names)} | {name: name for name in names}
    return next((written[name] for name in wanted if name in written), None)
