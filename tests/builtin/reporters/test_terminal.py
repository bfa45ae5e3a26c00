"""The report in the terminal: what a reader must see, at 80 and at 120 columns, with and without colour."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from live_parts import metrics, slicers
from qatk.api import Examples, Predictions, RunResult, TrainEvent
from qatk.evaluation.error_kinds import KINDS, error_kinds_of
from qatk.evaluation.metrics import judge
from qatk.plugins.host import PluginHost
from qatk.results.run import StageTime
from qatk_builtin.reporters import ConsoleOptions
from qatk_builtin.reporters.console.reporter import ConsoleReporter
from qatk_builtin.reporters.shared.cases import pick_losses, pick_wins

CONTEXT = (
    "The old mill of Arlen was built in 1843 by Ada Lovelace [bold]and[/bold] her friend \x1b[31mCharles Babbage. " * 3
)
CASES = [
    # question, gold, prediction, score, null score
    ("When was the mill built?", "1843", "1843", 5.0, 1.0),
    ("Who built [red]it[/red]?", "Ada Lovelace", "Ada Lovelace [bold]and", 4.0, 1.0),
    ("Who helped?", "Charles Babbage", "Arlen", 3.0, -2.0),
    ("Where is it?", "Arlen", "", 1.0, 3.0),
    ("How many doors has it?", None, "1843", 9.0, 0.0),
    ("Why was it built?", None, "", 0.0, 2.0),
]


def result(host: PluginHost, cases: list[tuple[str, str | None, str, float, float]], *, odds: bool = True) -> RunResult:
    n = len(cases)
    answers = [gold for _, gold, *_ in cases if gold is not None]
    examples = Examples(
        id=[str(i) for i in range(n)],
        question=[case[0] for case in cases],
        title=[""] * n,
        context=[CONTEXT],
        context_index=np.zeros(n, np.int32),
        answer_offsets=np.cumsum([0, *(case[1] is not None for case in cases)]).astype(np.int64),
        answer_text=answers,
        answer_start=np.array([CONTEXT.index(text) for text in answers], np.int32),
    )
    starts = np.array([CONTEXT.index(case[2]) if case[2] else -1 for case in cases], np.int32)
    lengths = np.array([len(case[2]) for case in cases], np.int32)
    null = np.array([case[4] if odds else np.nan for case in cases], np.float32)
    predictions = Predictions(
        text=[case[2] for case in cases],
        char_start=starts,
        char_end=np.where(starts < 0, -1, starts + lengths).astype(np.int32),
        score=np.array([case[3] for case in cases], np.float32),
        null_score=null,
    )
    evaluation = judge(examples, predictions, metrics(host, "squad"), slicers(host, "question-word", "answer-length"))
    steps = [TrainEvent("step", s, 40, s / 20, 5 / s, 1e-4, 12.0) for s in range(1, 41)]
    shown = {
        "dev_loss": 1.5,
        "start_accuracy": 0.5,
        "end_accuracy": 0.25,
        "both_accuracy": 0.125,
        "exact": 33.3,
        "f1": 44.4,
    }
    epoch = TrainEvent("epoch", 40, 40, 2.0, 0.5, 0.0, 11.0, shown)
    groups = {"train": {"questions": 12345}, "dev": {"questions": n, "windows": n, "questions_cut": 2}}
    stages = [
        StageTime("data", 0.5, skipped=True, groups=groups),
        StageTime("train", 61.0, {"windows_per_second": 12.0}),
    ]
    return RunResult("my [b]run[/b]", Path("runs/x"), {"peak_memory_bytes": 2**30}, evaluation, [*steps, epoch], stages)


def rendered(outcome: RunResult, width: int, *, colour: bool = False, **options: int) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    ConsoleReporter(ConsoleOptions(**options)).report(outcome, Path("runs/x"), console)
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_what_a_reader_must_see(host: PluginHost, width: int) -> None:
    text = rendered(result(host, CASES), width)
    assert max(map(len, text.splitlines())) <= width
    for needed in (
        "all questions",
        "33.3",
        "with an answer",
        "without",
        "A system that never answers scores 33.3.",
        "do not report it",
        "12,345 questions",
        "questions truncated to max_question_length: 2 in dev",
        "data skipped",
        "train 61.0 s (12 windows/s)",
        "1.1 GB (peak)",
        "loss start end both",
        "44.4",
        "question word: who",
        "answer length: no answer",
        "Right and wrong",
        "Wins: 2 of 2",
        "Losses: 4 of 4",
        "«1843»",
        "[Charles Babbage]",
        "null odds -5.0",
        "my [b]run[/b]",
        "Who built [red]it[/red]?",
    ):
        assert needed in " ".join(text.split()), needed
    assert "\x1b" not in text
    assert "..." not in text


def test_colour_adds_nothing_but_colour(host: PluginHost) -> None:
    import re

    outcome = result(host, CASES)
    coloured = rendered(outcome, 100, colour=True)
    assert "\x1b[" in coloured
    assert "[31m" not in re.sub(r"\x1b\[[0-9;]*m", "", coloured).replace("␛[31m", "")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == rendered(outcome, 100)


def test_kinds(host: PluginHost) -> None:
    kinds = [KINDS[code] for code in error_kinds_of(result(host, CASES).evaluation)]
    own = ["right answer", "too long", "wrong span, right kind", "false abstention", "false answer", "right to abstain"]
    assert kinds == own


def test_losses_come_most_confident_first_and_every_kind_in_turn(host: PluginHost) -> None:
    more = [*CASES, ("Again, how many?", None, "1843", 99.0, 0.0)]
    evaluation = result(host, more).evaluation
    assert pick_losses(evaluation, 10) == [6, 3, 1, 2, 4]
    assert pick_losses(evaluation, 2) == [6, 3]
    assert pick_wins(evaluation, 10) == [0, 5]


def test_wins_are_narrow_by_the_threshold_in_use(host: PluginHost) -> None:
    """Answered up to odds of 4.9, not from 5.5 on: the threshold is in between."""
    odds = {"1843": (0.1, 4.9, -3.0), "": (5.5, 9.0)}
    cases = [("When?", text or None, text, 0.0, at) for text, those in odds.items() for at in those]
    assert pick_wins(result(host, cases).evaluation, 3) == [1, 3, 0]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_a_single_question(host: PluginHost, case: int) -> None:
    text = rendered(result(host, [CASES[case]]), 80)
    assert ("Wins: none" in text) != ("Losses: none" in text)


def test_predictions_without_odds(host: PluginHost) -> None:
    text = rendered(result(host, CASES, odds=False), 80)
    assert "null odds" not in text
    assert "nan" not in text


def test_no_training_no_cases_no_stages(host: PluginHost) -> None:
    bare = replace(result(host, CASES), events=(), stages=(), manifest={})
    text = rendered(bare, 80, wins=0, losses=0)
    assert "Training" not in text
    assert "Wins" not in text
    assert "all questions" in text


def test_metrics_other_than_em_and_f1(host: PluginHost) -> None:
    outcome = result(host, CASES)
    evaluation = replace(outcome.evaluation, metrics={"rouge_rougeL": 0.5}, per_question={})
    text = rendered(replace(outcome, evaluation=evaluation), 80)
    assert "rouge_rougeL 0.500" in " ".join(text.split())
