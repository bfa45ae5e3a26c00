"""A trained model as an ONNX graph, by torch's exporter on ``torch.export``.

The older exporter, which traces TorchScript, is deprecated; it keeps batch and length as constants where a head
computes with them, and knows no ``scatter`` of booleans. This one works for every head that is built in.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from qatk.api import BackboneSpec, Batch, Features, ModelError, PairLogits, SpanLogits, TokenLogits
from qatk.files import first_line, write_json
from qatk.types import pad_windows

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.onnx import ONNXProgram

OPSET = 23
"""The first with attention as one operator, which runtimes compute a quarter faster than its parts."""
LEAST, LEAST_WITH_SPANS = (16,), (64, 256)
"""The least number of columns that graphs take: of heads that score tokens, and of those that choose among spans, which
are no graph where windows can have fewer columns than spans tokens; the first that works."""
_LOGGERS = ("torch.onnx", "torch.export", "torch.fx", "onnxscript", "onnx_ir")


class ScoringGraph(nn.Module):
    """A trained model whose inputs and outputs are tensors alone.

    Args:
        module: takes a :class:`qatk.api.Batch`.
        names: of the inputs.
    """

    def __init__(self, module: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.module, self.names = module, names

    def scores(self, *tensors: Tensor) -> dict[str, Tensor]:
        """Null scores [B] with scores of tokens [B, L], or with K spans and their scores [B, K], by name."""
        given = dict(zip(self.names, tensors, strict=True))
        context_mask, null_index = given.pop("context_mask"), given.pop("null_index")
        token_mask = given["attention_mask"].bool()
        found: SpanLogits | PairLogits | TokenLogits = self.module(Batch(given, context_mask, token_mask, null_index))
        if isinstance(found, PairLogits):
            return {"null": found.null, "first": found.first, "last": found.last, "score": found.score}
        if isinstance(found, SpanLogits):
            return {"null": found.null, "start": found.start, "end": found.end}
        begin = {} if found.begin is None else {"begin": found.begin}
        return {"null": found.null, "inside": found.inside, **begin}

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """What :meth:`scores` gives, in its order."""
        return tuple(self.scores(*tensors).values())


def trace(module: nn.Module, spec: BackboneSpec, sample: Features, folder: Path) -> tuple[ONNXProgram, int]:
    """The graph of a model, with any number of windows of any length, and the least columns that it takes.

    Writes ``graph.json``.

    Raises:
        ModelError: the head, or the encoder, computes something that no graph can hold.
    """
    example = _example(spec, sample, LEAST[0])
    graph = ScoringGraph(module, list(example))
    head = type(getattr(module, "head", module))
    with _quiet(), torch.no_grad():
        try:
            outputs = list(graph.scores(*example.values()))
            program, least = _program(graph, spec, sample, LEAST_WITH_SPANS if "score" in outputs else LEAST)
            written = torch.onnx.export(
                program,
                input_names=graph.names,
                output_names=outputs,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        except Exception as error:  # of models and heads of any kind: what torch says about them has any class
            named = f"{head.__module__}.{head.__qualname__}"
            raise ModelError(
                f"the head {named} on {spec.name} cannot be written as a graph: {first_line(error)[:300]}",
                fix="use the runtime torch; a head must score spans by tensor operations for any batch and length",
            ) from error
    assert written is not None
    write_json(folder / "graph.json", {"least": least, "inputs": graph.names, "outputs": outputs})
    return written, least


def _program(
    graph: ScoringGraph, spec: BackboneSpec, sample: Features, leasts: tuple[int, ...]
) -> tuple[ExportedProgram, int]:
    """The program of a graph for windows of at least so many columns, and that number."""
    for least in leasts:
        given = tuple(_example(spec, sample, least).values())
        batch = torch.export.Dim("batch", min=1, max=4096)
        length = torch.export.Dim("length", min=least, max=max(spec.max_length, 2 * least))
        shapes = tuple({0: batch, 1: length} if value.dim() == 2 else {0: batch} for value in given)
        try:
            return torch.export.export(graph, given, dynamic_shapes=(shapes,), strict=False), least
        except Exception:
            if least == leasts[-1]:
                raise
    raise AssertionError("there is a least number")


def inputs_of(spec: BackboneSpec, sample: Features, rows: slice, least: int = LEAST[0]) -> dict[str, np.ndarray]:
    """The inputs of a graph for some windows of a sample, by name."""
    chosen = np.arange(len(sample))[rows]
    windows = pad_windows(sample, chosen, left=spec.padding_side == "left", least=least, most=spec.max_length)
    return windows.inputs(sample, pad_id=spec.pad_id, has_type_ids=spec.has_type_ids)


def _example(spec: BackboneSpec, sample: Features, least: int) -> dict[str, Tensor]:
    """Inputs with three windows (a batch of one would be taken for a constant), the longest of the sample."""
    longest = np.argsort(-np.diff(sample.token_offsets), kind="stable")[:1]
    windows = sample.take(np.repeat(longest, 3))
    inputs = inputs_of(spec, windows, slice(None), least)
    return {name: torch.from_numpy(value) for name, value in inputs.items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what torch and onnxscript print and warn of on the way: what fails is raised."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in levels:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(None), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
