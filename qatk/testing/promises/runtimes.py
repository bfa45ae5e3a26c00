"""Promises of runtimes: see :class:`qatk.api.Runtime`. The model is a small one; its exporter takes some seconds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from qatk.plugins.model_types import Trained
from qatk.plugins.protocols import Model, Runtime
from qatk.testing.promise import Subject, expect, given, promise
from qatk.types import SpanScores

_TOLERANCE = 1e-4


@contextmanager
def _opened(subject: Subject) -> Iterator[tuple[Runtime, Model]]:
    """The runtime with a small model that it opened; files of an exporter are gone by then."""
    from qatk.testing.inputs.graphs import SPEC, Small, scores_of, small_features

    runtime: Runtime = subject.build()
    module = Small().eval()
    if (needed := runtime.needs()) is None:
        yield runtime, runtime.open(Trained(predict=lambda features: scores_of(module, features)))
        return
    options = {name: value for name, value in needed.items() if name != "use"}
    with TemporaryDirectory() as folder:
        exporter = subject.host.build("exporter", str(needed["use"]), options)
        exporter.export(module, SPEC, small_features(), Path(folder))
        model = runtime.open(Trained(folder=Path(folder), spec=SPEC))
    yield runtime, model


def _compare(one: SpanScores, other: SpanScores, seen: str) -> None:
    for name in ("null", "start", "end"):
        a, b = getattr(one, name), getattr(other, name)
        expect(a is not None and b is not None and a.shape == b.shape, f"{name} has another shape, {seen}")
        expect(np.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE), f"{name} differs, {seen}")


@promise("it gives the scores of the model, window by window, also to several threads at once")
def predicts_as_the_model(subject: Subject) -> None:
    """All windows, some of them, none of them; and the same in four threads."""
    from qatk.testing.inputs.graphs import Small, scores_of, small_features

    features = small_features()
    due = scores_of(Small().eval(), features)
    with given("six windows of 9 to 90 tokens"), _opened(subject) as (runtime, model):
        _compare(runtime.predict(model, features), due, "from what the model gives")
        rows = np.array([1, 4])
        _compare(runtime.predict(model, features.take(rows)), due.take(features, rows), "where two windows are asked")
        none = runtime.predict(model, features.take(rows[:0]))
        expect(len(none.null) == 0, f"{len(none.null)} scores for no window")
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(lambda _: runtime.predict(model, features), range(8)):
                _compare(found, due, "in one of four threads")
