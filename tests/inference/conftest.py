from __future__ import annotations

from pathlib import Path

import pytest

import qatk
from small import write_recipe


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, with its recipe and its data beside its folder."""
    folder = tmp_path_factory.mktemp("answering")
    qatk.run(write_recipe(folder), out=folder / "run")
    return folder / "run"
