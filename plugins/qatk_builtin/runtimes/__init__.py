"""What predicts with a trained model. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qatk.api import Component, Options, Positive, hookimpl


class ExportedOptions(Options):
    """Options of the ``onnx`` and ``openvino`` runtimes."""

    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    """Precision of the files; an exported model brings its own."""
    threads: Positive | None = None
    """Number of threads; ``null`` takes ``OMP_NUM_THREADS``, or all cores that this process may use."""
    batch_tokens: Positive = 2048
    """Maximum number of tokens in a batch, including padding."""


@hookimpl
def qatk_runtimes() -> Iterable[Component]:
    """The trainer itself, ONNX Runtime and OpenVINO."""
    return [
        Component("torch", f"{__name__}.own:TrainerRuntime", summary="the trainer's own prediction"),
        Component(
            "onnx",
            f"{__name__}.onnx:OnnxRuntime",
            ExportedOptions,
            "ONNX Runtime on the CPU: float32, float16, int8",
            requires=("onnxruntime",),
            extra="qatk[onnx]",
        ),
        Component(
            "openvino",
            f"{__name__}.openvino:OpenvinoRuntime",
            ExportedOptions,
            "OpenVINO on the CPU: float32, float16, int8",
            requires=("openvino",),
            extra="qatk[openvino]",
        ),
    ]
