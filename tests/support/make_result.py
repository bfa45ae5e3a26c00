"""A small finished run made by hand, for tests of reports: every kind of win and loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.api import Examples, NBest, Predictions, RunResult, TrainEvent
from qatk.evaluation.metrics import judge
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric, LiveSlicer
from qatk.results.run import StageTime

MILL = (
    "The mill of Arlen was built in 1843 by Ada Lovelace and Charles Babbage. It stands on the river Orr. "
    "The guild of bakers bought it, lost it in a game of cards and bought it again. "
)
BELL = (
    "The bell [bold]of[/bold] Borsk \x1b[31mwas cast in 1901 by Emil Weiss. "
    + "It rings at noon. " * 30
    + "It fell in 1950."
)


@dataclass(frozen=True)
class Case:
    """A question, its gold answers, what was said, and the scores; ``passed`` is the best span of an abstention."""

    question: str
    gold: tuple[str, ...]
    said: str
    score: float
    null: float
    context: str = MILL
    passed: str = ""


CASES = (
    Case("When was the mill of Arlen built?", ("1843", "in 1843"), "1843", 5.0, 1.0),
    Case("Why was the mill of Arlen built?", (), "", 1.0, 2.25, passed="Ada Lovelace"),
    Case("Who built the mill?", ("Ada Lovelace",), "Ada Lovelace and Charles Babbage", 4.0, 1.0),
    Case("Who helped to build the mill?", ("Charles Babbage",), "Arlen", 3.0, -2.0),
    Case("On which river does the mill stand?", ("Orr",), "", 1.0, 3.0, passed="Orr"),
    Case("How many doors has the mill?", (), "1843", 9.0, 0.5),
    Case("When did [red]the bell[/red] fall?", ("1950",), "1901", 6.0, 0.0, context=BELL),
)
"""Right answer, right to abstain, boundary, wrong span, false abstention, false answer, wrong span far from gold."""


def make_result(host: PluginHost, cases: tuple[Case, ...] = CASES, *, odds: bool = True, epochs: int = 2) -> RunResult:
    """The run, judged by the built-in metric and slicers; without ``odds`` its scores are NaN."""
    examples, predictions = _examples(cases), _predictions(cases, odds)
    metric = host.live(LiveMetric, "metric", "squad")
    slicers = [host.live(LiveSlicer, "slicer", name) for name in ("question-word", "answer-length")]
    evaluation = judge(examples, predictions, [metric], slicers)
    manifest = {"peak_memory_bytes": 3 * 2**29, "best": {"metric": "f1", "value": 40.0 + epochs}}
    return RunResult("arlen", None, manifest, evaluation, _events(epochs), _stages(len(cases)))


def _examples(cases: tuple[Case, ...]) -> Examples:
    contexts = list(dict.fromkeys(case.context for case in cases))
    answers = [(case.context.index(text), text) for case in cases for text in case.gold]
    return Examples(
        id=[f"arlen-{i}" for i in range(len(cases))],
        question=[case.question for case in cases],
        title=["Arlen"] * len(cases),
        context=contexts,
        context_index=np.array([contexts.index(case.context) for case in cases], np.int32),
        answer_offsets=np.cumsum([0, *(len(case.gold) for case in cases)]).astype(np.int64),
        answer_text=[text for _, text in answers],
        answer_start=np.array([start for start, _ in answers], np.int32),
    )


def _predictions(cases: tuple[Case, ...], odds: bool) -> Predictions:
    start, end = _spans([(case.context, case.said) for case in cases])
    score = np.array([case.score if odds else np.nan for case in cases], np.float32)
    null = np.array([case.null if odds else np.nan for case in cases], np.float32)
    nbest = _nbest(cases, score) if odds else None
    return Predictions([case.said for case in cases], start, end, score, null, nbest)


def _nbest(cases: tuple[Case, ...], score: np.ndarray) -> NBest:
    best = [(case.context, case.said or case.passed) for case in cases]
    start, end = _spans(best)
    texts = [text for _, text in best]
    return NBest(np.arange(len(cases) + 1, dtype=np.int64), texts, start, end, score, np.ones_like(score))


def _spans(texts: list[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    start = np.array([context.index(text) if text else -1 for context, text in texts], np.int32)
    lengths = np.array([len(text) for _, text in texts], np.int32)
    return start, np.where(start < 0, -1, start + lengths).astype(np.int32)


def _events(epochs: int) -> list[TrainEvent]:
    events = []
    for epoch in range(1, epochs + 1):
        steps = range(10 * epoch - 9, 10 * epoch + 1)
        events += [TrainEvent("step", s, 10 * epochs, s / 10, 4 / s, 1e-4, 12.0) for s in steps]
        dev = {"dev_loss": 2 / epoch, "start_accuracy": 0.5, "end_accuracy": 0.25, "both_accuracy": 0.125}
        dev |= {"exact": 30.0 + epoch, "f1": 40.0 + epoch}
        events.append(TrainEvent("epoch", 10 * epoch, 10 * epochs, float(epoch), 0.5, 0.0, 11.0, dev))
    return events


def _stages(questions: int) -> list[StageTime]:
    data = {"train": {"questions": 130319, "contexts": 19029}, "dev": {"questions": questions, "contexts": 2}}
    windows = {
        "train": {"windows": 131754, "tokens": 20123456},
        "dev": {"windows": questions, "tokens": 77, "questions_cut": 2},
    }
    return [
        StageTime("data", 0.5, skipped=True, groups=data),
        StageTime("features", 2.25, groups=windows),
        StageTime("train", 7412.5, {"steps": 20, "windows_per_second": 1234.5}),
    ]
