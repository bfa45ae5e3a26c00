"""The pages for authors, followed from top to bottom in an empty folder, as somebody new would."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from commands import PYTEST, call, forked_python
from repository import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = (
    "tutorials/write-a-decoder",
    "tutorials/write-a-head",
    "tutorials/test-and-publish",
    "how-to/customise-training",
)


def blocks(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / "docs" / f"{page}.md").read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_followed(page: str, tmp_path: Path) -> None:
    commands = 0
    for language, text in blocks(page):
        if language in ("python", "yaml"):
            name = text.splitlines()[0].removeprefix("# ")
            assert re.fullmatch(r"[\w./-]+\.(py|yaml)", name), name
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text.split("\n", 1)[1])
        elif language == "sh":
            lines = text.splitlines()
            expected = "\n".join(line for line in lines if not line.startswith("$ "))
            for command in (line[2:] for line in lines if line.startswith("$ ")):
                said = follow(command, tmp_path)
                assert expected in said
                if " compare " in command:
                    assert re.search(r"^ *\w+ is (better|worse) than ", said, re.MULTILINE), "a difference is resolved"
                commands += 1
    assert commands >= 3


def follow(command: str, folder: Path) -> str:
    """Run a command of a page; what pip installs goes into a folder of its own."""
    words = shlex.split(command)
    site = folder / "site"
    if words[:3] == ["pip", "install", "-e"]:
        options = ["-q", "--no-deps", "--no-build-isolation", "--no-index", "--upgrade", "--target", str(site)]
        words = ["pip", "install", *options, words[-1]]
    paths = [*folder.glob("qatk-*"), site]  # the sources go before: they may be edited
    if "run" in words:
        at = words.index("run")
        words[at : at + 1] = ["recipe", "check"]  # the comparison that follows makes the same run
    if words[0] == "pytest":
        words[:1] = PYTEST
    forks = {"compare": {"FORKED_PYTHON": forked_python()}, "doctor": {"FORKED_PYTHON": forked_python("light")}}
    done = call(*words, cwd=folder, paths=paths, **next((forks[word] for word in words if word in forks), {}))
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("page", "name", "file"),
    [
        ("tutorials/write-a-decoder", "short.py", "qatk-short-decoder/qatk_short_decoder.py"),
        ("tutorials/write-a-head", "qatk-mlp/qatk_mlp/__init__.py", "qatk-mlp-head/qatk_mlp/__init__.py"),
        ("tutorials/write-a-head", "qatk-mlp/qatk_mlp/head.py", "qatk-mlp-head/qatk_mlp/head.py"),
        (
            "how-to/customise-training",
            "qatk-averaged/qatk_averaged/__init__.py",
            "qatk-averaged-trainer/qatk_averaged/__init__.py",
        ),
        (
            "how-to/customise-training",
            "qatk-averaged/qatk_averaged/trainer.py",
            "qatk-averaged-trainer/qatk_averaged/trainer.py",
        ),
    ],
)
def test_the_code_of_a_page_is_that_of_the_example(page: str, name: str, file: str) -> None:
    shown = next(text for _, text in blocks(page) if text.startswith(f"# {name}\n"))
    assert shown.split("\n", 1)[1] == (ROOT / "examples" / "plugins" / file).read_text("utf-8")
