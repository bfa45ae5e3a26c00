"""Every head as a graph, on short and long windows and both sides of padding; and heads that cannot be one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from head_cases import head
from qatk.api import Batch, ModelError, PairLogits, SpanLogits, SpanScores, TokenLogits, Trained
from qatk.testing.inputs.graphs import SPEC, Small, small_features
from qatk.types import Features, pad_windows
from qatk_builtin.exporters import OnnxOptions, OpenvinoOptions
from qatk_builtin.exporters.onnx import OnnxExporter
from qatk_builtin.exporters.openvino import OpenvinoExporter
from qatk_builtin.exporters.quantizing import halve, quantize
from qatk_builtin.exporters.tracing import LEAST
from qatk_builtin.heads import TaggerOptions
from qatk_builtin.heads.tagger import TaggerHead
from qatk_builtin.runtimes import ExportedOptions
from qatk_builtin.runtimes.graphs import threads_of
from qatk_builtin.runtimes.onnx import OnnxRuntime
from qatk_builtin.runtimes.openvino import OpenvinoRuntime

SMALL: dict[str, dict[str, Any]] = {
    "conditional": {"width": 8, "starts": 2, "ends": 3},
    "biaffine": {"width": 8, "max_answer_length": 20, "candidates": 7},
    "answerability": {"width": 8},
}
FEATURES = small_features()


class Headed(nn.Module):
    """A head on states that are a table's rows."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = Small(), module

    def forward(self, batch: Batch) -> SpanLogits | PairLogits | TokenLogits:
        states = self.encoder.table(batch.inputs["input_ids"]) + batch.inputs["token_type_ids"][..., None]
        found: SpanLogits | PairLogits | TokenLogits = self.head(states, batch)
        return found


class Undecided(nn.Module):
    """Looks at its scores to decide what to do, which a graph cannot."""

    def forward(self, states: Any, batch: Batch) -> SpanLogits:
        start = states.sum(-1)
        if start.max() > 1:
            start = start / 2
        return SpanLogits(start, start, start[:, 0])


def predict(module: nn.Module, spec: Any, features: Features, folder: Path) -> SpanScores:
    OnnxExporter(OnnxOptions()).export(module.eval(), spec, features, folder)
    runtime = OnnxRuntime(ExportedOptions(batch_tokens=200))
    return runtime.predict(runtime.open(Trained(folder=folder, spec=spec)), features)


@pytest.mark.parametrize(
    ("name", "side"), [("conditional", "left"), ("biaffine", "right"), ("answerability", "left"), ("tagger", "right")]
)
def test_a_head_scores_as_in_torch(name: str, side: str, tmp_path: Path) -> None:
    spec = replace(SPEC, padding_side=side)
    torch.manual_seed(1)
    made = TaggerHead(TaggerOptions()) if name == "tagger" else head(name, **SMALL[name])
    module = Headed(made.build(spec))
    for parameter in module.head.parameters():
        nn.init.normal_(parameter)
    found = predict(module, spec, FEATURES, tmp_path)
    spans = {} if found.candidates is None else _by_place(found)
    for row in range(len(FEATURES)):
        windows = pad_windows(FEATURES, np.array([row]), left=side == "left")
        ids, types = (torch.from_numpy(windows.table(column, 0)) for column in (FEATURES.input_ids, FEATURES.type_ids))
        mask = torch.from_numpy(windows.token_mask)
        context = torch.from_numpy(windows.table(FEATURES.char_start, -1) >= 0)
        inputs = {"input_ids": ids, "attention_mask": mask.long(), "token_type_ids": types}
        with torch.inference_mode():
            due = module(Batch(inputs, context, mask, torch.from_numpy(windows.place(FEATURES.null_index))))
        assert found.null[row] == pytest.approx(float(due.null[0]), rel=1e-4, abs=1e-4)
        if isinstance(due, SpanLogits):
            assert found.start is not None
            assert found.start[windows.positions] == pytest.approx(due.start[mask].numpy(), abs=1e-4)
            continue
        if isinstance(due, TokenLogits):
            assert found.tokens is not None
            assert found.tokens.inside[windows.positions] == pytest.approx(due.inside[mask].numpy(), abs=1e-4)
            continue
        shift = int(windows.shift[0])
        places = zip(
            (due.first[0] - shift).tolist(), (due.last[0] - shift).tolist(), due.score[0].tolist(), strict=True
        )
        wanted = {(start, end): score for start, end, score in places if score != -np.inf}
        assert spans[row] == pytest.approx(wanted, rel=1e-4, abs=1e-4)


def _by_place(scores: SpanScores) -> dict[int, dict[tuple[int, int], float]]:
    assert scores.candidates is not None
    found: dict[int, dict[tuple[int, int], float]] = {}
    c = scores.candidates
    for row, start, end, score in zip(*(x.tolist() for x in (c.feature, c.start, c.end, c.score)), strict=True):
        found.setdefault(row, {})[start, end] = score
    return found


def test_a_head_that_is_no_graph_is_refused_by_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match=r"the head \S+\.Undecided on testing cannot be written as a ") as caught:
        predict(Headed(Undecided()), SPEC, FEATURES, tmp_path)
    assert "use the runtime torch" in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SpanScores]:
    """A graph whose encoder has a product, and the scores of its windows."""

    class Layered(Headed):
        def __init__(self) -> None:
            super().__init__(nn.Identity())
            generator = torch.Generator().manual_seed(5)
            self.encoder.deep = nn.Linear(8, 8)
            self.encoder.forward = lambda ids, types: self.encoder.deep(self.encoder.table(ids) + types[..., None])
            self.last = nn.Linear(8, 2)
            for layer in (self.encoder.deep, self.last):
                nn.init.normal_(layer.weight, generator=generator)

        def forward(self, batch: Batch) -> SpanLogits:
            states = self.encoder(batch.inputs["input_ids"], batch.inputs["token_type_ids"])
            start, end = self.last(states).unbind(-1)
            return SpanLogits(start, end, start[:, 0] + end[:, 0])

    folder = tmp_path_factory.mktemp("layered")
    return folder, predict(Layered(), SPEC, FEATURES, folder)


@pytest.mark.parametrize("how", ["dynamic", "static", "fp16"])
def test_lower_precision_keeps_the_scores_near(how: str, layered: tuple[Path, SpanScores], tmp_path: Path) -> None:
    folder, due = layered
    if how == "fp16":
        halve(folder / "model.onnx", tmp_path / "model.onnx")
    else:
        quantize(folder / "model.onnx", tmp_path / "model.onnx", SPEC, FEATURES, LEAST[0], static=how == "static")
    (tmp_path / "graph.json").write_text((folder / "graph.json").read_text())
    runtime = OnnxRuntime(ExportedOptions())
    found = runtime.predict(runtime.open(Trained(folder=tmp_path, spec=SPEC)), FEATURES)
    spread = float(np.std(due.null))
    assert np.abs(found.null - due.null).max() < 0.1 * spread
    assert np.abs(found.null - due.null).max() > 0
    kinds = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert {"dynamic": "MatMulInteger", "static": "QuantizeLinear", "fp16": "Cast"}[how] in " ".join(kinds)


def test_the_weights_of_a_large_graph_are_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.onnx._internal.exporter._onnx_program._LARGE_MODEL_THRESHOLD", 0)
    module = Headed(head("answerability", width=8).build(SPEC)).eval()
    OnnxExporter(OnnxOptions(precision="int8")).export(module, SPEC, FEATURES, tmp_path)
    OpenvinoExporter(OpenvinoOptions()).export(module, SPEC, FEATURES, tmp_path)
    found = sorted(file.name for file in tmp_path.iterdir())
    assert found == ["graph.json", "model.bin", "model.onnx", "model.xml"]


def test_openvino_opens_what_it_wrote(
    layered: tuple[Path, SpanScores], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openvino

    asked = []

    def compiling(core: Any, model: Any, device: str, settings: dict[str, Any]) -> Any:
        asked.append((settings["NUM_STREAMS"], settings["INFERENCE_NUM_THREADS"]))
        return compile_model(core, model, device, settings)

    compile_model = openvino.Core.compile_model
    monkeypatch.setattr(openvino.Core, "compile_model", compiling)
    monkeypatch.setattr("qatk_builtin.runtimes.openvino.usable_cores", lambda: 6)
    folder, due = layered
    openvino.save_model(openvino.convert_model(folder / "model.onnx"), tmp_path / "model.xml", compress_to_fp16=False)
    (tmp_path / "graph.json").write_text((folder / "graph.json").read_text())
    for threads, streams in ((1, 6), (2, 3), (4, 1), (8, 1)):
        runtime = OpenvinoRuntime(ExportedOptions(threads=threads))
        found = runtime.predict(runtime.open(Trained(folder=tmp_path, spec=SPEC)), FEATURES)
        assert asked.pop() == (streams, streams * threads)
        assert found.null == pytest.approx(due.null, abs=1e-4)
    (tmp_path / "model.xml").write_text("<net")
    with pytest.raises(ModelError, match="the file is damaged, or not qatk's"):
        runtime.open(Trained(folder=tmp_path, spec=SPEC))


def test_threads_are_those_that_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert (threads_of(2), threads_of(None)) == (2, 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert threads_of(None) >= 1
