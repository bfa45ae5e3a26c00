"""The ``onnx`` exporter: one file for ONNX Runtime."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from qatk.api import BackboneSpec, Features
from qatk_builtin.exporters import OnnxOptions
from qatk_builtin.exporters.quantizing import halve, quantize
from qatk_builtin.exporters.tracing import trace

FILE = "model.onnx"


class OnnxExporter:
    """Writes ``model.onnx`` and ``graph.json``."""

    def __init__(self, options: OnnxOptions) -> None:
        self.options = options

    @property
    def calibrates(self) -> bool:
        """See :class:`qatk.api.CalibratingExporter`."""
        return self.options.precision == "int8" and self.options.quantization == "static"

    def export(self, module: nn.Module, spec: BackboneSpec, sample: Features, folder: Path) -> dict[str, object]:
        """Write the files; see :class:`qatk.api.Exporter`."""
        file = folder / FILE
        program, least = trace(module, spec, sample, folder)
        if self.options.precision == "fp32":
            program.save(file, external_data=False)
        else:
            with TemporaryDirectory(dir=folder) as place:  # torch writes a large graph's weights beside it
                whole = Path(place) / "whole.onnx"
                program.save(whole, external_data=False)
                if self.options.precision == "fp16":
                    halve(whole, file)
                else:
                    quantize(whole, file, spec, sample, least, static=self.options.quantization == "static")
        return {name: version(name) for name in ("torch", "onnx", "onnxruntime", "onnxscript")}
