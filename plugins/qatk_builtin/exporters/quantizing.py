"""Graphs in lower precision, by onnxruntime's own tools."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static

from qatk.api import BackboneSpec, Features
from qatk_builtin.exporters.tracing import inputs_of

PRODUCTS = ["MatMul", "Gemm"]
"""What is computed in int8: products with weights, where the time goes."""
CALIBRATION_BATCH = 8
_SCOPES, _ENCODER = "pkg.torch.onnx.name_scopes", "'module.encoder"


def quantize(source: Path, target: Path, spec: BackboneSpec, sample: Features, least: int, *, static: bool) -> None:
    """Write a graph whose products with the encoder's weights are in int8; those of the head stay in float32.

    Weights have a scale for each output, activations are unsigned: what the int8 units of processors multiply.

    Args:
        source: file of the graph.
        target: file to write.
        spec: of the backbone.
        sample: windows on which ``static`` finds the ranges of activations.
        least: columns that the graph takes, at least.
        static: whether ranges are found once, or in each batch.
    """
    kept = _outside_the_encoder(source)
    with _quiet():
        if static:
            quantize_static(
                source,
                target,
                _Sample(spec, sample, _inputs_of_graph(source), least),
                op_types_to_quantize=PRODUCTS,
                nodes_to_exclude=kept,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True},
            )
        else:
            quantize_dynamic(
                source,
                target,
                op_types_to_quantize=PRODUCTS,
                nodes_to_exclude=kept,
                per_channel=True,
                weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True},
            )


def halve(source: Path, target: Path) -> None:
    """Write a graph with float16 weights and products; inputs and outputs stay as they are."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with _quiet():
        onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


class _Sample:
    """Batches of windows: a ``CalibrationDataReader`` of onnxruntime, which asks for this one method."""

    def __init__(self, spec: BackboneSpec, sample: Features, names: set[str], least: int) -> None:
        starts = range(0, len(sample), CALIBRATION_BATCH)
        batches = (inputs_of(spec, sample, slice(start, start + CALIBRATION_BATCH), least) for start in starts)
        self._batches = ({name: value for name, value in batch.items() if name in names} for batch in batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)


def _outside_the_encoder(file: Path) -> list[str]:
    """The names of the nodes that are not the encoder's; none where the graph does not say which are."""
    nodes = onnx.load(file, load_external_data=False).graph.node
    inside = {n.name for n in nodes if any(p.key == _SCOPES and _ENCODER in p.value for p in n.metadata_props)}
    return [node.name for node in nodes if node.name not in inside] if inside else []


def _inputs_of_graph(file: Path) -> set[str]:
    return {value.name for value in onnx.load(file, load_external_data=False).graph.input}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what onnxruntime logs on the way, such as the advice to preprocess."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
