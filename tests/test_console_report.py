"""The report in the terminal, on a run made by hand: what is shown of which question; odd data."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_result import CASES, Case, make_result
from rich.cells import cell_len
from rich.console import Console

from qatk.api import RunResult, TrainEvent
from qatk.plugins import PluginHost
from qatk.results import SliceRow
from qatk_builtin.reports import ConsoleOptions
from qatk_builtin.reports.cases import kind_of
from qatk_builtin.reports.console import ConsoleReporter
from qatk_builtin.reports.curve import loss_chart
from qatk_builtin.reports.tables import bar

WIDTHS = pytest.mark.parametrize("width", [80, 120])


def report(result: RunResult, width: int = 80, wins: int = 9, losses: int = 9) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width)
    ConsoleReporter(ConsoleOptions(wins=wins, losses=losses)).report(result, None, console)
    text = stream.getvalue()
    assert "\x1b" not in text
    assert max(map(cell_len, text.splitlines())) <= width
    return text


def case_of(text: str, question: str) -> str:
    """The lines of one example, blanks made one."""
    [found] = [block for block in text.replace("\n \n", "\n\n").split("\n\n") if question in " ".join(block.split())]
    return " ".join(found.split())


def blocks(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


@WIDTHS
def test_each_kind_is_shown_with_all_that_belongs_to_it(host: PluginHost, width: int) -> None:
    text = blocks(report(make_result(host), width))
    for case, shown in zip(
        CASES,
        (
            ["right answer EM 1 F1 1.00 score 5.0 null odds -4.00", "gold 1843 | in 1843", "said 1843", "«1843»"],
            ["right to abstain EM 1", "null odds +1.25", "its best span was Ada Lovelace", "{Ada Lovelace}"],
            ["boundary EM 0 F1 0.57", "gold Ada Lovelace said", "«[Ada Lovelace] and Charles Babbage»"],
            ["wrong span EM 0 F1 0.00", "«Arlen»", "[Charles Babbage]"],
            ["false abstention EM 0", "gold Orr", "said (no answer), its best span was Orr", "[Orr]"],
            ["false answer EM 0", "null odds -8.50", "gold (no answer) said 1843", "«1843»"],
            ["wrong span EM 0", "[bold]of[/bold] Borsk ␛[31mwas", "«1901»", "fell in [1950].", "arlen-6"],
        ),
        strict=True,
    ):
        lines = case_of(text, case.question)
        assert [part for part in shown if part not in lines] == [], lines


@WIDTHS
def test_figures_are_whole(host: PluginHost, width: int) -> None:
    text = " ".join(report(make_result(host), width).split())
    for needed in (
        "130,319 questions 19,029 contexts 131,754 windows 20,123,456 tokens",
        "data skipped (0.5 s then)",
        "train 7,412.5 s (1,234 windows/s)",
        "1.50 GiB at its peak",
        "questions cut to max_question_length: 2 in dev",
        "2 20 0.50 1.00 50.0 25.0 12.5 32.0 42.0 kept",
        "loss 4.00 ┤",
        "step 1 ",
        "step 20: 0.20",
        "with an answer HasAns",
        "without NoAns",
        "wrong span 2 · boundary 1 · false abstention 1 · false answer 1",
    ):
        assert needed in text, needed


def test_slices_stand_side_by_side_where_there_is_room(host: PluginHost) -> None:
    def together(width: int) -> bool:
        lines = report(make_result(host), width).splitlines()
        return any("By question word" in line and "By answer length" in line for line in lines)

    assert (together(80), together(120)) == (False, True)


def test_all_right_and_all_wrong(host: PluginHost) -> None:
    right, wrong = report(make_result(host, CASES[:2])), report(make_result(host, CASES[2:]))
    assert "Losses: none" in right
    assert "Wins: 2 of 2" in right
    assert "Wins: none" in wrong
    assert "Losses: 5 of 5" in wrong


@WIDTHS
def test_no_answerable_questions(host: PluginHost, width: int) -> None:
    text = report(make_result(host, (CASES[1], CASES[5])), width)
    assert "HasAns" not in text
    assert "Answering nothing at all would give 100.0." in text


def test_predictions_of_a_file_have_no_scores(host: PluginHost) -> None:
    text = report(make_result(host, odds=False))
    assert "nan" not in text
    assert "null odds" not in text
    assert "its best span" not in text
    assert "Best F1" not in text
    assert "false abstention  EM 0  F1 0.00" in text


def test_a_prediction_that_is_not_in_its_context_has_a_kind_all_the_same(host: PluginHost) -> None:
    evaluation = make_result(host, CASES[2:4]).evaluation
    nowhere = np.full(2, -1, np.int32)
    texts = ["ADA Lovelace, it is said", "Lovelace"]
    predictions = replace(evaluation.predictions, text=texts, char_start=nowhere, char_end=nowhere)
    evaluation = replace(evaluation, predictions=predictions)
    assert [kind_of(evaluation, row) for row in (0, 1)] == ["wrong span", "wrong span"]
    evaluation = replace(evaluation, predictions=replace(predictions, text=["Lovelace", "Mr Charles Babbage"]))
    assert [kind_of(evaluation, row) for row in (0, 1)] == ["boundary", "boundary"]


@pytest.mark.parametrize("losses", [[], [1.0], [float("nan"), float("inf"), 1.0], [0.0, 0.0]])
def test_too_few_losses_draw_nothing(losses: list[float]) -> None:
    assert loss_chart([TrainEvent("step", i, 9, 0.1, loss, 0.0, 1.0) for i, loss in enumerate(losses)], 70) is None


@pytest.mark.parametrize("steps", [2, 3, 20, 63, 64, 65, 1000])
def test_the_chart_falls_as_the_loss_does(steps: int) -> None:
    chart = loss_chart([TrainEvent("step", i, steps, 0.1, steps / i, 0.0, 1.0) for i in range(1, steps + 1)], 76)
    assert chart is not None
    lines = [line.partition("┤")[2] for line in chart.plain.splitlines()[:-1]]
    lengths = [len(line) for line in lines]
    assert lengths == sorted(lengths)
    assert 0 < lengths[0] <= lengths[-1] <= 64
    assert max(map(len, chart.plain.splitlines())) <= 76
    assert chart.plain.endswith(f"step {steps:,}: 1.00")


def test_many_epochs_are_cut_but_never_the_one_kept(host: PluginHost) -> None:
    result = make_result(host, epochs=40)
    text = report(replace(result, manifest={"best": {"metric": "f1", "value": 60.0}}))
    rows = [line.split() for line in text.splitlines() if line.split()[1:2] and "50.0   25.0" in line]
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4, 5, 6, 20, 35, 36, 37, 38, 39, 40]
    assert [row[0] for row in rows if row[-1] == "kept"] == ["20"]


def test_epochs_without_dev_figures(host: PluginHost) -> None:
    event = TrainEvent("epoch", 5, 5, 0.5, 1.25, 0.0, 3.0, {"start_accuracy": float("nan")})
    text = report(replace(make_result(host), events=[event]))
    assert "0.50 5 1.25 - - - - - -" in " ".join(text.split())


@WIDTHS
def test_numbers_are_never_cut(host: PluginHost, width: int) -> None:
    result = make_result(host)
    wide = SliceRow("of [i]others[/i]", "a long name of a group " * 4, 1234567, {f"metric_{i}": 77.7 for i in range(7)})
    text = report(replace(result, evaluation=replace(result.evaluation, slices=[wide])), width)
    assert text.count("77.7") == 7
    assert "By of [i]others[/i]" in text
    assert "1,234,567" in text


def test_metrics_by_other_names_are_shown(host: PluginHost) -> None:
    result = make_result(host)
    more = {**result.metrics, "f1_macro": 12.5, "exact_words": 0.25}
    assert "f1_macro 12.500   exact_words 0.250" in report(
        replace(result, evaluation=replace(result.evaluation, metrics=more))
    )
    alone = replace(result.evaluation, metrics={"f1": 0.5}, per_question={}, slices=())
    assert "f1 0.500" in report(replace(result, evaluation=alone))


@WIDTHS
def test_texts_of_all_scripts_and_sizes_keep_to_the_width(host: PluginHost, width: int) -> None:
    context = "井" * 500 + "東京は首都です" + "字" * 500 + "\u202eabc " + "x" * 3000
    cases = (
        Case("東京" * 400, ("東京",), "首都", 1.0, 0.0, context),
        Case("\n\t?", (context[:900],), context, 1.0, 0.0, context),
    )
    text = report(make_result(host, cases), width)
    assert "«首都»" in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("percent", "shown"), [(0, "────"), (50, "━━──"), (62.5, "━━╾─"), (100, "━━━━"), (120, "━━━━")]
)
def test_bars(percent: float, shown: str) -> None:
    assert bar(percent, 4).plain == shown
    assert bar(float("nan"), 4).plain == "────"


def test_the_sample_in_the_docs_is_what_is_printed(host: PluginHost) -> None:
    page = (Path(__file__).parents[1] / "docs" / "report.md").read_text("utf-8")
    sample = page.partition("<!-- sample -->\n```text\n")[2].partition("```")[0]
    assert sample.count("\n") > 5
    assert sample in blocks(report(make_result(host)))


def test_spans_that_only_cross_are_a_boundary_error(host: PluginHost) -> None:
    evaluation = make_result(host, (Case("When?", ("built in 1843",), "1843 by Ada", 1.0, 0.0),)).evaluation
    assert kind_of(evaluation, 0) == "boundary"


def test_the_gold_answer_nearest_to_the_prediction_is_marked(host: PluginHost) -> None:
    text = report(make_result(host, (Case("Who?", ("Ada Lovelace", "bakers"), "guild", 1.0, 0.0),)))
    assert "The «guild» of [bakers]" in " ".join(text.split())
    assert "[Ada" not in text


def test_control_characters_are_shown_wherever_they_stand(host: PluginHost) -> None:
    result = make_result(host, (replace(CASES[6], question="Is it \x1b[31mred\x07?"),))
    assert "Is it ␛[31mred␇?" in report(replace(result, name="a\x1bb"))
