"""A few judged questions, and a small finished run, for the checks of metrics, slicers, reporters and trackers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from qatk.evaluation.metrics import judge
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric, LiveSlicer
from qatk.recipes.recipe import parse_recipe
from qatk.results.run import RunResult, StageTime
from qatk.testing.inputs.decoding import examples_of
from qatk.types import Examples, NBest, Predictions, TrainEvent

_MILL = "The mill of Arlen was built in 1843 by Ada Lovelace, and sold in 1901. " * 3
_SHOUT = "Naïve [bold]cafés[/bold] \x1b[31mof 東京都 ask: why? Because <b>&</b> | so."
_ASKED: tuple[tuple[str, str, list[str], str], ...] = (
    ("When was the mill built?", _MILL, ["1843", "in 1843"], "1843"),
    ("Why was the mill built?", _MILL, [], ""),
    ("Who built the mill?", _MILL, ["Ada Lovelace"], "by Ada"),
    ("Which guild of all that stand in the old books of Arlen sold it?", _MILL, [], "Arlen"),
    ("When was it sold?", _MILL, ["1901"], ""),
    ("What do [red]cafés[/red] | ask?", _SHOUT, ["why"], "why"),
    ("", _SHOUT, ["東京都"], "京"),
)


def questions() -> Examples:
    """Seven questions with gold: answerable and not, several answers, other scripts, markup, an empty question."""
    bare = examples_of([context for _, context, _, _ in _ASKED], [gold for _, _, gold, _ in _ASKED])
    levels = ["easy", "hard", "easy", "", "hard", "easy", ""]
    asked = [question for question, _, _, _ in _ASKED]
    return replace(bare, question=asked, title=["Mill"] * 5 + ["", ""], columns={"level": levels})


def answers_to(examples: Examples, texts: list[str] | None = None) -> Predictions:
    """Predictions of these texts (right ones, wrong ones and none, where not given), with an n-best of one span."""
    said = texts if texts is not None else [text for _, _, _, text in _ASKED]
    start = np.array([examples.context_of(k).find(t) if t else -1 for k, t in enumerate(said)], np.int32)
    end = np.where(start < 0, -1, start + [len(t) for t in said]).astype(np.int32)
    score = np.linspace(1, 5, len(said)).astype(np.float32)
    null = np.where([t != "" for t in said], score - 1, score + 1).astype(np.float32)
    first = np.maximum(start, 0)
    last = np.where(start < 0, 3, end).astype(np.int32)
    spans = [examples.context_of(k)[a:b] for k, (a, b) in enumerate(zip(first, last, strict=True))]
    nbest = NBest(np.arange(len(said) + 1, dtype=np.int64), spans, first, last, score, np.full_like(score, 0.5))
    return Predictions(said, start, end, score, null, nbest)


def events() -> list[TrainEvent]:
    """Two epochs of two steps; the last with figures that are not numbers."""
    found = []
    for step in range(1, 5):
        found.append(TrainEvent("step", step, 4, step / 2, 4.0 / step, 1e-3, 12.0))
        if step % 2 == 0:
            metrics = {"dev_loss": 2.0 / step, "exact": 40.0 + step, "f1": float("nan") if step == 4 else 50.0}
            found.append(TrainEvent("epoch", step, 4, step / 2, 3.0 / step, 1e-3, 11.0, metrics))
    return found


def manifest(host: PluginHost) -> dict[str, object]:
    """What a tracker is told at the start."""
    text = "qatk: 1\nbackbone: {use: tiny}\ndata: {train: {use: facts}, dev: {use: facts, seed: 1}}\n"
    recipe = parse_recipe(text, "sample", host).filled()
    return {"name": "sample", "recipe": recipe, "components": [], "machine": {"cores": 2}, "stages": {}}


def result(host: PluginHost, folder: Path | None = None, *, trained: bool = True) -> RunResult:
    """A finished run, judged by the ``squad`` metric; without training it has no events."""
    examples = questions()
    names = ("question-word", "answerable")
    slicers = [host.live(LiveSlicer, "slicer", name) for name in names]
    evaluation = judge(examples, answers_to(examples), [host.live(LiveMetric, "metric", "squad")], slicers)
    stages = [StageTime("data", 0.5, {"dev_questions": len(examples)}), StageTime("score", 0.25)]
    return RunResult("sample", folder, manifest(host), evaluation, events() if trained else [], stages)
