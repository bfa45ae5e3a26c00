"""The Python blocks of the pages on answering run as they stand."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest

from commands import call
from repository import ROOT
from small import squad

PAGES = ["answer-questions.md", "from-transformers.md"]
BLOCKS = [
    pytest.param(text, id=f"{page}-{number}")
    for page in PAGES
    for number, text in enumerate(
        re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "how-to" / page).read_text("utf-8"), re.M | re.S)
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_block_runs(block: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(run)
    (tmp_path / "block.py").write_text(block)
    done = call("block", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_csv_becomes_a_model_that_answers(tmp_path: Path) -> None:
    """The page "Your data", command by command, with the tiny backbone in place of one of the hub."""
    page = (ROOT / "docs" / "how-to" / "your-data.md").read_text("utf-8")
    for name, seed in (("train", 1), ("dev", 2), ("new-questions", 3)):
        rows = [
            (qa["question"], paragraph["context"], qa["answers"][0]["text"] if qa["answers"] else "")
            for paragraph in squad(80, seed)["data"][0]["paragraphs"]
            for qa in paragraph["qas"]
        ]
        header = ("q", "passage", "reply") if name == "train" else ("question", "context", "answers")
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    recipe = re.search(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    assert recipe is not None
    (tmp_path / "recipe.yaml").write_text(recipe[1])
    commands = [line[2:] for line in re.findall(r"^\$ .*$", page, re.M)]
    tiny = [
        "backbone={use: tiny, layers: 1, hidden_size: 32, max_length: 64}",
        "featurizer={use: stride, max_length: 64}",
    ]
    for command in commands:
        words = shlex.split(command.replace("show train.csv", "show dev.csv"))
        if words[1] == "run":
            words += [word for setting in (*tiny, "featurizer.doc_stride=8") for word in ("--set", setting)]
        done = call(*words, cwd=tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len(commands) == 4
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 80
