"""The ``openvino`` runtime: OpenVINO on the CPU."""

from __future__ import annotations

import openvino

from qatk.api import Trained, usable_cores
from qatk_builtin.runtimes.graphs import Arrays, Graph, GraphRuntime, damaged, open_folder, threads_of

FILE = "model.xml"


class OpenvinoRuntime(GraphRuntime):
    """Opens what the ``openvino`` exporter wrote."""

    exporter = "openvino"

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
