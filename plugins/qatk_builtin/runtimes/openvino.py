"""The ``openvino`` runtime: OpenVINO on the CPU."""

from __future__ import annotations

import openvino

from qatk.api import Features, SpanScores, Trained, usable_cores
from qatk_builtin.runtimes import OpenvinoOptions
from qatk_builtin.runtimes.graphs import Arrays, Graph, damaged, open_folder, threads_of

FILE = "model.xml"


class OpenvinoRuntime:
    """Opens what the ``openvino`` exporter wrote."""

    def __init__(self, options: OpenvinoOptions) -> None:
        self.options = options

    def needs(self) -> dict[str, object]:
        """The ``openvino`` exporter, in the precision that was chosen."""
        return {"use": "openvino", "precision": self.options.precision}

    def open(self, trained: Trained) -> Graph:
        """A compiled model. Raises :class:`ModelError` for a damaged file."""
        file, spec, least = open_folder(trained, FILE)
        threads = threads_of(self.options.threads)
        streams = max(1, usable_cores() // threads)
        settings = {
            "NUM_STREAMS": streams,  # as many calls as there are cores for are computed at once
            "INFERENCE_NUM_THREADS": streams * threads,
            "INFERENCE_PRECISION_HINT": "f32",  # by itself OpenVINO takes bf16 where the processor can
        }
        try:
            core = openvino.Core()
            core.set_property({"ENABLE_MMAP": False})  # the folder may go away
            compiled = core.compile_model(core.read_model(file), "CPU", settings)
        except Exception as error:  # RuntimeError, or what its parser of XML raises
            raise damaged(file, error) from error
        taken = {value.get_any_name() for value in compiled.inputs}
        names = [value.get_any_name() for value in compiled.outputs]

        def run(inputs: Arrays) -> Arrays:
            found = compiled.create_infer_request().infer({n: value for n, value in inputs.items() if n in taken})
            return {name: found[name].copy() for name in names}

        return Graph(spec, least, names, run)

    def predict(self, model: Graph, features: Features) -> SpanScores:
        """The graph's scores."""
        return model.scores(features, self.options.batch_tokens)
