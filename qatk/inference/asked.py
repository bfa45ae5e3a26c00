"""Questions of any number: held in memory, or read block by block whenever they are needed."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from qatk.errors import DataError, DataWarning, counted
from qatk.files import write_json
from qatk.plugins.live import LiveDataset
from qatk.progress import advance
from qatk.types import Examples
from qatk.types.text_numbers import text_numbers

BLOCK = 1 << 11
"""Questions that are answered together: enough to sort into batches of one length, few enough for little memory."""
_WARNED = 3
"""Warnings of blocks that are shown."""

Look = Callable[[Examples], object]


class Survey(BaseModel):
    """What was seen of a dataset in blocks: with it, another process need not read all of them first.

    Attributes:
        sizes, has_gold: as those of :class:`Asked`.
        digests: of each block.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    sizes: list[int]
    has_gold: bool
    digests: list[str]

    def write(self, path: Path) -> None:
        """Keep it in a file. Raises :class:`StorageError`."""
        write_json(path, self.model_dump(), indent=None)

    @classmethod
    def known(cls, path: Path) -> Survey | None:
        """What :meth:`write` kept; ``None`` where there is none, or it cannot be read."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None


@dataclass(frozen=True)
class Asked:
    """Questions that are given in blocks, as often as they are asked for.

    Attributes:
        sizes: how many are in each block.
        has_gold: whether their gold answers are known.
        digest: of what they say.
        read: gives those of a range, the same every time.
        survey: what was seen of a dataset that streams.
    """

    sizes: Sequence[int]
    has_gold: bool
    digest: str
    read: Callable[[range], Iterator[Examples]]
    survey: Survey | None = None

    def blocks(self, which: range | None = None) -> Iterator[Examples]:
        """All blocks, or those of a range."""
        return self.read(range(len(self.sizes)) if which is None else which)

    @property
    def whole(self) -> str:
        """The digest of all of them as one set of examples, where one block holds them; else ``""``."""
        if self.survey is None:
            return self.digest
        return self.survey.digests[0] if len(self.survey.digests) == 1 else ""

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.sizes)


def held(examples: Examples, size: int = BLOCK) -> Asked:
    """Examples in memory, in blocks of ``size``."""
    places = [range(begin, min(begin + size, len(examples))) for begin in range(0, len(examples), size)]

    def read(which: range) -> Iterator[Examples]:
        return map(examples.take, places[which.start : which.stop])

    return Asked([*map(len, places)], examples.has_gold, examples.digest(), read)


def read_asked(
    dataset: LiveDataset, size: int = BLOCK, *, look: Look = lambda examples: None, known: Survey | None = None
) -> Asked:
    """The questions of a dataset; of one that streams, a block at a time is in memory.

    They are read once now, so that what is wrong with any of them is said before the first is answered.

    Args:
        dataset: the component.
        size: questions in a block.
        look: called with each block of questions that have gold answers, to check more of them.
        known: what another process saw of them; they are not read now.

    Raises:
        DataError, UsageError: of the dataset, and of ``look``.
    """
    try:
        survey = known or _surveyed(dataset, size, look)
    except DataError:
        survey = None
    if survey is not None:
        digest = hashlib.sha256("".join(survey.digests).encode()).hexdigest()
        seen = survey.digests
        return Asked(survey.sizes, survey.has_gold, digest, lambda which: _again(dataset, size, seen, which), survey)
    examples = dataset.load()  # which says what is wrong, or sees that all of it together is not
    if examples.has_gold:
        look(examples)
    return held(examples, size)


def _surveyed(dataset: LiveDataset, size: int, look: Look) -> Survey | None:
    """A dataset that streams, seen once; ``None`` where it does not, or parts do not fit together."""
    digests, names, gold, sizes = [], [], set(), list[int]()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DataWarning)
        if (blocks := dataset.stream(size)) is None:
            return None
        for block in blocks:
            if block.has_gold:
                look(block)
            digests.append(block.digest())
            names.append(text_numbers(block.id))
            gold.add(block.has_gold)
            sizes.append(len(block))
            advance("reading questions", sum(sizes))
    advance("reading questions", sum(sizes), sum(sizes))
    if len(gold) != 1 or len(np.unique(np.concatenate(names))) < sum(sizes):
        return None
    _say({str(each.message): each.message for each in said})
    return Survey(sizes=sizes, has_gold=gold.pop(), digests=digests)


def _again(dataset: LiveDataset, size: int, digests: Sequence[str], which: range) -> Iterator[Examples]:
    """Some of the blocks once more, without warnings that were shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        if (stream := dataset.stream(size)) is None:
            dataset.load()  # which says what is wrong, such as a file that is not on this machine
            stream = iter(())
    blocks = islice(stream, which.start, which.stop)
    for number in which:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            block = next(blocks, None)
        if block is None or block.digest() != digests[number]:
            fix = "remove the folder OUT.parts, if it is there, and answer again"
            raise DataError("the data changed since they were first read", fix=fix)
        yield block


def _say(messages: dict[str, Warning | str]) -> None:
    shown = list(messages.values())
    for message in shown[:_WARNED]:
        warnings.warn(message if isinstance(message, Warning) else DataWarning(message), stacklevel=2)
    if (more := len(shown) - _WARNED) > 0:
        warnings.warn(DataWarning(f"{counted(more, 'warning')} more of other questions"), stacklevel=2)
