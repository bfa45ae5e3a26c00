"""A comparison as a folder: its runs are made one by one by the command, gathered, and are those of the comparison."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import qatk
from commands import call, forked_python
from qatk.errors import QatkError, RecipeError, RunFolderError, UsageError
from qatk.plugins.host import PluginHost
from qatk.recipes import is_plan
from qatk.recipes.recipe import load_recipe
from qatk.sweeps.overrides import parse_over
from qatk.sweeps.plan import Planned, plan
from qatk.sweeps.plan_folder import read_plan, read_task, write_plan
from repository import ROOT
from small import VAULT, write_recipe

PAGE = (ROOT / "docs" / "how-to" / "cluster.md").read_text("utf-8")
OVER = ("--over", "backbone.layers=1,2")


def test_runs_are_planned_made_gathered_and_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_recipe(tmp_path, train=16, dev=8, epochs=1)
    (tmp_path / "elsewhere").mkdir()
    planned = call("qatk", "compare", "recipe.yaml", *OVER, "--out", "made", "--plan", "plan", cwd=tmp_path)
    assert (planned.returncode, planned.stderr) == (0, "")
    assert planned.stdout == (
        "plan: 2 runs, 0 of them finished\n"
        "  make each: qatk run --task plan:N, for N from 1 to 2\n"
        "  then compare them: qatk compare plan\n"
    )
    assert not (tmp_path / "made").exists()
    nothing = call("qatk", "compare", "plan", cwd=tmp_path)
    assert nothing.returncode == 1
    assert "2 of 2 runs are not finished: layers=1, seed 13; layers=2, seed 13" in nothing.stderr
    for number in (1, 2):  # from another folder, as a scheduler may
        task = f"../plan:{number}"
        done = call("qatk", "run", "--task", task, "--json", cwd=tmp_path / "elsewhere")
        assert done.returncode == 0, done.stderr
        assert "f1" in json.loads(done.stdout)
    assert not any((tmp_path / "elsewhere").iterdir())
    gathered = call("qatk", "compare", "plan", "--json", "--draws", "1000", cwd=tmp_path)
    assert gathered.returncode == 0, gathered.stderr
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", forked_python())
    again = call("qatk", "compare", "recipe.yaml", *OVER, "--out", "made", "--json", "--draws", "1000", cwd=tmp_path)
    first, second = json.loads(gathered.stdout), json.loads(again.stdout)
    assert [run["state"] for run in second["runs"]] == ["reused", "reused"]
    assert first == second
    assert [system.name for system in qatk.compare("plan", draws=1000).systems] == ["layers=1", "layers=2"]


def planned(folder: Path, host: PluginHost, values: str = "1,2,3", limit: int | None = None) -> list[Planned]:
    recipe = write_recipe(folder)
    return plan([recipe], [parse_over(f"backbone.layers={values}")], [0], host=host, out=folder / "made", limit=limit)


def test_a_plan_reads_back_as_the_runs_that_it_was_written_for(
    tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = planned(tmp_path, host, limit=5)
    write_plan(Path("plan"), runs, host)
    assert is_plan(Path("plan"))
    for number, (run, read) in enumerate(zip(runs, read_plan(Path("plan")), strict=True), 1):
        assert (read.system, read.seed, read.limit, read.data) == (run.system, run.seed, 5, run.data)
        assert read.folder.resolve() == run.folder
        task = read_task(f"plan:{number}", host)
        assert task.recipe.digest() == load_recipe(run.recipe, host, run.settings).digest()
        assert (task.recipe.name, task.folder, task.limit) == ("recipe", run.folder, 5)


def test_a_plan_written_again_keeps_what_is_the_same(tmp_path: Path, host: PluginHost) -> None:
    write_plan(tmp_path / "plan", planned(tmp_path, host), host)
    files = [tmp_path / "plan" / "recipes" / f"{n}.yaml" for n in (1, 2, 3)]
    times = [file.stat().st_mtime_ns for file in files]
    write_plan(tmp_path / "plan", planned(tmp_path, host), host)
    assert [file.stat().st_mtime_ns for file in files] == times
    write_plan(tmp_path / "plan", planned(tmp_path, host, "1,2"), host)
    assert [file.exists() for file in files] == [True, True, False]


def test_only_its_owner_reads_a_recipe_with_a_secret(tmp_path: Path) -> None:
    (tmp_path / "vault.py").write_text(VAULT)
    host = PluginHost.discover(files=[str(tmp_path / "vault.py")], environ={})
    runs = planned(tmp_path, host)
    write_plan(tmp_path / "plan", runs, host)
    files = [tmp_path / "plan" / "recipes" / f"{n}.yaml" for n in (1, 2, 3)]
    assert all(file.stat().st_mode & 0o044 for file in files)
    secret = ("data.dev.use=vault", "data.dev.token=my-pw")
    runs = [replace(run, settings=(*run.settings, *secret)) for run in runs[:2]] + runs[2:]
    files[1].unlink()
    write_plan(tmp_path / "plan", runs, host)
    assert [file.stat().st_mode & 0o777 == 0o600 for file in files] == [True, True, False]
    assert ["my-pw" in file.read_text() for file in files] == [True, True, False]


def test_finished_runs_are_compared_and_the_others_named(tmp_path: Path) -> None:
    write_recipe(tmp_path, train=16, dev=8, epochs=1)
    over = ("--over", "backbone.layers=1,2,3")
    done = call("qatk", "compare", "recipe.yaml", *over, "--plan", "plan", "--json", cwd=tmp_path)
    assert [row["task"] for row in json.loads(done.stdout)] == ["plan:1", "plan:2", "plan:3"]
    first, third = (Path(row["folder"]) for row in json.loads(done.stdout)[::2])
    assert call("qatk", "run", "--task", "plan:1", cwd=tmp_path).returncode == 0
    shutil.copytree(tmp_path / first, tmp_path / third)  # stands for another run: gathering looks at results only
    found = call("qatk", "compare", "plan", cwd=tmp_path)
    assert found.returncode == 1
    assert "layers=1 against layers=3" in found.stdout
    assert (
        "1 of 3 runs are not finished: layers=2, seed 13\n  make them with qatk run --task plan:N, N being 2"
        in found.stderr
    )


def test_mistakes(tmp_path: Path, host: PluginHost) -> None:
    runs = planned(tmp_path, host)
    write_plan(tmp_path / "plan", runs, host)
    for text in ("plan", ":1", "plan:", "plan:x", "plan:-1"):
        with pytest.raises(UsageError, match="is no task"):
            read_task(text, host)
    with pytest.raises(UsageError, match="has no run 4"):
        read_task(f"{tmp_path / 'plan'}:4", host)
    with pytest.raises(UsageError, match=r"is not a plan: it has no plan\.json"):
        read_task(f"{tmp_path}:1", host)
    with pytest.raises(UsageError, match="holds something that is not a plan"):
        write_plan(tmp_path, runs, host)
    with pytest.raises(QatkError, match="is a plan, which is compared alone"):
        call_compare(tmp_path / "plan", tmp_path / "recipe.json")
    written = json.loads((tmp_path / "plan" / "plan.json").read_text())
    (tmp_path / "plan" / "plan.json").write_text(json.dumps(written | {"directory": str(tmp_path / "gone")}))
    with pytest.raises(UsageError, match="is not here"):
        read_task(f"{tmp_path / 'plan'}:1", host)
    (tmp_path / "plan" / "recipes" / "1.yaml").write_text("qatk: 1\n")
    with pytest.raises(RecipeError, match="the key 'backbone' is missing"):
        read_task(f"{tmp_path / 'plan'}:1", host)
    (tmp_path / "plan" / "plan.json").write_text('{"runs": 3}')
    with pytest.raises(RunFolderError, match=r"plan\.json cannot be read: directory"):
        read_plan(tmp_path / "plan")


def call_compare(*sources: Path) -> None:
    from typer.testing import CliRunner

    from qatk.cli import app

    for source in sources:
        source.touch()
    done = CliRunner().invoke(app, ["compare", *map(str, sources)])
    assert done.exception is not None
    raise done.exception


def test_the_scripts_of_the_docs_are_in_order(tmp_path: Path) -> None:
    [script] = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    [makefile] = re.findall(r"```make\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "Makefile").write_text(makefile)
    (tmp_path / "plan" / "recipes").mkdir(parents=True)
    for number in (1, 2):
        (tmp_path / "plan" / "recipes" / f"{number}.yaml").touch()
    made = subprocess.run(["make", "-n"], cwd=tmp_path, capture_output=True, text=True, check=True)
    ran = [line for line in made.stdout.splitlines() if line.startswith("qatk")]
    assert sorted(ran[:2]) == ["qatk run --task plan:1", "qatk run --task plan:2"]
    assert ran[2:] == ["qatk compare plan --html comparison.html"]


def test_the_script_of_a_batch_job_passes_the_signal_on_and_asks_for_another_job(tmp_path: Path) -> None:
    [script] = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "job.sh").write_text(script)
    stand_in = "#!/bin/bash\ntrap 'exit 75' USR1\ntouch begun\nwhile :; do sleep 0.05; done\n"
    for name, text in (("qatk", stand_in), ("scontrol", '#!/bin/bash\necho "$@" > asked\n')):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}
    with subprocess.Popen(["bash", "job.sh"], cwd=tmp_path, env=environ) as job:
        while not (tmp_path / "begun").exists():
            assert job.poll() is None
            time.sleep(0.01)
        job.send_signal(10)
        assert job.wait(10) == 75
    assert (tmp_path / "asked").read_text() == "requeue 7_2\n"
