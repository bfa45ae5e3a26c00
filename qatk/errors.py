"""Errors and warnings for users: each says what happened, where, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that a terminal acts on (control characters, line ends, changes of direction), and surrogates."""
_SECRETS = (
    ("://", re.compile(r"(?<=://)[^/\s'\"]+@"), "***@"),  # user and password of an address
    ("hf_", re.compile(r"\bhf_[A-Za-z0-9]{20,}"), "hf_***"),  # a token of the Hugging Face hub
    ("=", re.compile(r"(?i)\b(token|password|secret|api[_-]?key|access[_-]?key|signature)=[^&\s'\"]+"), r"\1=***"),
    (":", re.compile(r"(?i)\b(authorization: ?\w+) \S+"), r"\1 ***"),
)
"""What must stand in a text with such a secret, to be found first: most texts have none; the secret; what to show."""
_FURTHER_LINE = re.compile(r"\n(?=  )")
_ENDLESS = re.compile(r"\S{400,}")
_LONGEST_LINE = 1000


def visible(text: str) -> str:
    """``text`` with escapes for control characters, line ends and changes of the writing direction.

    Halves of surrogate pairs, which no terminal and no file accepts, are escaped too.
    """
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def without_secrets(text: str) -> str:
    """``text`` with ``***`` for user names and passwords in addresses, tokens and keys."""
    for sign, pattern, instead in _SECRETS:
        if sign in text:
            text = pattern.sub(instead, text)
    return text


def message(text: str) -> str:
    """``text`` as a message shows it: escaped, without secrets, and with long lines shortened.

    A line end is kept if two spaces follow it, so that quoted text cannot look like a message of its own.
    """
    return "\n".join(_shortened(visible(line)) for line in _FURTHER_LINE.split(text))


def _shortened(line: str) -> str:
    line = _ENDLESS.sub(lambda word: f"{word[0][:100]}…{word[0][-20:]}", without_secrets(line))
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[: _LONGEST_LINE // 2]} … {line[-_LONGEST_LINE // 4 :]} ({len(line):,} characters)"


def first_line(error: BaseException) -> str:
    """What an exception says first; its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class QatkError(Exception):
    """A failure that qatk explains to its user in one message, without a traceback.

    Args:
        what: what is wrong, in one sentence.
        where: ``file:line:column``, a file, or the id of an example.
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
    """The command, an option or a name is wrong: the user can correct the call (exit code 2)."""

    exit_code = 2


class DataError(QatkError):
    """A file could be opened, but its content cannot be used."""


class PredictionsError(QatkError):
    """Predictions do not match the data: missing, additional or duplicate ids."""


class ModelError(UsageError):
    """A backbone or tokenizer does not exist, or cannot do what the recipe requires."""


class HubUnreachable(QatkError):
    """The model hub did not answer; this does not say whether the model exists."""


class FeatureError(UsageError):
    """The featurizer's options leave no room for the context, or a label has no position."""


class TrainingDiverged(QatkError):
    """The loss (or another quantity, ``what``) became NaN or infinite; ``step`` (counted from 1) was not taken.

    ``windows`` are the rows of its training windows, if they are known.
    """

    def __init__(self, step: int, loss: float, what: str = "loss", windows: Sequence[int] = ()) -> None:
        self.step, self.loss, self.windows = step, loss, windows
        super().__init__(
            f"the {what} became {loss} at step {step}; that step was not taken",
            fix="try a lower learning_rate or max_grad_norm, precision: fp32, or trainer.skip_bad_batches: true",
        )


class Terminated(KeyboardInterrupt):
    """SIGTERM, where Ctrl-C may mean less than the end of the command."""


class Interrupted(QatkError):
    """A signal ended the command: SIGINT (Ctrl-C) or SIGTERM."""


class Requeue(QatkError):
    """A batch scheduler's SIGUSR1 ended a run, whose state is saved: the same command with ``--resume`` goes on."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: a temporary failure, try again


class ProcessLost(QatkError):
    """Another process of the same run has failed or was killed; that one says why."""

    exit_code = 76  # EX_PROTOCOL of sysexits.h: the other side failed


class PluginError(QatkError):
    """A plugin could not be loaded, or a component breaks its contract."""


class WrongReturn(TypeError):
    """What a part of a component returned is not what its protocol says.

    Args:
        what: what it returned, and what was due.
        by: the object that returned it; the error is that of the component whose source has its class.
    """

    def __init__(self, what: str, *, by: object) -> None:
        super().__init__(what)
        self.by = by


class RunFolderError(UsageError):
    """A run folder does not have what is asked of it."""


class StorageError(QatkError):
    """A file could not be written, for example because the disk is full or permission is missing."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a recipe. ``line`` and ``column`` count from 1; 0 means: not in the file (``--set``)."""

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
    """A recipe has mistakes; ``problems`` lists all of them: those of settings, and in its order those of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line > 0, problem)))
        super().__init__("\n".join(map(str, self.problems)))

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class QatkWarning(UserWarning):
    """Something that the user should know but that does not stop the command."""

    def __str__(self) -> str:
        return message(super().__str__())


class DataWarning(QatkWarning):
    """Data that were skipped or repaired, with counts and the first ids."""


LISTED = 10
"""How many ids a message lists."""


def counted(number: int, what: str, verb: str = "") -> str:
    """``1 question``, ``2 questions``; with a verb in the singular, ``1 question has``, ``2 questions have``."""
    if number == 1:
        return f"1 {what} {verb}".rstrip()
    return f"{number:,} {what}s {_PLURALS.get(verb, verb.removesuffix('s'))}".rstrip()


_PLURALS = {"is": "are", "has": "have", "does": "do"}


def listed(ids: Sequence[str]) -> str:
    """The first distinct ids, and whether there are more."""
    distinct = list(dict.fromkeys(ids))
    return ", ".join(distinct[:LISTED]) + (", ..." if len(distinct) > LISTED else "")


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most similar to ``word``; ``None`` if none reaches the similarity ``cutoff``, from 0 to 1."""
    from difflib import get_close_matches  # most commands fail at nothing and need not load it

    return next(iter(get_close_matches(word, list(known), 1, cutoff)), None)


def suggest(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """The hint in a message about an unknown word.

    Args:
        word: as the user wrote it.
        known: the words that it could have been.
        otherwise: what to say if no word is similar, instead of listing all known words.
    """
    known = list(known)
    if (near := nearest(word, known)) is not None:
        return f"did you mean {near!r}?"
    return otherwise if otherwise is not None else f"known: {', '.join(sorted(set(known))) or 'none'}"
