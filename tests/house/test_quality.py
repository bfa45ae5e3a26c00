"""The script that tries ways to better answers: it makes what is missing, lists what failed, and writes a page."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

import make_quality  # of tools/
import quality_page
import quality_processes
import quality_rounds
from commands import call, forked_python
from qatk import load_run
from qatk.cores import usable_cores
from qatk.data import save
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import load_recipe
from qatk.run_folder.provenance import processor
from quality_records import Records
from quality_rounds import needed, places_of, rounds_of
from quality_runs import Common, Configuration, Part, flow, stages_of
from repository import ROOT, SHARED, needs_shared_data

RECIPE = """\
qatk: 1
backbone: {use: tiny, vocab_size: 200, hidden_size: 16, layers: 1, max_length: 96}
data: {dev: {use: facts}}
featurizer: {use: stride, max_length: 96, doc_stride: 16}
trainer: {use: torch, max_steps: 2}
reporters: []
slicers: []
"""
TABLE = """\
rounds:
  first:
    plain: {what: as it is}
    bent: {what: cannot be, set: [trainer.epochs=none]}
  second:
    taught:
      what: learns from the base
      augment: {cloze: 0.5}
      questions: 8
      set: [trainer.use=distil, "trainer.teacher={base}/{part}"]
back:
  ensemble:
    what: all seeds combined
    set:
      - data.train=null
      - "backbone={use: hf, model: {base}/{first}/model}"
      - decoder.use=ensemble
      - decoder.runs=[{base}/{others}]
others:
  larger: {what: another model, set: ["backbone.model={large}"]}
"""


def test_every_configuration_is_a_recipe(host: PluginHost, tmp_path: Path) -> None:
    table = yaml.safe_load((ROOT / "tools" / "quality.yaml").read_text("utf-8"))
    common = Common(ROOT / table["recipe"], Path("runs"), large="large", kept=tmp_path)
    part = Part("fold0", tmp_path / "train.json", tmp_path / "dev.json", 0)
    levers = {**table["rounds"]["levers"], **table["others"]}
    records = Records(common)
    rounds = rounds_of({"rounds": {**table["rounds"], "levers": levers}}, records, part, guess=True)
    stages = stages_of(table)
    assert [each.base.name for each in rounds] == ["plain", "epochs-6", "epochs-6"]
    before = {"plain", *stages}
    for one in (*stages.values(), *(one for each in rounds for one in each.configurations.values())):
        words = one.command(part, common)
        settings = [words[k + 1] for k, word in enumerate(words) if word == "--set"]
        load_recipe(words[1], host, settings)
        assert set(one.bases) <= before, "runs of others come first"
        before.add(one.name)
    assert len(before) > 20
    two = rounds[2].configurations["best-two"]
    assert two.augment == {"swap_questions": 0.2, "swap_entities": 0.2}
    assert two.settings == ["trainer.epochs=6", "trainer.layer_decay=0.9"]
    assert two.what == "the two levers that gained most: swap-questions, swap-entities"
    longer = rounds[2].configurations["longer"]
    assert sorted(longer.settings) == ["trainer.epochs=10", "trainer.layer_decay=0.9"]
    taught = rounds[1].configurations["self-distilled"]
    assert taught.needs(part) == [("epochs-6", "fold0")]
    pretrained = rounds[1].configurations["pretrained"]
    seeds = {name: replace(part, name=name, seeds=["seed0", "seed1", "seed2"]) for name in ("seed0", "seed1", "seed2")}

    def order(one: Configuration) -> list[str]:
        return [f"{one.name} {at.name}" for one, at in needed([(one, at) for at in seeds.values()], stages, seeds)]

    assert order(pretrained)[:4] == ["pretrain seed0", "pretrained seed0", "pretrain seed1", "pretrained seed1"]
    larger = rounds[1].configurations["from-larger"]
    assert order(larger) == ["larger seed0", "from-larger seed0", "from-larger seed1", "from-larger seed2"]
    again = order(stages["larger-taught"])
    assert again == [*(f"larger seed{k}" for k in range(2)), *(f"larger-taught seed{k}" for k in range(3))]
    files = ", ".join(f"{tmp_path}/larger/seed{k}.parquet" for k in range(2))
    assert stages["larger-taught"].all_settings(seeds["seed1"], common)[-1] == f"trainer.teacher=[{files}]"
    assert [stages[name].times for name in ("larger", "larger-both", "larger-short-both")] == [4, 4, 4]
    assert [name for name, one in stages.items() if one.tells] == ["larger"]
    short = stages["larger-short-both"]
    assert short.settings[0] == "backbone.model={runs}/larger-short/{part}/model"
    assert short.settings[2:] == ["trainer.epochs=1.5", "trainer.learning_rate=5e-5", "trainer.frozen_layers=6"]
    assert short.both_kinds
    assert not stages["larger-short"].both_kinds
    few = next(each for each in short.smaller(8).all_settings(part, common) if each.startswith("data.train="))
    both = yaml.safe_load(few.partition("=")[2])
    assert both["both_kinds"]
    first = stages["larger-short"].smaller(8).all_settings(part, common)
    assert f"data.train={flow(both['sets']['train'])}" in first, "the same questions in both stages"
    save(host.build("dataset", "facts", {"questions": 24, "long": 0.0}).load(), part.train)
    assert set(host.build("dataset", "mix", {k: v for k, v in both.items() if k != "use"}).load().columns) >= {
        "source",
        "drawn",
    }
    assert order(stages["larger-ensemble"])[:3] == ["larger seed0", "larger seed1", "larger-ensemble seed0"]
    back = {name: Configuration.of(name, given).on(larger) for name, given in table["back"].items()}
    settings = {name: one.all_settings(seeds["seed0"], common) for name, one in back.items()}
    assert "backbone.model=runs/from-larger/seed0/model" in settings["ensemble"]
    assert "decoder.runs=[runs/from-larger/seed1, runs/from-larger/seed2]" in settings["ensemble"]
    teachers = "runs/from-larger/seed0, runs/from-larger/seed1, runs/from-larger/seed2"
    assert f"trainer.teacher=[{teachers}]" in settings["distilled"]
    first = rounds_of(table, records, part)
    assert [each.name for each in first] == ["epochs"], "of later rounds nobody knows the base"
    assert [one.name for one, _ in places_of(first, False, [part, part], records, guess=False)] == [
        "plain",
        "epochs-6",
        "epochs-2",
    ]


def test_what_gained_is_the_next_base_and_is_tried_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F1 that would take hours to measure is given; the rest is what a start of the script decides by them."""
    table = yaml.safe_load((ROOT / "tools" / "quality.yaml").read_text("utf-8"))
    f1 = {"epochs-6": 54.5, "average-epochs": 54.9, "pretrained": 55.4, "swap-entities": 54.7, "best-two": 55.6}
    score = {"plain": 53.0, "epochs-2": 52.0} | f1
    monkeypatch.setattr(
        quality_rounds, "gain", lambda one, base, parts, records: score.get(one.name, 54.0) - score[base.name]
    )
    monkeypatch.setattr(quality_rounds, "is_decided", lambda one, part, records: True)
    folds = [Part(f"fold{k}", tmp_path, tmp_path, k) for k in range(2)]
    records = Records(Common(ROOT / table["recipe"], tmp_path, kept=tmp_path))
    rounds = rounds_of(table, records, folds[0])
    assert [each.base.name for each in rounds] == ["plain", "epochs-6", "pretrained"]
    two, every = (rounds[2].configurations[name] for name in ("best-two", "all-that-gained"))
    model = "backbone.model={runs}/pretrain/{part}/model"
    assert sorted(two.settings) == [
        model,
        "trainer.average_epochs=3",
        "trainer.epochs=6",
        "trainer.layer_decay=0.9",
    ]
    assert two.augment is None
    assert sorted(every.settings) == sorted(two.settings)
    assert every.augment == {"swap_entities": 0.2}
    assert model in rounds[2].configurations["longer"].settings
    further = [one.name for one, part in places_of(rounds, True, folds, records, guess=False) if part is folds[1]]
    assert further == ["plain", "epochs-6", "pretrained", "best-two"]


def test_what_is_missing_is_made_and_all_of_it_is_listed(
    tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(host.build("dataset", "facts", {"questions": 24, "long": 0.0}).load(), tmp_path / "train.json")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "table.yaml").write_text("recipe: recipe.yaml\ncurve: [8]\n" + TABLE)
    monkeypatch.setattr(sys, "executable", forked_python())
    monkeypatch.setattr(quality_processes, "_end_with_parent", None)
    made, page = tmp_path / "out", tmp_path / "page.md"
    words = [made, "--train", tmp_path / "train.json", "--folds", 2, "--page", page]
    words += ["--recipe", tmp_path / "recipe.yaml", "--table", tmp_path / "table.yaml"]

    def start(*more: object) -> list[str]:
        make_quality.main([str(word) for word in [*words, *more]])
        return [line for line in capsys.readouterr().out.splitlines() if not line.startswith("  failed")]

    due = [f"{name} fold0" for name in ("plain", "bent", "taught")]
    assert [" ".join(line.split()[1:3]) for line in start("--plan")[:3]] == due
    assert not made.exists()
    with pytest.raises(SystemExit, match="larger needs --large MODEL"):
        start("--plan", "--also", "larger")
    with pytest.raises(SystemExit, match="taught is on top of the best of the round before"):
        start("--only", "taught")
    larger = tmp_path / "larger"
    larger.mkdir()
    lines = [line.partition(": about ")[0] for line in start("--large", larger)]
    assert "OUT --train train.json --large larger`" in page.read_text("utf-8")
    assert lines[:4] == [*due, "plain fold1"]
    start("--only", "taught")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page.read_text("utf-8"), re.MULTILINE))
    assert rows["bent"].startswith("0 | --set trainer.epochs=none: epochs: should be a number")
    assert rows["taught"].startswith("2 | ")
    assert re.search(r"\| [+-]\d+\.\d\d \| [+-]\d+\.\d\d to [+-]\d+\.\d\d \| \w+ \| 0\.\d \| 0\.\d$", rows["taught"])
    assert "`augment {cloze: 0.5}`, `8 questions`" in page.read_text("utf-8")
    kept = {path.parent.name: record_of(path) for path in page.with_suffix("").glob("*/fold0.json.gz")}
    assert kept["taught"]["questions"] == 12
    assert kept["taught"]["seconds"] > 0
    assert 1 <= kept["taught"]["cores"] <= usable_cores()
    assert str(tmp_path) not in json.dumps(kept), "no folder of this machine"
    final = ["--final", "taught", "--curve", "plain", "--seeds", 4, "--dev", tmp_path / "train.json"]
    due = ["plain seed4", "taught seed4", "plain-8 seed4"]
    assert sorted(line.partition(":")[0] for line in start("--only", "taught", *final)) == sorted(due)
    text = page.read_text("utf-8")
    chosen = text.partition("## On data")[2].partition("## How much")[0]
    assert re.findall(r"^\| `(\w+)` \| (\d) .*\| (\w*) \| 0", chosen, re.MULTILINE) == [
        ("plain", "1", ""),
        ("taught", "1", "inconclusive"),
    ]
    assert re.search(r"^\| `plain` \| \d+\.\d \| \d+\.\d \|$", text, re.MULTILINE), "8 questions, and all"
    chart = page.with_suffix(".svg").read_text()
    assert chart.startswith("<svg")
    assert "dashed: answering nothing" in chart
    shutil.rmtree(made)  # another machine has the records alone, and makes what it starts from again
    due = ["plain seed4", "plain seed5", "plain-ensemble seed4"]
    final = ["--back", "plain", "--seeds", "4,5", "--dev", tmp_path / "train.json"]
    assert [line.partition(":")[0] for line in start("--only", "plain", *final)] == due
    assert "Not made yet: `bent`." in page.read_text("utf-8")
    chosen = page.read_text("utf-8").partition("## On data")[2]
    assert re.findall(r"^\| `([\w-]+)` \| (\d)", chosen, re.MULTILINE) == [("plain", "2"), ("plain-ensemble", "1")]


def test_what_a_run_told_teaches_on_a_machine_without_it(
    tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(host.build("dataset", "facts", {"questions": 24, "long": 0.0}).load(), tmp_path / "train.json")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    taught = '{what: learns from it, set: [trainer.use=distil, "trainer.teacher={told}/asked/{first}.parquet"]}'
    stages = "stages: {asked: {what: tells, tells: true}}"
    rounds = f"rounds: {{first: {{plain: {{what: as it is}}}}, second: {{taught: {taught}}}}}"
    (tmp_path / "table.yaml").write_text("\n".join(["recipe: recipe.yaml", rounds, stages]))
    monkeypatch.setattr(sys, "executable", forked_python())
    monkeypatch.setattr(quality_processes, "_end_with_parent", None)
    made, kept, data = tmp_path / "out", tmp_path / "page", tmp_path / "train.json"
    words = [made, "--train", data, "--dev", data, "--folds", 2, "--page", kept.with_suffix(".md"), "--only", "plain"]
    words += ["--recipe", tmp_path / "recipe.yaml", "--table", tmp_path / "table.yaml"]

    def start(*more: object) -> list[str]:
        make_quality.main([str(word) for word in [*words, *more]])
        return [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]

    start()
    final = ["--only", "", "--final", "taught", "--seeds", "4,5"]
    assert start(*final) == ["asked seed4", "taught seed4", "taught seed5"]
    rows = pq.read_table(kept / "asked" / "seed4.parquet").to_pylist()
    assert len(rows) == 24
    assert set(rows[0]["candidates"][0]) == {"start", "end", "score"}
    assert (
        record_of(kept / "taught" / "seed5.json.gz")["made_by"]["words"][-1]
        == "trainer.teacher=KEPT/asked/seed4.parquet"
    )
    shutil.rmtree(made)
    (kept / "taught" / "seed5.json.gz").unlink()
    assert start(*final) == ["taught seed5"]
    (kept / "asked" / "seed4.parquet").unlink()
    (kept / "taught" / "seed5.json.gz").unlink()
    assert start(*final) == ["asked seed4", "taught seed5"]


def test_a_record_says_what_its_run_does_and_counts_for_it_alone(
    tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(host.build("dataset", "facts", {"questions": 30}).load(), tmp_path / "train.json")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    monkeypatch.setattr(sys, "executable", forked_python())
    monkeypatch.setattr(quality_processes, "_end_with_parent", None)
    one = Configuration("plain", "as it is")
    part = Part("fold0", tmp_path / "train.json", tmp_path / "train.json", 0)
    records = Records(Common(tmp_path / "recipe.yaml", tmp_path / "out", kept=tmp_path / "kept"))
    assert not records.keep(one, part)
    make_quality.make(one, part, records)
    made, run = records.get(one, part), load_run(tmp_path / "out" / "plain" / "fold0")
    assert made is not None
    assert made.evaluation.metrics == pytest.approx(run.evaluation.metrics, abs=1e-3)
    assert made.machine == processor()
    assert records.get(replace(one, settings=["trainer.epochs=9"]), part) is None
    assert records.get(one, replace(part, seed=1)) is None
    assert replace(records, common=replace(records.common, limit=3)).get(one, part) is None
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("max_steps: 2", "max_steps: 3"))
    assert records.get(one, part) is None


@needs_shared_data
def test_the_page_is_what_the_records_say(tmp_path: Path) -> None:
    page = ROOT / "docs" / "results" / "quality.md"
    shutil.copytree(page.with_suffix(""), tmp_path / "quality")
    call_of = re.search(r"`python tools/make_quality.py OUT (.*)`", page.read_text("utf-8"))
    assert call_of is not None
    data = {f"{name}.json.gz": str(SHARED / "squad2-mini" / f"{name}.json.gz") for name in ("train", "dev")}
    words = [data.get(word, word) for word in shlex.split(call_of[1])]
    make_quality.main([str(tmp_path / "out"), *words, "--page", str(tmp_path / "quality.md"), "--page-only"])
    texts = [re.sub(r"Made on [\d-]+ by", "", place.read_text("utf-8")) for place in (page, tmp_path / "quality.md")]
    assert texts[0] == texts[1], f"run: python tools/make_quality.py OUT {call_of[1]} --page-only"


def test_the_cost_in_all_has_each_run_that_one_needs_once(tmp_path: Path) -> None:
    part = Part("seed0", tmp_path, tmp_path, 0)
    first = Configuration("first", "a stage")
    second = Configuration("second", "goes on", settings=["backbone.model={runs}/first/{part}/model"])
    teachers = "trainer.teacher=[{told}/first/{part}.parquet, {runs}/second/{part}]"
    every = {one.name: one for one in (first, second, Configuration("last", "learns from both", settings=[teachers]))}
    seconds = {"first": 60.0, "second": 5.0, "last": 30.0}

    def costs(*known: str) -> dict[str, dict[str, float]]:
        runs = {name: {"seed0": SimpleNamespace(seconds=seconds[name])} if name in known else {} for name in every}
        return quality_page.costs_of(runs, every, [part])

    assert costs("first", "second", "last") == {"first": {"seed0": 60}, "second": {"seed0": 65}, "last": {"seed0": 95}}
    assert np.isnan(costs("second")["second"]["seed0"]), "of the first stage there is no record"
    every["last"] = replace(every["last"], settings=["trainer.teacher={told}/first/seed7.parquet"])
    assert np.isnan(costs("first", "last")["last"]["seed0"]), "a seed that this call does not name"


def record_of(path: Path) -> Any:
    return json.loads(gzip.decompress(path.read_bytes()))


def test_two_processes_share_the_runs_and_the_page(tmp_path: Path, host: PluginHost) -> None:
    save(host.build("dataset", "facts", {"questions": 24, "long": 0.0}).load(), tmp_path / "train.json")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "table.yaml").write_text("recipe: recipe.yaml\n" + TABLE)
    words = ["make_quality", tmp_path / "out", "--train", tmp_path / "train.json", "--folds", 2]
    words += ["--recipe", tmp_path / "recipe.yaml", "--table", tmp_path / "table.yaml", "--page", tmp_path / "page.md"]
    words += ["--only", "plain", "--processes", 2]
    done = call(*words, paths=[ROOT / "tools"], FORKED_PYTHON=forked_python())
    assert done.returncode == 0, done.stderr
    said = [line.partition(":")[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert sorted(said) == ["plain fold0", "plain fold1"], "each by one of them"
    assert "| `plain` | 2 |" in (tmp_path / "page.md").read_text("utf-8")


def test_a_run_that_another_process_makes_is_left_to_it(tmp_path: Path) -> None:
    with (
        quality_processes.alone(tmp_path / "a" / "fold0") as alone,
        quality_processes.alone(tmp_path / "a" / "fold0") as both,
    ):
        assert (alone, both) == (True, False)


def test_a_name_that_is_not_there_is_said(tmp_path: Path) -> None:
    words = ["out", "--train", "t.json", "--only", "gone"]
    with pytest.raises(SystemExit, match="has no configuration 'gone'; it has plain, "):
        make_quality.main(words)
    with pytest.raises(SystemExit, match="--final, --curve and --back need --dev"):
        make_quality.main(["out", "--train", "t.json", "--final", "plain"])
