"""The ``openvino`` exporter: OpenVINO's intermediate form, from an ONNX graph."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import openvino
from torch import nn

from qatk.api import BackboneSpec, Features
from qatk_builtin.exporters import OpenvinoOptions
from qatk_builtin.exporters.quantizing import quantize
from qatk_builtin.exporters.tracing import trace

FILE = "model.xml"


class OpenvinoExporter:
    """Writes ``model.xml``, ``model.bin`` and ``graph.json``.

    In int8, the ranges of activations are those of the sample: OpenVINO computes no others in int8.
    """

    def __init__(self, options: OpenvinoOptions) -> None:
        self.options = options

    @property
    def calibrates(self) -> bool:
        """See :class:`qatk.api.CalibratingExporter`."""
        return self.options.precision == "int8"

    def export(self, module: nn.Module, spec: BackboneSpec, sample: Features, folder: Path) -> dict[str, object]:
        """Write the files; see :class:`qatk.api.Exporter`."""
        program, least = trace(module, spec, sample, folder)
        with TemporaryDirectory(dir=folder) as place:  # torch writes a large graph's weights beside it
            graph, whole = Path(place) / "graph.onnx", Path(place) / "whole.onnx"
            if self.options.precision == "int8":
                program.save(whole, external_data=False)
                quantize(whole, graph, spec, sample, least, static=True)
            else:
                program.save(graph, external_data=False)
            model = openvino.convert_model(graph)
            openvino.save_model(model, folder / FILE, compress_to_fp16=self.options.precision == "fp16")
            del model  # which maps the file
        return {name: version(name) for name in ("torch", "onnx", "onnxruntime", "onnxscript", "openvino")}
