"""Which column of a table of questions holds what: those that are named, and others by their usual names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from qatk.errors import DataError, DataWarning, counted
from qatk.types.names import (
    USUAL,
    NamedColumns,
    answers_elsewhere,
    find_name,
    fix_of_nested,
    setting_of,
    usual_name,
)
from qatk.types.places import hold_places


def one_each(table: pa.Table, where: str, named: NamedColumns) -> tuple[dict[str, str | None], list[str]]:
    """The column that is named for each role, of answers the first, and the further columns of answers.

    Raises:
        DataError: for several columns of something else, and further ones that are not there.
    """
    single, further = dict[str, str | None](), list[str]()
    for role, names in named.items():
        if names is None or isinstance(names, str):
            single[role] = names
        elif role == "answers" and names:
            single[role], *further = dict.fromkeys(names)
        else:
            raise DataError(f"one column is due for {role}", where=where, fix="answers alone may have several")
    for name in further:
        _look_for(name, "answers", table.column_names, where)
    return single, further


def roles_of(table: pa.Table, where: str, named: Mapping[str, str | None]) -> dict[str, str]:
    """The column for ``is_impossible`` and each key of :data:`USUAL` that has one; those with usual names are said.

    Args:
        table: rows of questions.
        where: what messages call it.
        named: the column for some of them; ``None``: no column holds it, whatever their names are.

    Raises:
        DataError: for a column that is not there, and where none holds the question, the context, or the answers that
            another column gives the places of.
    """
    names = table.column_names
    for role, name in named.items():
        if name is not None:
            _look_for(name, role, names, where)
    roles = _found(names, named, lambda name: hold_places(table[name]))
    _check(roles, names, where)
    guesses = {role: name for role, name in roles.items() if role not in named}
    if any(role != name for role, name in guesses.items()):
        guessed = ", ".join(f"{role} is {name!r}" for role, name in guesses.items())
        warnings.warn(DataWarning(f"{where}: columns by their usual names: {guessed}"), stacklevel=4)
    return roles


def check_answers_alike(files: Mapping[str, Sequence[str]], named: NamedColumns) -> None:
    """Refuse files whose answers are in columns of different names, or in no column beside others that have them.

    Args:
        files: the names of the columns of each file.
        named: as of :class:`qatk.types.Rows`.

    Raises:
        DataError: for such files: read together, the questions of one would have no answer.
    """
    homes: dict[str | None, str] = {}
    for file, names in files.items():
        homes.setdefault(_home_of_answers(names, named), file)
    if len(homes) > 1:
        (one, first), (other, second) = sorted(homes.items(), key=lambda home: home[0] is None)[:2]
        what = f"the answers are in {one!r} in {first}, "
        what += f"and in no column that is known to hold them (columns found: {_all(files[second])})"
        if other is not None:
            what = f"the answers are in {other!r}, in {first} in {one!r}"
        fix = "give their column one name in all files, or read the files apart: the dataset mix joins them"
        raise DataError(what, where=second, fix=fix)


def _home_of_answers(names: Sequence[str], named: NamedColumns) -> str | None:
    """The column of a file that holds the answers, or else where they start; of several named, the first of all."""
    said = named.get("answers")
    if isinstance(said, str) or said:
        several = [said] if isinstance(said, str) else said
        return several[0] if {*several} & {*names} else None
    single = {role: name for role, name in named.items() if name is None or isinstance(name, str)}
    roles = _found(names, single, lambda _: False)
    return roles.get("answers") or roles.get("answer_start")


class OneColumn:
    """Refuses rows whose answers are in a column of another usual name than those of other rows, in whatever block."""

    def __init__(self) -> None:
        self._seen: dict[str, set[tuple[bool, bool]]] = {}
        self._others: dict[str, tuple[int, str]] = {}

    def check(
        self, table: pa.Table, where: str, answers: str, roles: Mapping[str, str], place: Callable[[int], str]
    ) -> None:
        """Look at a block of rows.

        Raises:
            DataError: where such a column is filled in rows without ``answers`` alone, here or in blocks before.
        """
        given = table[answers].is_valid().to_numpy()
        for name in table.column_names:
            if name in roles.values() or usual_name([name], "answers") is None:
                continue
            filled = np.array([value not in (None, "", []) for value in table[name].to_pylist()])
            seen = self._seen.setdefault(name, set())
            seen |= set(zip(given.tolist(), filled.tolist(), strict=True))
            others, first = self._others.get(name, (0, ""))
            if len(here := np.flatnonzero(filled & ~given)):
                others, first = self._others[name] = others + len(here), first or place(int(here[0]))
            if answers_elsewhere(name, seen):
                what = f"the answers are in {answers!r}, but in {counted(others, 'row')} in {name!r}, first in"
                both = setting_of("answers", f"[{answers}, {name}]")
                fix = f"{both}, takes both; {setting_of('answers')}, one alone"
                raise DataError(f"{what} {first}", where=where, fix=fix)


def _found(names: Sequence[str], named: Mapping[str, str | None], have_places: Callable[[str], bool]) -> dict[str, str]:
    """The column for each role that is named, or has one by its usual name."""
    roles = {role: name for role, name in named.items() if name is not None}

    def guess(role: str, usual: Sequence[str]) -> None:
        free = [name for name in names if name not in roles.values()]
        if role not in named and (found := find_name(free, usual)) is not None:
            roles[role] = found

    for role in ("id", "question", "context", "title", "answers"):
        guess(role, USUAL[role])
    guess("is_impossible", ["is_impossible"])
    if "answers" not in roles or not have_places(roles["answers"]):
        guess("answer_start", USUAL["answer_start"])
        start = roles.get("answer_start", "")
        # Beside answers an end is none of theirs unless it is called as their start is: it may be one in seconds.
        own = start.strip().lower().replace("start", "end").replace("begin", "end")
        guess("answer_end", [own] if "answers" in roles else USUAL["answer_end"])
    if "answer_start" in roles and not {"answers", "answer_end"} & roles.keys():
        guess("answers", ["text"])
    if "answer_start" not in roles and "answer_end" not in named:
        roles.pop("answer_end", None)
    if not {"answers", "answer_start"} & roles.keys():
        roles.pop("is_impossible", None)  # there is nothing to hold it against: a further column
    return roles


def _look_for(name: str, role: str, names: Sequence[str], where: str) -> None:
    if name not in names:
        raise DataError(f"there is no column {name!r} for {role}", where=where, fix=f"columns found: {_all(names)}")


def _check(roles: Mapping[str, str], names: Sequence[str], where: str) -> None:
    """Refuse roles without those that they need."""
    missing, why, other = [role for role in ("question", "context") if role not in roles], "", ""
    if not missing and "answer_start" in roles and not {"answers", "answer_end"} & roles.keys():
        missing, why = ["answers"], f" that start where {roles['answer_start']!r} says"
        other = f"; if it holds something else: {setting_of('answer_start', 'null')}"
    elif not missing and "answer_end" in roles and "answer_start" not in roles:
        missing, why = ["answer_start"], f" to {roles['answer_end']!r}, the answer_end"
    if missing:
        what = f"no column is known to hold the {' or the '.join(missing)}{why} (columns found: {_all(names)})"
        fix = fix_of_nested(names) or f"{setting_of(missing[0])}, says which one{other}"
        raise DataError(what, where=where, fix=fix)


def _all(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
