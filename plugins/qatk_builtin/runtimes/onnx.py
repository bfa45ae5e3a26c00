"""The ``onnx`` runtime: ONNX Runtime on the CPU."""

from __future__ import annotations

import onnxruntime

from qatk.api import Trained
from qatk_builtin.runtimes.graphs import Arrays, Graph, GraphRuntime, damaged, open_folder, threads_of

FILE = "model.onnx"


class OnnxRuntime(GraphRuntime):
    """Opens what the ``onnx`` exporter wrote."""

    exporter = "onnx"

    def open(self, trained: Trained) -> Graph:
        """A session, read into memory. Raises :class:`ModelError` for a damaged file."""
        file, spec, least = open_folder(trained, FILE)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads_of(self.options.threads)
        settings.log_severity_level = 4  # what is fatal; the rest is raised
        # Threads that spin while they wait take the time of others.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
        except Exception as error:  # of exceptions, onnxruntime has one class a status, and no class above them
            raise damaged(file, error) from error
        taken = {value.name for value in session.get_inputs()}
        names = [value.name for value in session.get_outputs()]

        def run(inputs: Arrays) -> Arrays:
            given = {name: value for name, value in inputs.items() if name in taken}
            return dict(zip(names, session.run(names, given), strict=True))

        return Graph(spec, least, names, run)
