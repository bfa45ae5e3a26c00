"""Whether the error rate that a run promised holds for a model that was loaded from it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from qatk.errors import QatkWarning
from qatk.recipes.compose import ModelParts, compose_model

if TYPE_CHECKING:
    from qatk.calibration.risk_control import KeptPromise
    from qatk.inference.sources import Source
    from qatk.plugins.host import PluginHost


def kept_promise(
    source: Source, changes: Mapping[str, Mapping[str, object]], parts: ModelParts, precision: str, host: PluginHost
) -> KeptPromise | None:
    """The promise of a model's source that the model keeps, with a warning where it keeps none that was made.

    Args:
        source: what the model was loaded from.
        changes: options by section that the user gave; a null threshold among them is used in place of the promised.
        parts: the model's, with these changes.
        precision: in which the model computes.
        host: the plugins.
    """
    if names_threshold(changes.get("decoder")) or (promise := source.promise()) is None:
        return None
    if not still_holds(promise, precision):
        return None
    if changes and not same_odds(compose_model(source.sections, host), parts):
        _warn_of_dropped(promise, "with other options of featurizer, passages or decoder than those of the run")
        return None
    return promise


def still_holds(promise: KeptPromise, precision: str) -> bool:
    """Whether a promise holds for odds computed in this precision, with a warning where it does not."""
    if promise.holds_in(precision):
        return True
    _warn_of_dropped(promise, f"in {precision}: it was calibrated in {promise.precision or 'another precision'}")
    return False


def names_threshold(decoder: Mapping[str, object] | None) -> bool:
    """Whether options of a decoder name a null threshold."""
    return "null_threshold" in (decoder or {})


def same_odds(before: ModelParts, after: ModelParts) -> bool:
    """Whether windows and decoder, which make the odds that a promise is about, are the same but for the list."""

    def told(parts: ModelParts) -> list[object]:
        chosen = [part for part in (parts.featurizer, parts.retriever, parts.decoder) if part is not None]
        return [(part.registered.name, part.options.model_dump(exclude=_OF_THE_LIST)) for part in chosen]

    return told(before) == told(after)


_OF_THE_LIST = {"n_best_size", "overlapping"}
"""Options of decoders that change the n-best list alone."""


def _warn_of_dropped(promise: KeptPromise, why: str) -> None:
    share = promise.says.partition(",")[0]
    what = f'the promise "{share}" does not hold {why}; its null threshold is not used'
    warnings.warn(QatkWarning(what), stacklevel=5)
