"""``qatk runs list``: filters, order and forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qatk.cli import app
from qatk.run_folder.folder import RunFolder
from qatk.run_folder.listing import list_runs
from qatk.run_folder.manifest import Identity, StageRecord

RUNS = {
    "a": ({"seed": 1, "head": {"use": "linear"}, "trainer": {"use": "torch", "learning_rate": 3e-5}}, 70.0, 100.0),
    "b": ({"seed": 2, "head": {"use": "biaffine"}, "trainer": {"use": "torch", "learning_rate": 1e-4}}, 80.0, 50.0),
    "deep/c": ({"seed": 2, "head": {"use": "linear"}, "trainer": {"use": "torch", "learning_rate": 3e-5}}, None, 7.0),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for name, (recipe, f1, seconds) in RUNS.items():
        run = RunFolder.open(root / name, Identity(recipe=name), resume=False)
        stages = ["train"] if f1 is None else ["train", "score"]
        records = {stage: StageRecord(seconds=seconds / len(stages)) for stage in stages}
        run.update(name=f"of-{name[-1]}", recipe={**recipe, "backbone": {"use": "tiny"}}, stages=records)
        run.save()
        if f1 is not None:
            (root / name / "metrics.json").write_text(json.dumps({"exact": 60.0, "f1": f1, "normaliser": "en"}))
    return root


def listed(folder: Path, *words: str) -> list[str]:
    done = CliRunner().invoke(app, ["runs", "list", str(folder), "--json", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [Path(run["folder"]).name for run in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], "abc"),
        (["--state", "finished"], "ab"),
        (["--state", "stopped,failed"], "c"),
        (["--where", "head=linear"], "ac"),
        (["--where", "head.use=linear", "--where", "seed=2"], "c"),
        (["--where", "trainer.learning_rate=0.00003"], "ac"),
        (["--where", "head=gone"], ""),
        (["--sort", "f1"], "bac"),
        (["--sort", "f1", "--reverse"], "cab"),
        (["--sort", "time"], "abc"),
        (["--sort", "recipe", "--reverse"], "cba"),
    ],
)
def test_filters_and_order(folder: Path, words: list[str], names: str) -> None:
    assert "".join(listed(folder, *words)) == names


def test_the_table_has_a_row_for_each_run(folder: Path) -> None:
    done = CliRunner().invoke(
        app, ["runs", "list", str(folder), "--show", "trainer.learning_rate"], env={"COLUMNS": "100"}
    )
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["run", "recipe", "backbone", "trainer.learning_rate", "EM", "F1", "time", "state"]
    assert [line.split() for line in lines[2:]] == [
        ["a", "of-a", "tiny", "3e-05", "60.0", "70.0", "1:40", "finished"],
        ["b", "of-b", "tiny", "0.0001", "60.0", "80.0", "0:50", "finished"],
        ["deep/c", "of-c", "tiny", "3e-05", "-", "-", "0:07", "stopped"],
    ]


@pytest.mark.parametrize("command", ["runs", "plugins"])
def test_a_listing_in_a_pipe_has_a_line_for_each_row(tmp_path: Path, command: str) -> None:
    run = RunFolder.open(tmp_path / ("long-" * 40), Identity(recipe="x"), resume=False)
    run.update(recipe={"backbone": {"use": "tiny"}}, stages={"train": StageRecord(seconds=5)})
    run.save()
    words = [command, "list", *([str(tmp_path)] if command == "runs" else [])]
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    wide, narrow = (CliRunner().invoke(app, words, env={"COLUMNS": columns}).stdout for columns in (None, "80"))
    assert len(wide.splitlines()) == 2 + len(found["components"] if command == "plugins" else found)
    assert max(map(len, wide.splitlines())) > 80 == max(map(len, narrow.splitlines()))


def test_json_has_recipes_and_figures(folder: Path) -> None:
    done = CliRunner().invoke(app, ["runs", "list", str(folder / "b"), "--json"])
    (run,) = json.loads(done.stdout)
    assert [run] == [each.as_dict() for each in list_runs(folder / "b")]
    assert run["metrics"] == {"exact": 60.0, "f1": 80.0}
    assert run["recipe"]["head"] == {"use": "biaffine"}
    assert run["stages"] == ["train", "score"]


def test_no_run_is_said_and_no_mistake(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["runs", "list", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"no runs in {tmp_path}" in done.stderr
