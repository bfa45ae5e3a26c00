"""What writes trained models in other formats. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qatk.api import Component, Options, hookimpl


class OnnxOptions(Options):
    """Options of the ``onnx`` exporter."""

    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    """Precision of weights and products; ``int8`` has 8 bits in the products with weights."""
    quantization: Literal["dynamic", "static"] = "dynamic"
    """How ``int8`` finds the ranges of activations: in each batch (``dynamic``) or once, on the sample (``static``)."""


class OpenvinoOptions(Options):
    """Options of the ``openvino`` exporter."""

    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    """Precision of the weights; ``int8`` has 8 bits in the products with weights, with ranges found on the sample."""


@hookimpl
def qatk_exporters() -> Iterable[Component]:
    """ONNX and OpenVINO."""
    return [
        Component(
            "onnx",
            f"{__name__}.onnx:OnnxExporter",
            OnnxOptions,
            "ONNX for ONNX Runtime: float32, float16, int8",
            requires=("onnx", "onnxruntime", "onnxscript"),
            extra="qatk[onnx]",
        ),
        Component(
            "openvino",
            f"{__name__}.openvino:OpenvinoExporter",
            OpenvinoOptions,
            "OpenVINO: float32, float16, int8",
            requires=("onnx", "onnxruntime", "onnxscript", "openvino"),
            extra="qatk[openvino]",
        ),
    ]
