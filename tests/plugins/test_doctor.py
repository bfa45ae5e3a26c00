"""``qatk plugins check`` and ``doctor``, the pytest plugin, and plugins made for other hooks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands import PYTEST, call, forked_python, pretend_to_install
from qatk.plugins.host import PluginHost
from qatk.plugins.scaffold import new_plugin

HOST = PluginHost.discover(environ={})
GOOD = """
from qatk.api import Component, hookimpl

class Long:
    \"\"\"Long questions.\"\"\"
    def __init__(self, options): ...
    def masks(self, examples):
        import numpy as np
        long = np.array([len(q) > 20 for q in examples.question], np.bool_)
        return {name: mask for name, mask in (("long", long), ("short", ~long)) if mask.any()}

@hookimpl
def qatk_slicers():
    return [Component("long", Long, summary="long and short questions")]
"""


def doctor(tmp_path: Path, *files: str) -> tuple[int, str]:
    """What is said of ``files`` beside one built-in plugin, or of all built-in plugins."""
    options = [word for file in files for word in ("--plugin", file)]
    environ = {"QATK_PLUGINS": "slicers", "FORKED_PYTHON": forked_python("light")} if files else {}
    done = call("qatk", *options, "plugins", "doctor", cwd=tmp_path, paths=[tmp_path], **environ)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_the_built_ins_are_well(tmp_path: Path) -> None:
    code, text = doctor(tmp_path)
    assert code == 0
    assert "featurizers (qatk 0.1.0)" in text
    assert "problem" not in text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import no_such_module_anywhere", "it cannot be loaded: ModuleNotFoundError"),
        (GOOD.replace("qatk_slicers", "qatk_slicer"), "did you mean 'qatk_slicers'?"),
        (GOOD.replace("@hookimpl\n", ""), "qatk_slicers looks like a hook but is not one"),
        (GOOD.replace("@hookimpl\n", "").replace("qatk_slicers", "qatk_slicer"), "did you mean 'qatk_slicers'?"),
        ("import torch\n" + GOOD, "it imports torch"),
        ("print('hello')\n" + GOOD, "it prints to standard output while it loads: 'hello\\n'"),
        ("QATK_API = 7\n" + GOOD, "it is written for version 7 of qatk's hooks, but this qatk has version 1"),
        ("x = 1", "it registers nothing"),
        (GOOD.replace("Long, ", '"no_such_module:Long", '), "cannot be imported: No module named 'no_such_module'"),
        (GOOD.replace("Long, ", "int, "), "slicer 'long' of plugin mine (file mine.py) lacks masks()"),
        (
            GOOD.replace('questions")', 'questions", requires=("no_such.part",))'),
            "needs no_such.part\n  pip install no_such",
        ),
        (GOOD.replace('questions")', 'questions", requires="numpy")'), "what 'long' requires is not a tuple of names"),
        (GOOD.replace('"long"', '"answerable"', 2), "each offers the slicer 'answerable'"),
        ("import os; os._exit(3)", "it ends the process with exit code 3"),
    ],
)
def test_what_ails_a_plugin(source: str, expected: str, tmp_path: Path) -> None:
    if "answerable" in expected:
        source = GOOD.replace('Component("long"', 'Component("answerable"')
    (tmp_path / "mine.py").write_text(source)
    code, text = doctor(tmp_path, "mine.py")
    assert code == 1
    assert expected in text


def test_a_class_that_ends_the_process_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "parts.py").write_text("import os; os._exit(3)")
    (tmp_path / "first.py").write_text(GOOD.replace("Long, ", '"parts:Long", ').replace('"long"', '"one"', 1))
    (tmp_path / "second.py").write_text(GOOD.replace("Long, ", '"no_such_module:Long", '))
    code, text = doctor(tmp_path, "first.py", "second.py")
    assert code == 1
    assert "it cannot be loaded: it ends the process with exit code 3" in text
    assert "cannot be imported: No module named 'no_such_module'" in text


def test_check_says_what_came_of_each_promise(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GOOD)
    good = call("qatk", "plugins", "check", "mine.py", cwd=tmp_path)
    assert good.returncode == 0
    lines = good.stdout.splitlines()
    assert lines[0] == "slicer mine/long of mine (file mine.py)"
    assert "   kept     row-order-does-not-matter" in lines
    assert lines[-1] == "ok slicer mine/long: 12 kept"
    (tmp_path / "mine.py").write_text(GOOD.replace(" if mask.any()", ""))
    bad = call("qatk", "plugins", "check", "./mine.py", cwd=tmp_path)
    assert bad.returncode == 1
    assert "   broken   no-group-is-empty\n            no group is empty" in bad.stdout
    assert re.search(r"^ {12}on: one question\n {12}seen: empty groups: '(long|short)'$", bad.stdout, re.MULTILINE)
    assert bad.stdout.endswith("NO slicer mine/long: 1 of 12 promises broken\n")
    listed = json.loads(call("qatk", "plugins", "check", "mine.py", "--json", cwd=tmp_path).stdout)
    assert [row["name"] for row in listed] == ["mine/long"]
    broken = [one for one in listed[0]["promises"] if one["outcome"] == "broken"]
    assert [(one["name"], one["on"]) for one in broken] == [("no-group-is-empty", "one question")]


def test_check_shows_why_a_promise_is_waived(tmp_path: Path) -> None:
    waives = 'waives={"no-group-is-empty": "zero is news too"}'
    broken = GOOD.replace(" if mask.any()", "").replace('short questions")', f'short questions", {waives})')
    (tmp_path / "mine.py").write_text(broken)
    done = call("qatk", "plugins", "check", "mine.py", cwd=tmp_path)
    assert done.returncode == 0
    assert "   waived   no-group-is-empty: zero is news too\n" in done.stdout
    assert done.stdout.endswith("ok slicer mine/long: 11 kept, 1 waived\n")
    done = call("qatk", "plugins", "check", "mine.py", "--json", cwd=tmp_path)
    waived = [one for one in json.loads(done.stdout)[0]["promises"] if one["outcome"] != "kept"]
    assert [(one["outcome"], one["reason"]) for one in waived] == [("waived", "zero is news too")]


def test_check_has_a_time_limit_and_does_not_repeat_itself(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GOOD.replace("        import numpy as np", "        while True: pass"))
    done = call("qatk", "plugins", "check", "mine.py", "--seconds", "0.2", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("seen: no result after 0.2 seconds") == 1
    assert "   broken   no-group-is-empty: as masks-have-the-right-form\n" in done.stdout
    assert "   skipped  is-deterministic: 2 checks before it ran out of time\n" in done.stdout
    for wrong in ("0", "nan", "inf"):
        done = call("qatk", "plugins", "check", "mine.py", "--seconds", wrong, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"--seconds is {wrong}" in done.stderr


def test_outcomes_are_told_as_they_come(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GOOD.replace("        import numpy as np", "        while True: pass"))
    words = [sys.executable, "-m", "qatk", "plugins", "check", "mine.py", "--seconds", "60"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=tmp_path, text=True) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(7)]
        process.kill()
    assert seen[1] == "   kept     can-be-built\n"


def test_check_takes_options_and_names(tmp_path: Path) -> None:
    done = call("qatk", "plugins", "check", "column", "--set", "name=level", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ok slicer slicers/column: 12 kept")
    done = call("qatk", "plugins", "check", "column", cwd=tmp_path)
    assert done.returncode == 2
    assert "slicer 'column' of plugin slicers (qatk 0.1.0): it needs name\n  qatk plugins check column --set name=" in (
        done.stderr
    )
    done = call("qatk", "plugins", "check", "squad", cwd=tmp_path)
    assert "-  dataset datasets/squad: not checked: it needs path: --set path=...\n" in done.stdout
    assert "ok metric metrics/squad: 14 kept\n" in done.stdout
    for words, message in (
        (["min-nul"], "no component or plugin is called 'min-nul'\n  did you mean 'min-null'?"),
        (["slicer"], "no component or plugin is called 'slicer'\n  to test all components of that kind: --kind slicer"),
        (["heads", "--set", "x=1"], "--set is for one component, but these match: head linear,"),
        (["min-null", "--set", "x=1"], "min-null: x: unknown option 'x'"),
        (["--kind", "decodr"], "there is no kind 'decodr'\n  did you mean 'decoder'?"),
    ):
        done = call("qatk", "plugins", "check", *words, cwd=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr


def test_check_says_how_to_see_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("1 / 0")
    done = call("qatk", "plugins", "check", "mine.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "plugin file mine.py cannot be loaded: ZeroDivisionError: division by zero" in done.stderr
    assert "run qatk --plugin mine.py plugins doctor for the traceback" in done.stderr


def test_a_plugin_for_other_hooks_is_quarantined_with_a_sentence(tmp_path: Path) -> None:
    folder = new_plugin("slicer", "own-groups", HOST, tmp_path / "qatk-own-groups")
    pretend_to_install(folder, tmp_path / "site")
    code = folder / "qatk_own_groups" / "__init__.py"
    code.write_text(code.read_text().replace("QATK_API = 1", "QATK_API = 2"))
    done = call("qatk", "plugins", "list", cwd=tmp_path, paths=[tmp_path / "site", folder])
    assert done.returncode == 0
    sentence = "it is written for version 2 of qatk's hooks, but this qatk has version 1; install a newer qatk"
    assert f"not loaded: own-groups (qatk-own_groups): {sentence}" in done.stderr
    assert "min-null" in done.stdout


@pytest.mark.parametrize("command", [["plugins", "list"], ["recipe", "schema"], ["run", "r.yaml"]])
def test_a_plugin_file_that_cannot_be_loaded_stops_every_command(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("1 / 0")
    done = call("qatk", "--plugin", "bad.py", *command, cwd=tmp_path)
    told = "error: plugin file bad.py cannot be loaded: ZeroDivisionError: division by zero\n"
    fix = "  run qatk --plugin bad.py plugins doctor for the traceback\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told + fix)


@pytest.mark.parametrize("command", [["recipe", "check"], ["run"]])
def test_recipes_with_parts_that_cannot_be_used_are_refused(command: list[str], tmp_path: Path) -> None:
    gone = GOOD.replace("Long, ", '"no_such_module:Long", ') + (
        "    + [Component('needy', Long, summary='x', requires=('no_such_thing',))]\n"
    )
    (tmp_path / "mine.py").write_text(gone.replace('questions")]', 'questions")] \\'))
    recipe = "qatk: 1\nbackbone: {use: tiny}\ndata: {dev: {use: facts}}\nslicers: [{use: long}, {use: needy}]\n"
    (tmp_path / "r.yaml").write_text(recipe)
    done = call("qatk", "--plugin", "mine.py", *command, "r.yaml", cwd=tmp_path)
    assert done.returncode == 2
    owner = "of plugin mine (file mine.py)"
    assert f"r.yaml:4:17: slicer 'long' {owner} cannot be imported: No module named 'no_such_module'" in done.stderr
    assert f"r.yaml:4:30: slicer 'needy' {owner} needs no_such_thing (pip install no_such_thing)" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_pytest_plugin_finds_what_a_distribution_registers(tmp_path: Path) -> None:
    folder = new_plugin("slicer", "own-groups", HOST, tmp_path / "qatk-own-groups")
    pretend_to_install(folder, tmp_path / "site")
    paths = [tmp_path / "site", folder]
    (folder / "tests" / "test_promises.py").write_text("def test_promises(qatk_promise):\n    qatk_promise()\n")
    arguments = [*PYTEST, "-v", "tests/test_promises.py"]
    done = call(*arguments, cwd=folder, paths=paths)
    assert done.returncode == 0, done.stdout
    assert "test_promises[slicer-own-groups-row-order-does-not-matter] PASSED" in done.stdout
    code = folder / "qatk_own_groups" / "slicer.py"
    spoiled = code.read_text().replace("in examples.question]", "in sorted(examples.question)]")
    code.write_text(spoiled.replace("        long =", "        print(len(examples))\n        long ="))
    done = call(*arguments, cwd=folder, paths=paths)
    assert done.returncode == 1
    assert "the order of questions does not matter" in done.stdout
    failed = re.findall(r"own-groups-(\S+)\] FAILED", done.stdout)
    assert failed == ["row-order-does-not-matter", "prints-nothing"]
    done = call(*arguments, "--qatk-distribution", "qatk-nothing", cwd=folder, paths=paths)
    assert done.returncode != 0
    assert "the distribution 'qatk-nothing' registers no qatk component; is it installed?" in done.stdout + done.stderr
