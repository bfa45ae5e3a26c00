"""``qatk plugins new``: packages that install, pass their test and are listed as they come, of every kind."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

from commands import PYTEST, call, forked_python, pretend_to_install
from qatk.errors import UsageError
from qatk.plugins.host import PluginHost
from qatk.plugins.protocols import PROTOCOLS
from qatk.plugins.scaffold import new_plugin
from repository import ROOT

HOST = PluginHost.discover(environ={})


def install(folder: Path, target: Path) -> None:
    pip = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    done = call(*pip, str(folder), cwd=folder)
    assert done.returncode == 0, done.stderr


def test_a_decoder_installs_passes_its_test_and_is_listed(tmp_path: Path) -> None:
    made = call("qatk", "plugins", "new", "decoder", "my-best", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "qatk-my-best/qatk_my_best/decoder.py" in made.stdout
    assert "pip install -e './qatk-my-best[test]' && pytest qatk-my-best" in made.stdout
    folder, target = tmp_path / "qatk-my-best", tmp_path / "site"
    install(folder, target)
    tested = call(*PYTEST, "-q", cwd=folder, paths=[target])
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout
    listed = json.loads(call("qatk", "plugins", "list", "--json", cwd=tmp_path, paths=[target]).stdout)
    mine = next(row for row in listed["components"] if row["name"] == "my-best")
    assert (mine["kind"], mine["distribution"], mine["version"]) == ("decoder", "qatk-my-best", "0.1.0")
    checked = call("qatk", "plugins", "check", "my-best", cwd=tmp_path, paths=[target])
    assert checked.returncode == 0
    assert re.fullmatch(r"ok decoder my-best/my-best: \d+ kept, 4 skipped", checked.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A folder with a new package of each kind, and the paths that make them seem installed."""
    folder = tmp_path_factory.mktemp("every")
    for kind in PROTOCOLS:
        pretend_to_install(new_plugin(kind, f"own-{kind}", HOST, folder / f"qatk-own-{kind}"), folder / "site")
    return folder, [folder / "site", *(folder / f"qatk-own-{kind}" for kind in PROTOCOLS)]


def test_every_kind_passes_its_own_test(every_kind: tuple[Path, list[Path]]) -> None:
    folder, paths = every_kind
    tested = call(*PYTEST, "-q", "--import-mode=importlib", cwd=folder, paths=paths)
    assert tested.returncode == 0, tested.stdout
    assert f"{len(PROTOCOLS) + 3} passed" in tested.stdout


def test_every_kind_is_listed_and_well(every_kind: tuple[Path, list[Path]]) -> None:
    folder, paths = every_kind
    done = call("qatk", "plugins", "doctor", "--json", cwd=folder, paths=paths, FORKED_PYTHON=forked_python("light"))
    assert done.returncode == 0, done.stdout
    found = {row["plugin"]: row["components"] for row in json.loads(done.stdout)["plugins"]}
    shown = (folder / "qatk-own-dataset" / "README.md").read_text()
    assert "$ qatk plugins check own-dataset --set path=dev.tsv\n" in shown
    assert all(found[f"own-{kind}"] == [[kind, f"own-{kind}"]] for kind in PROTOCOLS)
    (folder / "dev.tsv").write_text("id\tquestion\tcontext\tanswer\na\tWho?\tAda did.\tAda\n")
    recipe = ["qatk: 1", "backbone: {use: own-backbone}", "data: {dev: {use: own-dataset, path: dev.tsv}}"]
    recipe += [f"{kind}: {{use: own-{kind}}}" for kind in ("featurizer", "head", "trainer", "runtime", "decoder")]
    recipe += [f"{kind}s: [{{use: own-{kind}}}]" for kind in ("metric", "slicer", "reporter", "tracker")]
    (folder / "own.yaml").write_text("\n".join(recipe))
    checked = call("qatk", "recipe", "check", "own.yaml", cwd=folder, paths=paths)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("kind", PROTOCOLS)
def test_the_readme_says_how_the_component_is_used(kind: str, every_kind: tuple[Path, list[Path]]) -> None:
    readme = (every_kind[0] / f"qatk-own-{kind}" / "README.md").read_text("utf-8")
    usage, _, block = readme.rpartition("\n```")[0].rpartition("\n\n```")
    if kind == "exporter":
        assert usage.endswith("After training:")
        assert block == "console\n$ qatk export MODEL --to own-exporter --out FOLDER"
    else:
        assert usage.endswith("In a recipe:")
        assert f"own-{kind}" in repr(yaml.safe_load(block.removeprefix("yaml\n")))


def test_what_is_written_is_tidy(every_kind: tuple[Path, list[Path]]) -> None:
    config = ["--config", str(ROOT / "pyproject.toml")]
    for command in (["check", "--ignore", "D1"], ["format", "--check"]):
        done = call("ruff", command[0], *config, *command[1:], str(every_kind[0]), cwd=ROOT)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("dataset", "examples", "ExamplesDataset"),
        ("tracker", "run-result", "RunResultTracker"),
        ("slicer", "few", "Few"),
    ],
)
def test_a_class_hides_nothing_that_its_module_imports(kind: str, name: str, expected: str, tmp_path: Path) -> None:
    folder = new_plugin(kind, name, HOST, tmp_path / "new")
    tree = ast.parse((folder / f"qatk_{name.replace('-', '_')}" / f"{kind}.py").read_text("utf-8"))
    assert [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)] == [expected]


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("decodr", "mine", "there is no kind 'decodr'\n  did you mean 'decoder'?"),
        ("decoder", "My_Best", "the name 'My_Best' is not in kebab-case\n  such as my-best"),
        ("decoder", "2", "the name '2' is not in kebab-case"),
        ("decoder", "min-null", "there is a decoder 'min-null' already, of plugin decoders"),
        ("decoder", "heads", "there is a plugin 'heads' or a package qatk_heads already"),
        ("decoder", "builtin", "there is a plugin 'builtin' or a package qatk_builtin already"),
    ],
)
def test_mistakes(kind: str, name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        new_plugin(kind, name, PluginHost.discover(environ={}), tmp_path / "new")
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        new_plugin("decoder", "mine", HOST, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
