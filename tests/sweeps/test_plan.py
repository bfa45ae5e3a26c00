"""Runs of a varied recipe: what is planned, what is refused before anything starts, what is reused and what fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from commands import forked_python
from qatk.errors import QatkError, RecipeError, UsageError
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import load_recipe
from qatk.run_folder.manifest import Identity, Manifest, StageRecord, write_manifest
from qatk.sweeps.events import Advanced, EpochEnded, Finished, RunEvent, StageBegun, SweepEvent
from qatk.sweeps.overrides import parse_over, parse_seeds
from qatk.sweeps.plan import Planned, check_data, plan
from qatk.sweeps.sweep import Outcome, launched, make_runs
from small import write_recipe

HOST = PluginHost.discover(environ={})


@pytest.mark.parametrize(
    ("text", "key", "values", "labels"),
    [
        ("backbone.model=a/b,c", "backbone.model", ["a/b", "c"], ["a/b", "c"]),
        ("trainer.learning_rate=3e-5, 1e-4", "trainer.learning_rate", ["3e-5", "1e-4"], ["3e-5", "1e-4"]),
        ("a.b=[x, 'y, z', 2]", "a.b", ['"x"', '"y, z"', "2"], ["x", "y, z", "2"]),
        ("head={use: linear},{use: other}", "head", ['{"use": "linear"}', '{"use": "other"}'], None),
        ("metrics=[{use: squad}],[]", "metrics", ['[{"use": "squad"}]', "[]"], None),
        ("a.b=null,1", "a.b", ["null", "1"], ["null", "1"]),
    ],
)
def test_values_are_read(text: str, key: str, values: list[str], labels: list[str] | None) -> None:
    over = parse_over(text)
    assert (over.key, list(over.values), list(over.labels)) == (key, values, labels or values)


@pytest.mark.parametrize("text", ["", "a", "a=", "=1,2", "a=1,,2", "a=1,1", "seed=1,2", "a=[1", "a={x: 1,{", "a=[]"])
def test_what_is_no_list_of_values_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="over='"):
        parse_over(text)


def test_seeds_are_read() -> None:
    assert parse_seeds("0, 1,2") == [0, 1, 2]


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "1.5", "1,1", "4294967296"])
def test_bad_seeds_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--seeds"):
        parse_seeds(text)


def planned(recipe: Path, host: PluginHost, *overs: str, seeds: list[int] | None = None) -> list[Planned]:
    return plan([recipe], [parse_over(text) for text in overs], seeds, host=host, out=recipe.parent / "out")


def test_several_keys_make_every_combination(tmp_path: Path, host: PluginHost) -> None:
    recipe = write_recipe(tmp_path)
    runs = planned(recipe, host, "backbone.layers=1,2", "head.use=linear", "trainer.precision=fp32,auto", seeds=[0, 7])
    systems = [f"layers={n}, linear, {p}" for n in (1, 2) for p in ("fp32", "auto")]
    assert [run.system for run in runs] == [name for name in systems for _ in range(2)]
    assert [run.seed for run in runs] == [0, 7] * 4
    assert runs[1].settings == ("backbone.layers=1", "head.use=linear", "trainer.precision=fp32", "seed=7")
    assert len({run.folder for run in runs}) == 8
    assert not (tmp_path / "out").exists()


def test_the_folder_follows_from_what_is_run(tmp_path: Path, host: PluginHost) -> None:
    recipe = write_recipe(tmp_path)
    one = planned(recipe, host, "backbone.layers=1,2")[0]
    other = planned(recipe, host, "backbone.layers=[1, 3]")[0]
    assert one.folder == other.folder
    limited = plan([recipe], [parse_over("backbone.layers=1,2")], None, host=host, out=tmp_path / "out", limit=5)
    assert limited[0].folder != one.folder


def test_a_run_is_found_that_was_made_before_an_option_came(tmp_path: Path, host: PluginHost) -> None:
    recipe = write_recipe(tmp_path)
    text = recipe.read_text()
    new = planned(recipe, host, "backbone.layers=1,2")
    filled = load_recipe(recipe, host, new[0].settings).filled()
    assert filled["trainer"].pop("max_grad_norm", None) is not None
    assert filled["data"]["dev"].pop("bad_answers", None) is not None
    old = new[0].folder.with_name(f"{new[0].folder.name.rpartition('-')[0]}-0123abcd")
    (old.with_name(old.name.replace("0123abcd", "00000000"))).mkdir(parents=True)  # holds no run
    old.mkdir()
    manifest = Manifest(identity=Identity(recipe="old"), recipe=filled, stages={"score": StageRecord()})
    write_manifest(old, manifest)
    (old / "examples.parquet").touch()
    again = planned(recipe, host, "backbone.layers=1,2")
    assert [run.folder for run in again] == [old, new[1].folder]
    assert [run.finished for run in again] == [True, False]
    overs = [parse_over("backbone.layers=1,2")]
    for setting in ("trainer.max_grad_norm=0.5", "data.dev.bad_answers=skip", "trainer.epochs=7"):
        other = plan([recipe], overs, None, host=host, settings=[setting], out=old.parent)[0]
        assert other.folder not in (old, new[0].folder), setting
    assert plan([recipe], overs, None, host=host, out=old.parent, limit=5)[0].folder != old
    recipe.write_text(text.replace("dev.json", "train.json"))
    assert planned(recipe, host, "backbone.layers=1,2")[0].folder != old
    recipe.write_text(text)
    new[0].folder.mkdir()
    assert planned(recipe, host, "backbone.layers=1,2")[0].folder == new[0].folder


def test_recipes_side_by_side(tmp_path: Path, host: PluginHost) -> None:
    first = write_recipe(tmp_path)
    second = tmp_path / "second.yaml"
    second.write_text(first.read_text().replace('"layers": 1', '"layers": 2'))
    runs = plan([first, second], [], None, host=host)
    assert [(run.system, run.seed) for run in runs] == [("recipe", 13), ("second", 13)]
    assert runs[0].folder.parent == Path("runs/recipe-compare")
    (tmp_path / "more").mkdir()
    third = second.rename(tmp_path / "more" / "recipe.yaml")
    assert [run.system for run in plan([first, third], [], None, host=host)] == [str(first), str(third)]


def test_every_mistake_is_told_at_once_and_named_after_its_option(tmp_path: Path, host: PluginHost) -> None:
    recipe = write_recipe(tmp_path)
    with pytest.raises(RecipeError) as caught:
        planned(recipe, host, "backbone.layers=1,0", "backbon.model=a,b", "decoder.n_best=1,2", seeds=[0, 1])
    assert sorted(str(caught.value).splitlines()) == [
        "over='backbon.model=a,b': unknown key 'backbon' (did you mean 'backbone'?)",
        "over='backbone.layers=0': layers: should be 1 or more, not 0 (a whole number)",
        "over='decoder.n_best=1,2': unknown option 'n_best' (did you mean 'n_best_size'?)",
    ]


def test_the_same_run_twice_is_refused(tmp_path: Path, host: PluginHost) -> None:
    with pytest.raises(UsageError, match="rate=1e-3, linear, seed 13 and learning_rate="):
        planned(write_recipe(tmp_path), host, "trainer.learning_rate=1e-3,0.001", "head.use=linear")
    with pytest.raises(UsageError, match="twice"):
        planned(write_recipe(tmp_path), host, "backbone.layers=1,2", "backbone.layers=3,4")


def make(runs: list[Planned], jobs: int = 1) -> tuple[list[Outcome], list[SweepEvent]]:
    events: list[SweepEvent] = []
    return make_runs(runs, launched(None, HOST, jobs=jobs), events.append), events


def test_runs_are_made_reused_and_resumed_and_a_failing_one_stops_nothing(
    tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", forked_python())
    recipe = write_recipe(tmp_path, train=32, dev=8, epochs=1)
    runs = planned(recipe, host, "trainer.learning_rate=1e-3,1e9", "trainer.max_grad_norm=1e9")
    runs = [runs[1], runs[0]]  # the one that fails goes first
    outcomes, events = make(runs)
    assert [outcome.state for outcome in outcomes] == ["failed", "made"], outcomes
    assert "became" in outcomes[0].error
    assert "exit code 1" in outcomes[0].error
    assert "became" in runs[0].folder.with_name(f"{runs[0].folder.name}.log").read_text()
    of_good = [event for event in events if isinstance(event, RunEvent) and event.run == runs[1]]
    stages = [event.stage for event in of_good if isinstance(event, StageBegun)]
    assert stages == ["data", "features", "train", "predict", "score"]
    [epoch] = [event for event in of_good if isinstance(event, EpochEnded)]
    assert (epoch.epoch, 0 <= epoch.metrics["f1"] <= 100) == (1, True)
    assert any(isinstance(event, Advanced) and event.done == event.total for event in of_good)
    end = of_good[-1]
    assert isinstance(end, Finished)
    written = json.loads((runs[1].folder / "metrics.json").read_text())
    assert {**end.metrics, "normaliser": "en"} == written
    assert not any("Traceback" in outcome.error for outcome in outcomes)
    before = (runs[1].folder / "manifest.json").stat().st_mtime_ns
    assert [outcome.state for outcome in make(runs[1:])[0]] == ["reused"]
    assert (runs[1].folder / "manifest.json").stat().st_mtime_ns == before
    forget_score(runs[1].folder)
    assert runs[1].begun
    assert [outcome.state for outcome in make(runs[1:])[0]] == ["resumed"]
    assert runs[1].finished


def forget_score(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["stages"]["score"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_run_of_data_that_changed_since_is_refused(tmp_path: Path, host: PluginHost) -> None:
    runs = planned(write_recipe(tmp_path), host, "backbone.layers=1,2")
    chosen = {"use": "facts", "seed": 2, "questions": 8}
    for run in runs:
        run.folder.mkdir(parents=True)
        examples = host.build("dataset", "facts", {"seed": 2, "questions": 8}).load()
        manifest = {
            "format": 1,
            "identity": {"recipe": "a"},
            "stages": {"score": {}},
            "recipe": {"data": {"dev": chosen}},
            "data": {"dev": {"digest": examples.digest()}},
        }
        (run.folder / "manifest.json").write_text(json.dumps(manifest))
        (run.folder / "examples.parquet").touch()
    told: list[str] = []
    check_data(runs, host, told.append)
    held = json.loads((runs[1].folder / "manifest.json").read_text())
    for digest, use, message in (
        ("other", "facts", "the dev data changed since the run in .*2"),
        ("other", "gone", ""),
    ):
        held["data"]["dev"]["digest"] = digest
        held["recipe"]["data"]["dev"] = {**chosen, "use": use}
        (runs[1].folder / "manifest.json").write_text(json.dumps(held))
        if message:
            with pytest.raises(QatkError, match=message):
                check_data(runs, host, told.append)
        else:
            check_data(runs[1:], host, told.append)
    assert len(told) == 1
    assert "cannot check whether the data" in told[0]
    (runs[1].folder / "examples.parquet").unlink()
    assert not runs[1].finished
