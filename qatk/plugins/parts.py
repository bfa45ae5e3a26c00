"""Datasets among the options of another component, chosen and checked as a recipe's own are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, get_args, get_origin

from pydantic import BaseModel, ConfigDict, PrivateAttr

from qatk.component import Options
from qatk.errors import PluginError
from qatk.plugins.live import LiveDataset
from qatk.plugins.registered import Registered
from qatk.types import Examples

Place = tuple[str | int, ...]


class Finder(Protocol):
    """Where components are found by name: a :class:`qatk.plugins.host.PluginHost`."""

    def find(self, kind: str, name: str) -> Registered:
        """The component of this kind and name. Raises :class:`UsageError` where there is none."""
        ...


class DatasetPart(BaseModel):
    """The type of an option that holds a dataset, ``{use: NAME, ...}``, or of the items of a mapping or list of them.

    The recipe's check finds mistakes inside of it at their places; :meth:`load` reads the data.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    use: str
    _registered: Registered | None = PrivateAttr(None)
    _options: Options | None = PrivateAttr(None)

    @classmethod
    def of(cls, registered: Registered, use: str, options: Options) -> DatasetPart:
        """A dataset that was found, with its checked options."""
        part = cls.model_validate({"use": use, **options.model_dump(mode="json")})
        part._registered, part._options = registered, options
        return part

    def load(self, *, whole: bool = False) -> Examples:
        """Its examples; what goes wrong is the dataset's error, as of one that stands in the recipe by itself.

        ``whole`` reads every further column; see :class:`qatk.api.WholeDataset`.
        """
        if self._registered is None or self._options is None:
            raise PluginError(f"the dataset {self.use!r} was not looked up", fix="build its owner by a PluginHost")
        return LiveDataset.build(self._registered, self._options).load(whole=whole)


def with_parts(
    options: type[Options], values: Mapping[str, object], make: Callable[[Place, object], DatasetPart]
) -> dict[str, object]:
    """The values of options with each dataset among them made by ``make``, which is given its place and value."""
    known = {name: field.annotation for name, field in options.model_fields.items()}
    return {name: _made(known.get(name), value, (name,), make) for name, value in values.items()}


def _made(kind: object, value: object, place: Place, make: Callable[[Place, object], DatasetPart]) -> object:
    if kind is DatasetPart:
        return value if isinstance(value, DatasetPart) else make(place, value)
    if get_origin(kind) is dict and isinstance(value, Mapping):
        return {name: _made(get_args(kind)[1], each, (*place, name), make) for name, each in value.items()}
    if get_origin(kind) is list and isinstance(value, list):
        return [_made(get_args(kind)[0], each, (*place, row), make) for row, each in enumerate(value)]
    return value
