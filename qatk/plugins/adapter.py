"""What the adapters of :mod:`qatk.plugins.live` have in common."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import ClassVar, Generic, TypeVar

from typing_extensions import Self

from qatk.component import Options
from qatk.languages import Normalisation
from qatk.plugins import optional
from qatk.plugins.attribution import attributed
from qatk.plugins.registered import Registered

C = TypeVar("C", covariant=True)
T = TypeVar("T")


class Live(Generic[C]):
    """A component that knows who supplied it.

    Attributes:
        registered: the component and its plugin.
        component: itself; for other components that take one, such as a trainer its backbone.
        options: that it was built with.
    """

    may_print: ClassVar[bool] = False

    def __init__(self, registered: Registered, component: C, options: Options) -> None:
        self.registered, self.component, self.options = registered, component, options

    @classmethod
    def build(cls, registered: Registered, options: Options) -> Self:
        """A new component. Raises :class:`PluginError` where it cannot be imported or lacks what its kind requires."""
        return cls(registered, registered.build(options), options)

    def option(self, name: str, default: T) -> T:
        """The value of an option, or ``default`` where the component has none of this name."""
        value: T = getattr(self.options, name, default)
        return value

    def during(self, stage: str) -> AbstractContextManager[None]:
        """What is raised in the block is the component's, at this stage."""
        return attributed(self.registered, stage, may_print=self.may_print)


class Normalised(Live[C]):
    """What decoders, metrics and slicers have in common: they may compare texts by language."""

    @property
    def normalisation(self) -> Normalisation | None:
        """By which normalisers it compares texts; ``None`` of a component that takes none."""
        return self.component.normalisation if isinstance(self.component, optional.Normalising) else None

    def normalise_by(self, normalisation: Normalisation) -> None:
        """Compare texts by these normalisers, where the component takes any."""
        if isinstance(self.component, optional.Normalising):
            self.component.normalisation = normalisation
