"""The script that tries ways to better answers: it makes what is missing, lists what failed, and writes a page."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

import make_quality  # of tools/
from commands import forked_python
from qatk import load_run
from qatk.data import save
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import load_recipe
from repository import ROOT

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
configurations:
  plain: {what: as it is}
  bent: {what: cannot be, set: [trainer.epochs=none]}
  taught:
    what: learns from the first
    augment: {cloze: 0.5}
    questions: 8
    set: [trainer.use=distil, "trainer.teacher={runs}/plain/{part}"]
"""


def test_every_configuration_is_a_recipe(host: PluginHost, tmp_path: Path) -> None:
    table = yaml.safe_load((ROOT / "tools" / "quality.yaml").read_text("utf-8"))
    part = make_quality.Part("fold0", tmp_path / "train.json", tmp_path / "dev.json", 0)
    before: set[str] = set()
    for name, given in table["configurations"].items():
        assert given.keys() <= {"what", "set", "augment", "questions"}
        one = make_quality.Configuration.of(name, given)
        words = one.command(ROOT / table["recipe"], part, Path("runs"), None)
        settings = [words[k + 1] for k, word in enumerate(words) if word == "--set"]
        load_recipe(words[1], host, settings)
        used = set(re.findall(r"\{runs\}/([\w-]+)/", " ".join(one.settings)))
        assert used <= before, "runs of others come first"
        before.add(name)
    assert len(before) > 15


def test_what_is_missing_is_made_and_all_of_it_is_listed(
    tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(host.build("dataset", "facts", {"questions": 24, "long": 0.0}).load(), tmp_path / "train.json")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "table.yaml").write_text("recipe: recipe.yaml\n" + TABLE)
    monkeypatch.setattr(sys, "executable", forked_python())
    words = [tmp_path / "out", "--train", tmp_path / "train.json", "--folds", 2]
    words += ["--recipe", tmp_path / "recipe.yaml", "--table", tmp_path / "table.yaml", "--page", tmp_path / "page.md"]
    make_quality.main([str(word) for word in words])
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if not line.startswith(" ")] == [
        f"{name} fold{k}" for name in ("plain", "bent", "taught") for k in (0, 1)
    ]
    page = (tmp_path / "page.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    assert rows["bent"].startswith("0 | --set trainer.epochs=none: epochs: should be a number")
    assert rows["taught"].startswith("2 | ")
    assert re.search(r"\| [+-]\d+\.\d\d \| [+-]\d+\.\d\d to [+-]\d+\.\d\d \| 0\.\d", rows["taught"])
    assert "`augment {cloze: 0.5}`, `8 questions`" in page
    assert load_run(tmp_path / "out" / "taught" / "fold0").manifest["data"]["train"]["questions"] == 12
    made = tmp_path / "out"  # one run of each moves, as if it were that of a chosen configuration
    for name in ("plain", "taught"):
        (made / name / "fold1").rename(made / name / "seed4")
    final = ["--only", "bent", "--final", "plain,taught", "--dev", tmp_path / "train.json", "--seeds", 4]
    make_quality.main([str(word) for word in [*words, *final]])
    assert "plain" not in capsys.readouterr().out, "what is there is not made again"
    assert (
        len(re.findall(r"^\| `(plain|taught)` \| 1 \|", (tmp_path / "page.md").read_text("utf-8"), re.MULTILINE)) == 2
    )


def test_a_name_that_is_not_there_is_said(tmp_path: Path) -> None:
    words = ["out", "--train", "t.json", "--only", "gone"]
    with pytest.raises(SystemExit, match="has no configuration 'gone'; it has plain, "):
        make_quality.main(words)
    with pytest.raises(SystemExit, match="--final needs --dev"):
        make_quality.main(["out", "--train", "t.json", "--final", "plain"])
