"""Messages call an option as the user would write it: ``null_odds=`` in Python, ``--null-odds`` in a command."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import qatk
from qatk.cli import app
from qatk.errors import QatkError
from qatk.plugins.host import PluginHost
from repository import ROOT
from small import write_recipe

FILES = ROOT / "examples" / "compare"
DEV, BOLD, CAREFUL = (FILES / f"{name}.json" for name in ("dev", "bold", "careful"))
QUESTION = {"id": "a", "question": "When?", "context": "In 1066.", "answers": ["1066"]}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda _: qatk.evaluate(DEV, BOLD, na_prob_thresh=1.0), "add null_odds="),
        (lambda _: qatk.evaluate(DEV, {}), "missing='wrong'"),
        (lambda _: qatk.evaluate([QUESTION], {"a": "", "b": ""}), "extra='ignore'"),
        (lambda _: qatk.compare(BOLD, CAREFUL), "the data: data="),
        (lambda _: qatk.compare(BOLD, CAREFUL, data=DEV, na_prob_thresh=[1.0]), "add null_odds="),
        (lambda _: qatk.compare(BOLD, CAREFUL, data=DEV, na_prob_thresh=[1.0] * 3), "na_prob_thresh=: 3 thresholds"),
        (lambda _: qatk.compare(BOLD, {"a": ""}, data=DEV), "common"),
        (lambda _: qatk.compare(BOLD, CAREFUL, data=DEV, runtime=["torch"] * 3), "runtime=: 3 runtimes"),
        (lambda _: qatk.compare(BOLD, CAREFUL, data=DEV, jobs=2, settings=["a=b"]), "settings=, jobs=: only for"),
        (lambda _: qatk.compare(BOLD, CAREFUL, language="de"), "language= goes with data="),
        (lambda at: qatk.compare(write_recipe(at), seeds=[1]), "give over= two"),
        (lambda at: qatk.compare(write_recipe(at), over={"seed": [1, 2]}), "with seeds="),
        (lambda at: qatk.compare(write_recipe(at), over={"head.us": [1, 2]}), "over='head.us="),
        (lambda at: qatk.run(write_recipe(at), settings=["head.us=1"]), "settings='head.us=1'"),
        (lambda at: qatk.run(write_recipe(at), out=at), "with out="),
        (lambda _: qatk.calibrate({}), "add data= and null_odds="),
        (lambda _: qatk.calibrate({}, data=DEV), "add null_odds="),
        (lambda _: qatk.export("gone", "onnx", FILES), "with out="),
        (lambda at: qatk.compare(write_recipe(at), runtime=":"), "runtime=: "),
        (lambda _: qatk.load_model("gone", settings=["head"]), "settings='head'"),
        (lambda at: qatk.pull("someone/mill", at), "with out="),
        (lambda _: qatk.Examples.from_rows([{"question": "When?"}]), "roles={'context': NAME}"),
        (lambda _: PluginHost.discover(block=["gone"]), "block="),
        (lambda _: PluginHost.discover(files=["gone.py"]), "files="),
    ],
)
def test_python_names_arguments(call: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    with pytest.raises(QatkError) as told:
        call(tmp_path)
    assert said in str(told.value)
    assert re.search(r"(?<!\S)--\w", str(told.value)) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["eval", DEV, BOLD, "--na-prob-thresh", 1], "add --null-odds"),
        (["compare", BOLD, CAREFUL, "--data", DEV, "--na-prob-thresh", 1], "add --null-odds"),
        (["compare", BOLD, CAREFUL, "--jobs", 2, "--set", "a=b"], "--set, --jobs: only for"),
        (["calibrate", BOLD], "add --data and --null-odds"),
        (["export", "gone", "--to", "onnx", "--out", FILES], "with --out"),
        (["run", "gone.yaml", "--runtime", ":"], "--runtime: "),
        (["data", "convert", DEV, "x.json", "--set", "a"], "--set a: "),
    ],
)
def test_commands_name_options(words: list[object], said: str) -> None:
    done = CliRunner().invoke(app, list(map(str, words)))
    assert isinstance(done.exception, QatkError)
    assert said in str(done.exception)
    assert re.search(r"(?<![-\w])[a-z_]+=(?!\w)", str(done.exception)) is None
