"""What runtimes of exported files share: the inputs of a graph, and scores put together from its outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from qatk.api import (
    BackboneSpec,
    Features,
    ModelError,
    SpanCandidates,
    SpanScores,
    TokenScores,
    Trained,
    advance,
    usable_cores,
)
from qatk.files import parse_json
from qatk.types import batches_by_length, pad_windows
from qatk_builtin.runtimes import ExportedOptions

Arrays = Mapping[str, NDArray[Any]]
"""Inputs or outputs of a graph, by name."""
_OF_TOKENS = ("start", "end", "inside", "begin")


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph that scores padded windows.

    Attributes:
        spec: what the windows must look like.
        least: the least number of columns that it takes.
        outputs: their names.
        run: computes outputs by name.
    """

    spec: BackboneSpec
    least: int
    outputs: Sequence[str]
    run: Callable[[Arrays], Arrays]

    def scores(self, features: Features, batch_tokens: int) -> SpanScores:
        """The scores of all windows, in batches of at most so many tokens."""
        null = np.zeros(len(features), np.float32)
        of_tokens = [name for name in _OF_TOKENS if name in self.outputs]
        columns = {name: np.zeros(len(features.input_ids), np.float32) for name in of_tokens}
        spans: list[SpanCandidates] = []
        done = 0
        for rows in batches_by_length(np.diff(features.token_offsets), batch_tokens):
            spec = self.spec
            left, most = spec.padding_side == "left", spec.max_length
            windows = pad_windows(features, rows, left=left, least=self.least, most=most)
            found = self.run(windows.inputs(features, pad_id=spec.pad_id, has_type_ids=spec.has_type_ids))
            null[rows] = found["null"]
            for name, column in columns.items():
                column[windows.positions] = found[name][windows.token_mask]
            if not columns:
                edges = found["first"], found["last"]
                spans.append(SpanCandidates.of_batch(rows, windows.shift, *edges, found["score"]))
            done += len(rows)
            advance("predicting", done, len(features))
        if "inside" in columns:
            return SpanScores(null, tokens=TokenScores(columns["inside"], columns.get("begin")))
        if columns:
            return SpanScores(null, columns["start"], columns["end"])
        return SpanScores(null, candidates=SpanCandidates.by_window(spans))


class GraphRuntime:
    """A runtime that opens what one exporter wrote; a subclass gives its ``open``."""

    exporter: ClassVar[str]
    """The name of the exporter."""

    def __init__(self, options: ExportedOptions) -> None:
        self.options = options

    def needs(self) -> dict[str, object]:
        """The exporter, in the precision that was chosen."""
        return {"use": self.exporter, "precision": self.options.precision}

    def predict(self, model: Graph, features: Features) -> SpanScores:
        """The graph's scores."""
        return model.scores(features, self.options.batch_tokens)


def open_folder(trained: Trained, name: str) -> tuple[Path, BackboneSpec, int]:
    """The file of this name among an exporter's, the spec of its windows, and the least number of their columns.

    Raises:
        ModelError: the file is not there, or what lies beside it is not an exporter's.
    """
    assert trained.folder is not None
    assert trained.spec is not None
    file, beside = trained.folder / name, trained.folder / "graph.json"
    if not file.is_file() or not beside.is_file():
        raise ModelError(f"there is no {name} with its graph.json", where=str(trained.folder), fix="export it again")
    about = parse_json(beside.read_text("utf-8"), beside)
    least = about.get("least") if isinstance(about, dict) else None
    if not isinstance(least, int):
        raise ModelError("it does not say how long windows must be", where=str(beside), fix="export the model again")
    return file, trained.spec, least


def damaged(file: Path, error: Exception) -> ModelError:
    """The error of a file that a runtime cannot read, which says in one line what it found."""
    said = " ".join(str(error).split())
    return ModelError(
        f"the file is damaged, or not qatk's: {said[:200]}", where=str(file), fix="export the model again"
    )


def threads_of(wanted: int | None) -> int:
    """How many threads to compute with: as many as asked for, or ``OMP_NUM_THREADS``, or one a core."""
    if wanted is not None:
        return wanted
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    return usable_cores()
