from __future__ import annotations

import json
from pathlib import Path

import pytest

import qatk
from small import write_recipe

THRESHOLD = 0.33
"""Of the run: so little trained, it finds "no answer" better everywhere."""


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, with its recipe and its data beside its folder; it answers some of the questions, not all."""
    folder = tmp_path_factory.mktemp("answering")
    qatk.run(write_recipe(folder), out=folder / "run", settings=[f"decoder.null_threshold={THRESHOLD}"])
    said = [*json.loads((folder / "run" / "predictions.json").read_text()).values()]
    assert 5 < said.count("") < len(said) - 5
    return folder / "run"
