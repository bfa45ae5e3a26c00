"""The promises of components: a module for each kind, and two for those of every kind."""

from __future__ import annotations

from importlib import import_module

from qatk.testing.promise import Promise

_MORE = {
    "decoder": ("decoder_scores", "decoder_tokens"),
    "featurizer": ("featurizer_streams", "featurizer_spans"),
    "head": ("head_predictions",),
}
"""Further modules of a kind."""


def promises_in(kind: str) -> list[Promise]:
    """The promises of a kind, in their order; ``every`` and ``throughout`` are kinds here."""
    modules = [kind] if kind in ("every", "throughout") else [f"{kind}s", *_MORE.get(kind, ())]
    values = (value for name in modules for value in vars(import_module(f"{__name__}.{name}")).values())
    return [value for value in values if isinstance(value, Promise)]
