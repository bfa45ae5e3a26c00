"""The ``given`` dataset: stands in a run's recipe for examples that a program gave."""

from __future__ import annotations

from typing import NoReturn

from qatk.api import UsageError
from qatk_builtin.datasets import GivenOptions


class GivenDataset:
    """The ``given`` dataset: examples that a program gave, ``qatk.run(recipe, data={"train": frame})``.

    A recipe that a run folder keeps says so, with the digest of their content; they themselves are not kept.
    """

    def __init__(self, options: GivenOptions) -> None:
        self.options = options

    def load(self) -> NoReturn:
        """Always raises :class:`UsageError`: there is nothing to read."""
        what = "this data was given by a program, and a recipe cannot read it again"
        raise UsageError(what, fix="give it from Python: qatk.run(recipe, data={'train': ...})")
