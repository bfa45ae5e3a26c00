"""One class per kind of failure; each says what happened, where, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal would obey: control characters, ends of lines, turns of the direction; and what no file takes."""
_SECRETS = (
    (re.compile(r"(?<=://)[^/\s'\"]+@"), "***@"),  # user and password of an address
    (re.compile(r"\bhf_[A-Za-z0-9]{20,}"), "hf_***"),  # a token of the Hugging Face hub
    (re.compile(r"(?i)\b(token|password|secret|api[_-]?key|access[_-]?key|signature)=[^&\s'\"]+"), r"\1=***"),
    (re.compile(r"(?i)\b(authorization: ?\w+) \S+"), r"\1 ***"),
)
_FURTHER_LINE = re.compile(r"\n(?=  )")
_ENDLESS = re.compile(r"\S{400,}")
_LONGEST_LINE = 1000


def visible(text: str) -> str:
    """``text`` with escapes for what a terminal would obey: control characters, line ends, turns of the direction.

    Halves of surrogate pairs, which no terminal and no file takes, are escaped too.
    """
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def without_secrets(text: str) -> str:
    """``text`` with ``***`` for user and password in an address, tokens and keys: for messages and what is kept."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def message(text: str) -> str:
    """``text`` as a message shows it: visible, without secrets, in lines that are not endless.

    A line end stays one where two blanks follow it, so that no text can pretend to be a message of its own.
    """
    return "\n".join(_shortened(visible(line)) for line in _FURTHER_LINE.split(text))


def _shortened(line: str) -> str:
    line = _ENDLESS.sub(lambda word: f"{word[0][:100]}…{word[0][-20:]}", without_secrets(line))
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[: _LONGEST_LINE // 2]} … {line[-_LONGEST_LINE // 4 :]} ({len(line):,} characters)"


class QatkError(Exception):
    """A failure that qatk explains to its user in one message, without a traceback.

    Args:
        what: what is wrong, in one sentence.
        where: ``file:line:column``, a file, or an example id.
        fix: what the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(what)

    def __str__(self) -> str:
        said = message(f"{visible(self.where)}: {self.what}" if self.where else self.what)
        return f"{said}\n  {message(self.fix)}" if self.fix else said


class UsageError(QatkError):
    """The command, an option or a name is wrong: the user can mend the call (exit code 2)."""

    exit_code = 2


class DataError(QatkError):
    """A data file could be opened, but what it holds cannot be used."""


class PredictionsError(QatkError):
    """Predictions and data do not belong together: ids missing, left over or double."""


class ModelError(UsageError):
    """A backbone or tokenizer is not there, or cannot do what the recipe asks of it."""


class HubUnreachable(QatkError):
    """The model hub did not answer, which says nothing about whether the model exists."""


class FeatureError(UsageError):
    """The featurizer's options leave no room for the context, or a label has no place."""


class TrainingDiverged(QatkError):
    """The loss (or another quantity, ``what``) became NaN or infinite; ``step`` (from 1) was not taken."""

    def __init__(self, step: int, loss: float, what: str = "loss") -> None:
        self.step, self.loss = step, loss
        super().__init__(
            f"the {what} became {loss} at step {step}; that step was not taken",
            fix="try a lower learning_rate, precision: fp32, or a smaller max_grad_norm",
        )


class Interrupted(QatkError):
    """A signal ended the command: SIGINT (Ctrl-C), or SIGTERM."""


class PluginError(QatkError):
    """A plugin could not be loaded, or a component does not keep its contract."""


class RunFolderError(UsageError):
    """A run folder holds something else than what is asked of it."""


class StorageError(QatkError):
    """A file could not be written: no space, no permission."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a recipe. ``line`` and ``column`` count from 1; 0 means not in the file (``--set``)."""

    source: str
    line: int
    column: int
    what: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        said = [f"{place}: {self.what}", *([f"({self.fix})"] if self.fix else [])]
        return " ".join(_shortened(visible(part)) for part in said)


class RecipeError(UsageError):
    """A recipe has mistakes; ``problems`` lists all of them, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class QatkWarning(UserWarning):
    """Something that the user should know and that stops nothing."""

    def __str__(self) -> str:
        return message(super().__str__())


class DataWarning(QatkWarning):
    """Something about the data that was passed over or mended, with counts and the first ids."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most like one that is not known; ``None`` where none is alike to ``cutoff``, from 0 to 1."""
    from difflib import get_close_matches  # most commands fail at nothing and need not load it

    return next(iter(get_close_matches(word, list(known), 1, cutoff)), None)


def suggest(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """What a message says of a word that is not known.

    Args:
        word: as the user wrote it.
        known: what it might have been.
        otherwise: what to say where nothing is near, in place of all that is known.
    """
    known = list(known)
    if (near := nearest(word, known)) is not None:
        return f"did you mean {near!r}?"
    return otherwise if otherwise is not None else f"known: {', '.join(sorted(set(known))) or 'none'}"
