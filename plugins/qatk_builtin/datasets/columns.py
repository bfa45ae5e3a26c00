"""Datasets whose rows may have further columns, which their options name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from typing_extensions import Self

from qatk.api import Examples, Options, RawExamples
from qatk.types import ALL_COLUMNS

Chosen = TypeVar("Chosen")
WithColumns = TypeVar("WithColumns", bound=Options)


class Reader(ABC, Generic[Chosen]):
    """A dataset that reads what its options name."""

    def __init__(self, options: Chosen) -> None:
        self.options = options

    @abstractmethod
    def load(self) -> Examples:
        """Read and check all of it."""

    @abstractmethod
    def _read(self) -> RawExamples:
        """The questions, whose answers nobody has checked."""


class Columned(Reader[WithColumns]):
    """A dataset whose rows may have further columns."""

    def raw(self, *, whole: bool = False) -> RawExamples:
        """What stands there, right or wrong; ``whole``: with all further columns."""
        return self._with_all()._read() if whole else self._read()

    def load_whole(self) -> Examples:
        """With all further columns."""
        return self._with_all().load()

    def _with_all(self) -> Self:
        """The dataset with all further columns, unless its options name some."""
        columns = getattr(self.options, "columns", None) or [ALL_COLUMNS]
        return type(self)(self.options.model_copy(update={"columns": columns}))
