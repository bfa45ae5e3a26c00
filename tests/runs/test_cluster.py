"""A run by a column of the data: intervals, and the default of all commands that read the run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qatk
from commands import call
from compare_tools import answer, articles, evaluation, write_run
from qatk.display import interval
from qatk.errors import UsageError
from qatk.plugins.host import PluginHost
from small import write_recipe


def recipe_in(folder: Path) -> Path:
    """The small recipe, whose dev questions are of five towns."""
    path = write_recipe(folder, train=24, dev=40, epochs=1)
    data = json.loads((folder / "dev.json").read_text())
    for k, paragraph in enumerate(data["data"][0]["paragraphs"]):
        paragraph["qas"][0]["town"] = f"town {k % 5}"
    (folder / "dev.json").write_text(json.dumps(data))
    recipe = json.loads(path.read_text())
    recipe["data"]["dev"]["columns"] = ["town"]
    path.write_text(json.dumps(recipe))
    return path


def test_later_commands_take_the_column_of_a_run(tmp_path: Path) -> None:
    recipe_in(tmp_path)
    done = call("qatk", "run", "recipe.yaml", "--out", "run", "--cluster", "town", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["recipe"]["cluster"] == "town"
    result = qatk.load_run(tmp_path / "run")
    assert (result.evaluation.clusters.kind, result.evaluation.clusters.count) == ("town", 5)
    [epoch] = [event.metrics for event in result.events if event.kind == "epoch"]
    every = result.evaluation.examples.has_answer | True
    assert result.evaluation.interval("f1", every) == pytest.approx((epoch["f1_low"], epoch["f1_high"]))
    words = (["compare", "run", "run", "--draws", "1000"], ["calibrate", "run"])
    for command in words:
        found = json.loads(call("qatk", *command, "--json", cwd=tmp_path).stdout)
        assert found["clusters"]["kind"] == "town", command
        found = json.loads(call("qatk", *command, "--json", "--cluster", "context", cwd=tmp_path).stdout)
        assert found["clusters"]["kind"] == "context", command
    other = call("qatk", "run", "recipe.yaml", "--out", "run", "--resume", cwd=tmp_path)
    assert "holds another run: its recipe differs" in other.stderr


def test_a_report_is_by_the_column_in_every_set_that_has_it(host: PluginHost, tmp_path: Path) -> None:
    bare = articles(80, 8)
    towns = replace(bare, columns={"town": [f"town {k // 27}" for k in range(80)]})
    run = write_run(tmp_path / "run", evaluation(host, towns, answer(towns, 0.6, 1)))
    sets = {
        "test": evaluation(host, towns, answer(towns, 0.4, 2)),
        "bare": evaluation(host, bare, answer(bare, 0.4, 3)),
    }
    for name, found in sets.items():
        place = write_run(tmp_path / name, found)
        (run / "sets").mkdir(exist_ok=True)
        place.rename(run / "sets" / name)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["data"] |= dict.fromkeys(sets, manifest["data"]["dev"])
    (run / "manifest.json").write_text(json.dumps(manifest))
    done = call("qatk", "report", "run", "--cluster", "town", "--reporter", "markdown", cwd=tmp_path)
    said = "warning: bare: cluster town: the data has no such column; its intervals stay as they were\n"
    assert (done.returncode, done.stderr) == (0, said)
    rows = {line.split("|")[1].strip(): line for line in (run / "report.md").read_text().splitlines() if "|" in line}
    for name, column in (("test", "town"), ("bare", None)):
        by = replace(sets[name], cluster=column)
        assert f"| {interval(by.interval('f1', np.ones(80, np.bool_)))} |" in rows[name], name


def test_halves_keep_a_cluster_whole(tmp_path: Path) -> None:
    settings = ["cluster=town", "decoder.null_threshold=calibrated"]
    result = qatk.run(recipe_in(tmp_path), out=tmp_path / "run", settings=settings)
    assert result.manifest["calibration"]["clusters"]["kind"] == "town"


def test_a_column_that_is_not_there_is_told_before_anything_is_tokenized(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data\.dev: cluster city: the data has no such column"):
        qatk.run(recipe_in(tmp_path), out=tmp_path / "run", settings=["cluster=city"])
    assert not (tmp_path / "run").exists()
