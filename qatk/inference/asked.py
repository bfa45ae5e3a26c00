"""Questions of any number: held in memory, or read block by block whenever they are needed."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qatk.errors import DataError, DataWarning, counted
from qatk.plugins.live import LiveDataset
from qatk.progress import advance
from qatk.types import Examples
from qatk.types.text_numbers import text_numbers

BLOCK = 1 << 11
"""Questions that are answered together: enough to sort into batches of one length, few enough for little memory."""
_WARNED = 3
"""Warnings of blocks that are shown."""

Look = Callable[[Examples], object]


@dataclass(frozen=True)
class Asked:
    """Questions that are given in blocks, as often as they are asked for.

    Attributes:
        sizes: how many are in each block.
        has_gold: whether their gold answers are known.
        digest: of what they say.
        blocks: gives them, the same blocks every time.
    """

    sizes: Sequence[int]
    has_gold: bool
    digest: str
    blocks: Callable[[], Iterator[Examples]]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.sizes)


def held(examples: Examples, size: int = BLOCK) -> Asked:
    """Examples in memory, in blocks of ``size``."""
    places = [range(begin, min(begin + size, len(examples))) for begin in range(0, len(examples), size)]
    return Asked([*map(len, places)], examples.has_gold, examples.digest(), lambda: map(examples.take, places))


def read_asked(dataset: LiveDataset, size: int = BLOCK, *, look: Look = lambda examples: None) -> Asked:
    """The questions of a dataset; of one that streams, a block at a time is in memory.

    They are read once now, so that what is wrong with any of them is said before the first is answered.

    Args:
        dataset: the component.
        size: questions in a block.
        look: called with each block of questions that have gold answers, to check more of them.

    Raises:
        DataError, UsageError: of the dataset, and of ``look``.
    """
    try:
        found = _surveyed(dataset, size, look)
    except DataError:
        found = None
    if found is not None:
        return found
    examples = dataset.load()  # which says what is wrong, or sees that all of it together is not
    if examples.has_gold:
        look(examples)
    return held(examples, size)


def _surveyed(dataset: LiveDataset, size: int, look: Look) -> Asked | None:
    """The questions of a dataset that streams, once seen; ``None`` where it does not, or parts do not fit together."""
    if (blocks := dataset.stream(size)) is None:
        return None
    digests, names, gold, sizes = [], [], set(), list[int]()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DataWarning)
        for block in blocks:
            if block.has_gold:
                look(block)
            digests.append(block.digest())
            names.append(text_numbers(block.id))
            gold.add(block.has_gold)
            sizes.append(len(block))
            advance("reading questions", sum(sizes))
    if len(gold) != 1 or len(np.unique(np.concatenate(names))) < sum(sizes):
        return None
    _say({str(each.message): each.message for each in said})
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    return Asked(sizes, gold.pop(), digest, lambda: _again(dataset, size, digests))


def _again(dataset: LiveDataset, size: int, digests: list[str]) -> Iterator[Examples]:
    """The blocks once more, without warnings that were shown."""
    blocks = dataset.stream(size) or iter(())
    for digest in digests:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            block = next(blocks, None)
        if block is None or block.digest() != digest:
            raise DataError("the data changed while they were read", fix="answer again, with --resume off")
        yield block


def _say(messages: dict[str, Warning | str]) -> None:
    shown = list(messages.values())
    for message in shown[:_WARNED]:
        warnings.warn(message if isinstance(message, Warning) else DataWarning(message), stacklevel=2)
    if (more := len(shown) - _WARNED) > 0:
        warnings.warn(DataWarning(f"{counted(more, 'warning')} more of other questions"), stacklevel=2)
