"""What datasets of one file share."""

from __future__ import annotations

from typing import Protocol, TypeVar

from qatk.api import Examples, RawExamples
from qatk.data import BadAnswers, strict
from qatk_builtin.datasets.columns import Reader


class _OfFile(Protocol):
    @property
    def path(self) -> str: ...

    @property
    def bad_answers(self) -> BadAnswers: ...


O = TypeVar("O", bound=_OfFile)  # noqa: E741


class OneFile(Reader[O]):
    """A dataset that reads the file ``path`` of its options."""

    def load(self) -> Examples:
        """Read the file. Raises :class:`DataError`, with the place in it, or :class:`UsageError`."""
        return strict(self._read(), self.options.bad_answers, self.options.path)

    def raw(self, *, whole: bool = False) -> RawExamples:
        """Read the file, wherever its spans stand; there are no further columns to choose."""
        return self._read()
