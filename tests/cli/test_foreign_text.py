"""Foreign texts on their way to the terminal: shown with escapes, and never as a line of qatk's own."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from qatk.cli import main
from small import squad, write_recipe

EVIL = "\x1b[2J\x1b]0;title\x07\x9b1m\u202e\nerror: all is well\nwarning: all is well"
PLUGIN = (
    f"EVIL = {EVIL!r}"
    + '''
import os
import warnings

import numpy as np

from qatk.api import Component, DataWarning, NoOptions, hookimpl
from qatk_builtin.datasets import SquadOptions
from qatk_builtin.datasets.squad import SquadDataset
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.min_null import MinNullDecoder

PLACE = os.environ.get("EVIL_PLACE", "")


def here(place):
    if place == PLACE:
        raise ValueError(EVIL)


class Data(SquadDataset):
    """Questions, with a warning."""

    def load(self):
        here("dataset")
        warnings.warn(DataWarning(f"3 questions: {EVIL}"))
        return super().load()


class Decoder(MinNullDecoder):
    """As min-null."""

    def decode(self, examples, features, scores):
        here("decoder")
        return super().decode(examples, features, scores)


class Plain:
    """Has no options."""

    def __init__(self, options):
        pass


class Metric(Plain):
    """A figure with a name that no terminal should see."""

    def score(self, examples, predictions):
        here("metric")
        return {EVIL: np.zeros(len(examples))}


class Slicer(Plain):
    """Groups with such names."""

    def masks(self, examples):
        here("slicer")
        return {EVIL: np.arange(len(examples)) % 2 == 0, "other": np.arange(len(examples)) % 2 == 1}


class Reporter(Plain):
    """Reports nothing."""

    def report(self, result, out_dir, console):
        here("reporter")
        console.print(EVIL.replace(chr(10), " "), markup=False)  # lines of its own are its right


class Tracker(Plain):
    """Fails."""

    def start(self, manifest, out_dir):
        here("tracker")

    def event(self, event):
        here("event")

    def finish(self, result):
        here("finish")


def component(cls, options=NoOptions):
    return [Component("evil", cls, options, f"is called {EVIL}")]


@hookimpl
def qatk_datasets():
    return component(Data, SquadOptions)


@hookimpl
def qatk_decoders():
    return component(Decoder, MinNullOptions)


@hookimpl
def qatk_metrics():
    return component(Metric)


@hookimpl
def qatk_slicers():
    return component(Slicer)


@hookimpl
def qatk_reporters():
    return component(Reporter)


@hookimpl
def qatk_trackers():
    return component(Tracker)
'''
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe whose every part is the plugin's, and whose data has such ids, titles, questions and contexts."""
    recipe = write_recipe(tmp_path, train=24, dev=16, max_steps=1)
    for name in ("train", "dev"):
        data = squad(24 if name == "train" else 16, 1 if name == "train" else 2)
        for article in data["data"]:
            article["title"] += EVIL
            for paragraph in article["paragraphs"]:
                paragraph["context"] += EVIL
                for question in paragraph["qas"]:
                    question["id"] += EVIL
                    question["question"] += EVIL
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    content = json.loads(recipe.read_text())
    for part in content["data"].values():
        part["use"] = "evil"
    evil = {"use": "evil"}
    content |= {"decoder": evil, "metrics": [{"use": "squad"}, evil], "slicers": [evil, {"use": "article"}]}
    content |= {"reporters": [{"use": "console"}, evil], "trackers": [evil, {"use": "jsonl"}]}
    recipe.write_text(json.dumps(content))
    (tmp_path / "evil.py").write_text(PLUGIN, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def said(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """The exit code of a command, and all that it wrote; none of it may drive a terminal, or look as qatk's own."""
    monkeypatch.setattr(sys, "argv", ["qatk", "--plugin", "evil.py", *shlex.split(command)])
    with pytest.raises(SystemExit) as ended:
        main()
    text = "".join(capsys.readouterr())
    assert re.fullmatch(r"[\n -\x7e\xa0-\u2027\u202f-\U0010ffff]*", text), "control characters"
    assert not re.search(r"^(error|warning): all is well", text, re.MULTILINE)
    return ended.value.code, text


@pytest.mark.parametrize("place", ["dataset", "decoder", "metric", "slicer", "reporter"])
def test_what_a_component_raises(
    place: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVIL_PLACE", place)
    code, text = said("run recipe.yaml", monkeypatch, capsys)
    assert code == 1
    assert re.search(rf"error: .*{place} 'evil' of plugin evil .*\\x1b\[2J\\x1b\]0;title\\x07", text)


def test_what_a_tracker_raises_as_it_starts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVIL_PLACE", "tracker")
    code, text = said("run recipe.yaml", monkeypatch, capsys)
    assert code == 2
    assert re.search(r"error: tracker 'evil' of plugin evil .* cannot start: ValueError\('\\+x1b\[2J", text)


@pytest.mark.parametrize("place", ["event", "finish"])
def test_what_a_tracker_raises_is_a_warning(
    place: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVIL_PLACE", place)
    code, text = said("run recipe.yaml", monkeypatch, capsys)
    assert not code
    assert re.search(r"warning: tracker 'evil' of plugin evil .* is switched off: ValueError\('\\+x1b\[2J", text)


def test_what_data_and_figures_are_called(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = said("run recipe.yaml --out runs/a", monkeypatch, capsys)
    assert not code
    assert "warning: 3 questions: \\x1b[2J" in text
    (folder / "runs" / "a").rename(folder / "runs" / f"b{EVIL}")
    evil = shlex.quote(f"runs/b{EVIL}")
    for command in (
        f"report {evil} --out .",
        f"compare {evil} {evil}",
        "data show dev.json --use evil",
        "plugins list",
        "plugins show evil",
        "plugins doctor",
        "plugins check evil --kind slicer",
        f"data show dev.json --id {shlex.quote('2-0' + EVIL)}",
    ):
        code, text = said(command, monkeypatch, capsys)
        assert code in (0, 1, None), text
        assert "all is well" in text or command == "plugins doctor"
