"""The Python blocks of the pages run as they stand."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from commands import call, forked_python
from qatk.cli import app
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import parse_recipe
from repository import ROOT
from small import squad

FOLLOWED = {
    "tutorials/write-a-decoder",
    "tutorials/write-a-head",
    "tutorials/test-and-publish",
    "how-to/customise-training",
    "how-to/serve",
    "how-to/evidence",
}
"""Pages that are followed elsewhere: ``tests/house/test_author_docs.py`` and ``tests/server/test_docs.py``."""
SIGNATURE = re.compile(r"def \w+\([^\n]*\n")
"""A block of the reference that shows a method, and is no statement."""


def blocks() -> list[Any]:
    """The Python blocks of all pages but those."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        page = path.relative_to(ROOT if path.parent == ROOT else ROOT / "docs").with_suffix("")
        for number, text in enumerate(re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S)):
            if str(page) not in FOLLOWED and not SIGNATURE.fullmatch(text):
                found.append(pytest.param(text, id=f"{page}-{number}"))
    return found


BLOCKS = blocks()


def test_blocks_are_found_in_many_pages() -> None:
    pages = {block.id.rpartition("-")[0] for block in BLOCKS}
    assert pages >= {
        "README",
        "how-to/answer-questions",
        "how-to/compare",
        "how-to/from-transformers",
        "reference/page",
    }


@pytest.mark.parametrize("block", BLOCKS)
def test_the_block_runs(block: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(run)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "block.py").write_text(block)
    done = call("block", cwd=tmp_path, FORKED_PYTHON=forked_python())
    assert done.returncode == 0, done.stderr


def test_the_keys_in_the_place_of_flags_are_a_recipe(host: PluginHost) -> None:
    """Of the page "Coming from transformers", row after row: each adds its keys to those of the rows before it."""
    page = (ROOT / "docs/how-to/from-transformers.md").read_text("utf-8")
    recipe: dict[str, Any] = {"qatk": 1}
    for row in page.partition("run_qa.py`")[2].splitlines():
        for span in re.findall(r"`(\w+: [^`]+)`", row):
            for key, value in yaml.safe_load(span).items():
                recipe[key] = {**recipe.get(key, {}), **value} if isinstance(value, dict) else value
        if "data" in recipe:
            assert set(recipe) <= set(parse_recipe(yaml.safe_dump(recipe), "the page", host).filled())
    assert {"backbone", "data", "featurizer", "decoder", "trainer", "trackers", "keep_best"} <= set(recipe)
    assert set(recipe["data"]) == {"train", "dev", "test"}


def test_a_csv_becomes_a_model_that_answers(tmp_path: Path) -> None:
    """The page "Your data", command by command, with the tiny backbone in place of one of the hub."""
    page = (ROOT / "docs" / "how-to" / "your-data.md").read_text("utf-8")
    shown = re.search(r"^```text\n(question,context,answers\n.*?)^```$", page, re.M | re.S)
    assert shown is not None
    (tmp_path / "questions.csv").write_text(shown[1])
    rows = [
        (qa["question"], paragraph["context"], qa["answers"][0]["text"] if qa["answers"] else "")
        for paragraph in squad(100, 3)["data"][0]["paragraphs"]
        for qa in paragraph["qas"]
    ]
    with (tmp_path / "new-questions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("question", "context", "answers"), *rows])
    text = (tmp_path / "questions.csv").read_text()
    (tmp_path / "others.csv").write_text(text.replace("question,context,answers", "q,passage,reply", 1))
    recipe = re.search(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    assert recipe is not None
    (tmp_path / "recipe.yaml").write_text(recipe[1])
    told = [line[2:] for line in re.findall(r"^\$ .*$", page, re.M)]
    commands = [command for command in told if re.search(r"questions\.csv|recipe", command)]
    tiny = [
        "backbone={use: tiny, layers: 1, hidden_size: 32, max_length: 64}",
        "featurizer={use: stride, max_length: 64}",
    ]
    for command in commands:
        words = shlex.split(command)
        if words[1] == "run":
            words += [word for setting in (*tiny, "featurizer.doc_stride=8") for word in ("--set", setting)]
        if "roles=" in command:
            words = [word.replace("questions.csv", "others.csv").replace("parts", "named") for word in words]
        done = call(*words, cwd=tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len(commands) == 7
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 100
    train, dev = ((tmp_path / "parts" / f"{part}.csv").read_text().count("\n") - 1 for part in ("train", "dev"))
    assert (train + dev, train > dev > 0) == (10, True)


def test_data_are_converted_split_and_sampled_as_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "your-data.md").read_text("utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    commands = re.findall(r"^\$ (qatk data (?:convert|split|sample) (?!questions\.csv).*)$", page, re.M)
    for command in commands:
        done = call(*shlex.split(command), cwd=tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len(commands) == 4


def test_a_model_is_exported_and_compared_as_the_page_says(run: Path, tmp_path: Path) -> None:
    """What is about one export runs; of the other commands the words are read: tests of exports run their like."""
    page = (ROOT / "docs" / "how-to" / "export.md").read_text("utf-8")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(run)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "static").symlink_to("quickstart")
    for file in ("dev.json", "questions.json"):
        (tmp_path / file).write_text((run.parent / "dev.json").read_text())
    commands = [shlex.split(command)[1:] for command in re.findall(r"^\$ (.*)$", page, re.M)]
    ran = 0
    for name, *words in commands:
        known = get_command(app).commands[name]  # type: ignore[attr-defined]
        known.make_context(name, list(words), parent=None, resilient_parsing=False)
        if {"exports/quickstart", "dev.jsonl"} & {*words}:
            done = call("qatk", name, *words, cwd=tmp_path, FORKED_PYTHON=forked_python())
            assert done.returncode == 0, f"{name} {words}\n{done.stderr}"
            ran += 1
    fitted = ["predict", "calibrate", "predict"]
    assert [name for name, *_ in commands] == ["export", "export", *fitted, "compare", "predict", "compare", "bench"]
    assert ran == 5
