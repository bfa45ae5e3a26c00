from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import qatk
from qatk_builtin.exporters import onnx, openvino
from small import write_recipe

THRESHOLD = 0.33
"""Of the run: so little trained, it finds "no answer" better everywhere."""


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, with its recipe and its data beside its folder; it answers some of the questions, not all.

    In float32 on every processor, as its exports are.
    """
    folder = tmp_path_factory.mktemp("answering")
    settings = [f"decoder.null_threshold={THRESHOLD}", "trainer.precision=fp32"]
    qatk.run(write_recipe(folder), out=folder / "run", settings=settings)
    said = [*json.loads((folder / "run" / "predictions.json").read_text()).values()]
    assert 5 < said.count("") < len(said) - 5
    return folder / "run"


def _content(module: Any, *given: object) -> bytes:
    """All of a model but where it was loaded from: its weights, its structure, and what each part of it holds."""
    plain, held = bool | int | float | str | tuple | None, []
    for name, part in module.named_modules():
        known = {**vars(part), **(part.config.to_dict() if hasattr(part, "config") else {})}
        kept = {key: value for key, value in known.items() if isinstance(value, plain) and "name_or_path" not in key}
        held.append((name, repr(part), kept))
    weights = [(name, value.numpy().tobytes()) for name, value in module.state_dict().items()]
    return sha256(pickle.dumps((held, weights, given))).digest()


@pytest.fixture(scope="session", autouse=True)
def _traced_once() -> Iterator[None]:
    """The graph of a model takes torch seconds: that of the same model, to the last byte, is kept."""
    trace, kept = onnx.trace, dict[bytes, tuple[Any, int, str]]()

    def traced(module: Any, spec: Any, sample: Any, folder: Path) -> tuple[Any, int]:
        key = _content(module, replace(spec, name=""), sample)
        if key not in kept:
            kept[key] = *trace(module, spec, sample, folder), (folder / "graph.json").read_text()
        program, least, about = kept[key]
        (folder / "graph.json").write_text(about)
        return program, least

    with pytest.MonkeyPatch.context() as patch:
        for exporter in (onnx, openvino):
            patch.setattr(exporter, "trace", traced)
        yield
