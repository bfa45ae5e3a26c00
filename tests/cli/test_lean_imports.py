"""Commands that need no model must not load torch and its like; ``--help`` must not even load numpy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modules import HEAVY, modules_loaded
from repository import ROOT

OF_EVAL = {
    f"qatk.cli.{name}"
    for name in (
        "align_options",
        "completion",
        "console",
        "eval",
        "free_text",
        "lazy",
        "reading",
        "shared",
        "standard_output",
        "written",
    )
}


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "r.yaml"
    path.write_text("qatk: 1\nbackbone: {use: tiny}\ndata: {dev: {use: squad, path: dev.json}}\n")
    return str(path)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["plugins", "list", "--help"], ["--version"]])
def test_help_loads_next_to_nothing(arguments: list[str]) -> None:
    """Pydantic is not in the list: Typer itself imports it for some kinds of parameter."""
    assert not modules_loaded(*arguments) & {*HEAVY, "numpy", "pyarrow", "pluggy", "rich", "yaml"}


def test_listing_plugins_and_checking_recipes(recipe: str) -> None:
    for arguments in (
        ["plugins", "list"],
        ["recipe", "check", recipe],
        ["recipe", "fill", recipe],
        ["recipe", "schema"],
    ):
        assert not modules_loaded(*arguments) & HEAVY


def test_eval_needs_no_model(tmp_path: Path) -> None:
    qa = {"id": "1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]}
    data = {"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": "Ada did.", "qas": [qa]}]}]}
    (tmp_path / "dev.json").write_text(json.dumps(data))
    (tmp_path / "predictions.json").write_text('{"1": "Ada"}')
    loaded = modules_loaded("eval", str(tmp_path / "dev.json"), str(tmp_path / "predictions.json"))
    assert not loaded & {*HEAVY, "pyarrow", "yaml", "logging", "numpy.random"}
    assert {name for name in loaded if name.startswith("qatk.cli.")} <= OF_EVAL
    assert not {name for name in loaded if name.split(".")[0:2] in (["qatk", "comparison"], ["qatk", "recipes"])}


def test_comparing_files_reads_no_table_and_starts_nothing() -> None:
    folder = ROOT / "examples" / "compare"
    files = [str(folder / name) for name in ("bold.json", "careful.json")]
    loaded = modules_loaded("compare", *files, "--data", str(folder / "dev.json"))
    assert not loaded & {*HEAVY, "pyarrow", "logging", "ssl", "concurrent.futures", "qatk.sweeps"}
