"""A run folder is a recipe: the same run is made from it again, and from what is published of it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

import qatk
from commands import call
from qatk.errors import RecipeError, RunFolderError, UsageError
from qatk.hub.push import package
from qatk.plugins.host import PluginHost
from qatk.run_folder.recipes import find_recipe
from repository import ROOT
from small import write_recipe

ANSWERS = ("predictions.json", "null_odds.json", "metrics.json", "model/model.safetensors")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that little of its recipe file says, in the folder of its data; named "recipe", as that file is."""
    folder = tmp_path_factory.mktemp("made")
    write_recipe(folder, train=64, dev=24, epochs=1)
    with (folder / "recipe.yaml").open("a") as file:
        file.write("  # one to remember\n")
    words = ["--set", "decoder.max_answer_length=3", "--set", "trainer.learning_rate=5e-3", "--seed", "7"]
    done = call("qatk", "run", "recipe.yaml", *words, "--limit", 40, "--out", "sweep/one-3.5", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "sweep" / "one-3.5"


def same(one: Path, other: Path) -> None:
    for name in ANSWERS:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def publish(run: Path, place: Path) -> Path:
    """What is published of a run."""
    for name, content in package(run, "someone/model").files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content.encode() if isinstance(content, str) else content.read_bytes())
    return place / "qatk"


def test_the_folder_keeps_the_recipe_as_it_was_run_and_as_it_was_given(made: Path) -> None:
    recipe = find_recipe(made / "recipe.yaml", PluginHost.discover())
    assert recipe.filled() == json.loads((made / "manifest.json").read_text())["recipe"]
    assert recipe.scalars.seed == 7
    assert "first 40 questions of each split: --limit 40" in (made / "recipe.yaml").read_text()
    assert (made / "recipe.given.yaml").read_text() == (made.parents[1] / "recipe.yaml").read_text()


@pytest.mark.parametrize("form", ["early", "published"])
def test_it_makes_the_same_run_again(made: Path, form: str, tmp_path: Path) -> None:
    if form == "early":  # whose recipe.yaml was the text that was given
        run, limit = Path(shutil.copytree(made, tmp_path / "early")), []
        (run / "recipe.given.yaml").replace(run / "recipe.yaml")
    else:
        run, limit = publish(made, tmp_path / "copy") / "recipe.yaml", ["--limit", "40"]
    done = call("qatk", "run", run, *limit, "--out", tmp_path / "again", cwd=made.parents[1])
    assert done.returncode == 0, done.stderr
    same(made, tmp_path / "again")
    again = json.loads((tmp_path / "again" / "manifest.json").read_text())
    assert again["identity"]["limit"] == 40


def test_without_a_folder_it_goes_where_its_recipe_would(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.parents[1])
    with pytest.raises(UsageError, match=r"no run to continue in runs/recipe\n  to continue the run in .*out='sweep/o"):
        qatk.run("sweep/one-3.5", resume=True)
    again = qatk.run("sweep/one-3.5", limit=24, settings={"trainer.max_steps": 2})
    assert again.folder == Path("runs/recipe")
    with pytest.raises(RunFolderError, match="runs/recipe already holds this run"):
        qatk.run("runs/recipe")  # not into the folder that it is read from
    assert qatk.run("runs/recipe", resume=True).manifest["id"] == again.manifest["id"]


def test_its_commands_follow_what_it_is(made: Path, tmp_path: Path) -> None:
    filled = call("qatk", "recipe", "fill", made, "--json").stdout
    assert json.loads(filled) == json.loads((made / "manifest.json").read_text())["recipe"]
    assert "is valid: backbone tiny" in call("qatk", "recipe", "check", made).stdout
    over = ["--over", "decoder.max_answer_length=3,5", "--plan", "plan", "--json"]
    planned = json.loads(call("qatk", "compare", made, *over, cwd=tmp_path).stdout)
    assert [run["seed"] for run in planned] == [7, 7]
    assert planned[0]["folder"].startswith("runs/recipe-compare/max_answer_length-3-seed-7-")
    assert json.loads((tmp_path / "plan" / "plan.json").read_text())["runs"][0]["limit"] == 40
    none = call("qatk", "run", made.parent)
    assert (none.returncode, none.stderr.count("\n")) == (2, 2)
    assert "sweep is a folder, and not that of a run" in none.stderr


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"recipe": {}}, RunFolderError, "did not come as far as its recipe"),
        ({"head": {"use": "gone"}}, RunFolderError, "head 'gone' of plugin theirs .*, which is not here"),
        ({"head": {"use": "linear", "gone": 1}}, RecipeError, "unknown option 'gone'"),
    ],
)
def test_what_stands_in_the_way_is_told(
    change: dict[str, Any], error: type[Exception], said: str, made: Path, tmp_path: Path
) -> None:
    manifest = json.loads((made / "manifest.json").read_text())
    row = {"kind": "head", "name": "gone", "plugin": "theirs", "distribution": "theirs", "version": "1"}
    if "head" in change:
        change = {"recipe": manifest["recipe"] | change}
        if "gone" in str(change["recipe"]["head"]["use"]):
            change["components"] = [*manifest["components"], row]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(error, match=said):
        qatk.run(tmp_path, out=tmp_path / "again")


def test_a_name_of_somebody_else_leads_nowhere_else(made: Path, tmp_path: Path) -> None:
    manifest = json.loads((made / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"name": "/elsewhere/../evil"}))
    assert find_recipe(tmp_path, PluginHost.discover()).name == "evil"


def test_the_page_is_followed(made: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "reference" / "run-folder.md").read_text("utf-8")
    section = page.partition("## Reproduce a run\n")[2].partition("\n## ")[0]
    commands = [shlex.split(line[2:]) for line in re.findall(r"^\$ .*$", section, re.M)]
    shutil.copytree(made, tmp_path / "runs" / "quickstart")
    publish(made, tmp_path / "copy")
    (tmp_path / "data").mkdir()
    for name in ("train.json", "dev.json"):
        shutil.copy(made.parents[1] / name, tmp_path / "data")
    for words in commands:
        words += ["--limit", "40"] if "copy/qatk/recipe.yaml" in words else []
        done = call(*words, cwd=tmp_path)
        assert done.returncode == 0, f"{words}\n{done.stderr}"
    for name in ("again", "published"):
        same(made, tmp_path / "runs" / name)
    assert len(commands) == 5


def test_a_home_is_found_in_a_path_of_python(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "first").symlink_to(made)
    (working := tmp_path / "working").mkdir()
    monkeypatch.chdir(working)
    assert qatk.run("~/first", out=Path("~/runs/again")).folder == tmp_path / "runs" / "again"
    assert qatk.load_run("~/runs/again").metrics == qatk.load_run(made).metrics
    assert [run.folder for run in qatk.list_runs("~/runs")] == [tmp_path / "runs" / "again"]
    assert qatk.report("~/runs/again", out="~/reports") == tmp_path / "reports"
    assert len(qatk.compare("~/runs/again", seeds=[1, 2], out="~/more").systems) == 1
    assert qatk.load_model("~/runs/again").run is not None
    assert qatk.export("~/runs/again", "onnx", "~/onnx").folder == tmp_path / "onnx"
    assert not list(working.iterdir())
