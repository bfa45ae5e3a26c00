"""The command line as its user meets it: real processes, messages, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from commands import call
from qatk.cli import app

GOOD = "qatk: 1\nbackbone: {use: tiny}\ndata: {dev: {use: squad, path: dev.json}}\n"


def qatk(*arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return call("qatk", *arguments, cwd=cwd, **environ)


def test_misuse_exits_2_with_one_message(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(GOOD + "decoder: {use: min-nul}\nhaed: 3\n")
    done = qatk("recipe", "check", "r.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "error: r.yaml:4:16: no decoder is called 'min-nul' (did you mean 'min-null'?)\n"
        "r.yaml:5:1: unknown key 'haed' (did you mean 'head'?)\n"
    )


def test_help_says_where_the_default_cluster_comes_from() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    found = {
        name: parameter.show_default
        for name, command in commands.items()
        for parameter in command.params
        if parameter.name == "cluster"
    }
    of_runs = dict.fromkeys(("calibrate", "compare", "report"), "the run's, or title")
    assert found == {"run": "the recipe's, or title", "eval": "title", **of_runs}


def test_a_module_in_the_working_folder_stands_in_for_no_library(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(GOOD)
    for name in ("typer", "rich", "yaml", "code"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger')\n")
    command = [sys.executable, "-m", "qatk", "recipe", "check", "r.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_recipe_check_as_json(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(GOOD + "haed: 3\n")
    done = qatk("recipe", "check", "r.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["problems"] == [
        {"source": "r.yaml", "line": 4, "column": 1, "what": "unknown key 'haed'", "fix": "did you mean 'head'?"}
    ]


def test_recipe_in_order(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(GOOD)
    done = qatk("recipe", "check", "r.yaml", "--set", "decoder.n_best_size=5", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("r.yaml is valid: backbone tiny, dataset squad, featurizer stride")


def test_a_filled_recipe_is_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(GOOD)
    filled = qatk("recipe", "fill", "r.yaml", "--set", "trainer.learning_rate=3e-5", cwd=tmp_path).stdout
    (tmp_path / "filled.yaml").write_text(filled)
    assert qatk("recipe", "fill", "filled.yaml", cwd=tmp_path).stdout == filled
    assert "learning_rate: 3.0e-05" in filled


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "gone.yaml"], "error: there is no recipe gone.yaml"),
        (["recipe", "check", "gone.yaml"], "error: there is no recipe gone.yaml"),
        (
            ["--no-plugin", "heds", "plugins", "list"],
            "error: --no-plugin: no plugin is called 'heds'\n  did you mean 'heads'?",
        ),
        (["plugins", "show", "min-nul"], "error: no component is called 'min-nul'\n  did you mean 'min-null'?"),
        (["plugins", "list", "--kind", "decodr"], "error: there is no kind 'decodr'\n  did you mean 'decoder'?"),
    ],
)
def test_mistakes(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = qatk(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr


def test_plugins_list_and_show() -> None:
    listed = json.loads(qatk("plugins", "list", "--json").stdout)
    assert {"kind": "decoder", "name": "min-null", "plugin": "decoders", "distribution": "qatk"}.items() <= next(
        row for row in listed["components"] if row["name"] == "min-null"
    ).items()
    assert listed["broken"] == []
    text = qatk("plugins", "show", "stride", COLUMNS="100").stdout
    assert "featurizer stride" in text
    assert "doc_stride" in text
    assert "128" in text
    (mixed,) = json.loads(qatk("plugins", "show", "mix", "--json").stdout)
    types = {option["name"]: option["type"] for option in mixed["options"]}
    assert (types["sets"], types["most"]) == ("map to dataset", "map to integer >= 1")
    shown = qatk("plugins", "show", "table", COLUMNS="200").stdout
    assert "map to (string | list of string | null)" in shown
    assert qatk("plugins", "show", "exact").stdout.startswith("decoder min-null\n")


def test_a_plugin_file_that_cannot_be_loaded_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere")
    done = qatk("--plugin", "broken.py", "plugins", "list", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "plugin file broken.py cannot be loaded: ModuleNotFoundError" in done.stderr


def test_what_the_system_refuses_is_one_message(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"rmdir {gone}; {sys.executable} -m qatk compare {tmp_path / 'a'} {tmp_path / 'b'} --markdown c.md"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=gone, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: No such file or directory\n  QATK_TRACEBACK=1 shows the traceback\n"
    traced = {**os.environ, "QATK_TRACEBACK": "1"}
    gone.mkdir()
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=gone, check=False, env=traced)
    assert "Traceback" in done.stderr
