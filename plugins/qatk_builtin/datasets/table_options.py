"""The options of the ``table`` dataset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from qatk.api import Options
from qatk.data import BadAnswers
from qatk.files import expanded

Role = Literal["id", "question", "context", "title", "answers", "answer_start", "answer_end", "is_impossible"]


def _one_character(value: str | None) -> str | None:
    if value is not None and (len(value) != 1 or not value.isascii() or value in '"\r\n'):
        raise ValueError("should be one character of ASCII, neither a quote nor the end of a line")
    return value


def _one_each(value: dict[Role, str | list[str] | None]) -> dict[Role, str | list[str] | None]:
    if wrong := [role for role, names in value.items() if isinstance(names, list) and (role != "answers" or not names)]:
        raise ValueError(f"{wrong[0]}: should be one column; a list of columns is for answers")
    return value


def _texts(value: list[str]) -> list[str]:
    if any(not text.strip() for text in value):
        raise ValueError("should be texts; an empty cell is no answer without it")
    return value


NoAnswer = Annotated[list[str], AfterValidator(_texts)]
Roles = Annotated[dict[Role, str | list[str] | None], AfterValidator(_one_each)]
Ambiguous = Literal["first", "last", "unknown"]
DataPath = Annotated[str, AfterValidator(expanded)]
"""A path or glob of data, in which ``~`` is the home of the user."""
Delimiter = Annotated[str | None, AfterValidator(_one_character)]


class TableOptions(Options):
    """Options of the ``table`` dataset."""

    path: DataPath | list[DataPath]
    """File, glob, or list of them, relative to the working directory: .csv, .tsv, .jsonl, .json (a list of objects),
    .parquet or .arrow; the first four also with .gz or .zst."""
    roles: Roles = Field(default_factory=dict)
    """Column of the file for each of ``id``, ``question``, ``context``, ``title``, ``answers``, ``answer_start``,
    ``answer_end`` and ``is_impossible``; columns with usual names, in any case, are found without it. ``null``: no
    column holds it, whatever its name. A list of columns for ``answers``: each holds an alternative, or nothing."""
    delimiter: Delimiter = None
    """Character between the cells of .csv and .tsv. ``null`` takes that of a first line ``sep=;``, else a tab for .tsv,
    and for .csv what the header has most of: commas, semicolons or tabs."""
    quotes: bool = True
    """Quotes around a cell of .csv or .tsv are not of it, and two stand for one; ``false`` reads all quotes as they
    stand, as in files of tools that put none."""
    no_answer: NoAnswer = Field(default_factory=list)
    """Texts in the column of answers that say that there is none, in any case: ``["keine Antwort", "k.A."]``. Empty
    cells always do."""
    ambiguous: Ambiguous = "first"
    """Position of an answer that is given as a text and occurs several times in its context: the first, the last, or
    unknown (it can be scored but not trained on)."""
    bad_answers: BadAnswers = "error"
    """As for ``squad``."""
    columns: list[str] = Field(default_factory=list)
    """Additional columns to read, as for ``squad``."""

    @model_validator(mode="before")
    @classmethod
    def _take_former_names(cls, given: object) -> object:
        """``roles`` was called ``columns``, and ``columns`` was called ``further``."""
        if isinstance(given, dict) and isinstance(given.get("columns"), dict):
            given = {**given, "roles": given["columns"], "columns": []}
        if isinstance(given, dict) and "further" in given:
            given = {**given, "columns": given["further"]}
            del given["further"]
        return given
