"""A plugin for tests of answering: decoders that give several spans, and that take their time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from qatk.api import Component, Examples, Features, Predictions, SpanScores, hookimpl
from qatk.types import Spans
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.min_null import MinNullDecoder


class SlowOptions(MinNullOptions):
    """Options of the ``slow`` decoder."""

    seconds: float = 0.3
    """How long each decoding takes at the least."""


class SlowDecoder(MinNullDecoder):
    """As ``min-null``, after a nap."""

    options: SlowOptions

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        time.sleep(self.options.seconds)
        return super().decode(examples, features, scores)


class PairDecoder(MinNullDecoder):
    """The best span, and the best of those that do not overlap it."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        best = found.nbest
        assert best is not None
        rows = []
        for row in range(len(examples)):
            places = range(best.offsets[row], best.offsets[row + 1])
            kept = [k for k in places if k == places[0] or _apart(best, k, places[0])][:2]
            rows.append(sorted(kept, key=lambda k: best.char_start[k]))
        flat = np.array([k for kept in rows for k in kept], np.int64)
        offsets = np.cumsum([0, *map(len, rows)])
        numbers = {name: getattr(best, name)[flat] for name in ("char_start", "char_end", "score")}
        return replace(found, several=Spans(offsets, [best.text[k] for k in flat], **numbers))


def _apart(best: object, one: int, other: int) -> bool:
    start, end = best.char_start, best.char_end  # type: ignore[attr-defined]
    return bool(end[one] <= start[other] or end[other] <= start[one])


@hookimpl
def qatk_decoders() -> Iterable[Component]:
    return [
        Component("slow", SlowDecoder, SlowOptions, "as min-null, after a nap"),
        Component("pair", PairDecoder, MinNullOptions, "the best two spans"),
    ]
