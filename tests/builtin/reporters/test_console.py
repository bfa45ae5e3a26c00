"""The report in the terminal, on a run made by hand: what is shown of which question; odd data."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from make_result import CASES, Case, make_result
from qatk.api import RunResult, TrainEvent
from qatk.comparison.compare import compare_systems
from qatk.display.tables import bar
from qatk.evaluation.error_kinds import KINDS, error_kinds_of
from qatk.plugins.host import PluginHost
from qatk.results.comparison import System
from qatk.results.evaluation import Evaluation, SliceRow
from qatk.results.run import StageTime
from qatk_builtin.reporters import ConsoleOptions
from qatk_builtin.reporters.console.reporter import ConsoleReporter
from qatk_builtin.reporters.console.slices import pick_slices
from qatk_builtin.reporters.console.training import loss_chart
from repository import ROOT

WIDTHS = pytest.mark.parametrize("width", [80, 120])


def report(result: RunResult, width: int = 80, *, slices: int = 10) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width)
    ConsoleReporter(ConsoleOptions(slices=slices, wins=9, losses=9)).report(result, None, console)
    text = stream.getvalue()
    assert "\x1b" not in text
    assert max(map(cell_len, text.splitlines())) <= width
    return text


def case_of(text: str, question: str) -> str:
    """The lines of one example, blanks made one."""
    [found] = [block for block in text.replace("\n \n", "\n\n").split("\n\n") if question in " ".join(block.split())]
    return " ".join(found.split())


def kinds(evaluation: Evaluation) -> list[str]:
    return [KINDS[code] for code in error_kinds_of(evaluation)]


def blocks(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_nothing_is_laid_out_for_a_quiet_console(host: PluginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_result(host)
    comparison = compare_systems([System(name, [result.evaluation], [0], {}) for name in "ab"], draws=100)
    monkeypatch.setattr(Console, "print", lambda *_, **__: pytest.fail("Rich lays it out before it drops it"))
    reporter, quiet = ConsoleReporter(ConsoleOptions()), Console(quiet=True)
    reporter.report(result, None, quiet)
    reporter.compare(comparison, None, quiet, show=1)


@WIDTHS
def test_each_kind_is_shown_with_all_that_belongs_to_it(host: PluginHost, width: int) -> None:
    text = blocks(report(make_result(host), width))
    for case, shown in zip(
        CASES,
        (
            ["right answer EM 1 F1 1.00 score 5.0 null odds -4.00", "gold 1843 | in 1843", "predicted 1843", "«1843»"],
            ["right to abstain EM 1", "null odds +1.25", "best span: Ada Lovelace", "{Ada Lovelace}"],
            ["too long EM 0 F1 0.57", "gold Ada Lovelace predicted", "«[Ada Lovelace] and Charles Babbage»"],
            ["wrong span, right kind EM 0 F1 0.00", "«Arlen»", "[Charles Babbage]"],
            ["false abstention EM 0", "gold Orr", "predicted (no answer); best span: Orr", "[Orr]"],
            ["false answer EM 0", "null odds -8.50", "gold (no answer) predicted 1843", "«1843»"],
            ["wrong span, right kind EM 0", "[bold]of[/bold] Borsk ␛[31mwas", "«1901»", "fell in [1950].", "arlen-6"],
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
        "data skipped (took 0.5 s)",
        "train 7,412.5 s (1,234 windows/s)",
        "1.6 GB (peak)",
        "questions truncated to max_question_length: 2 in dev",
        "2 20 0.50 1.00 50.0 25.0 12.5 32.0 42.0 kept",
        "loss 4.00 ┤",
        "step 1 ",
        "step 20: 0.20",
        "with an answer HasAns",
        "without an answer NoAns",
        "false abstention 1 14.3 % ━━╾",
        "wrong span, right kind 2 28.6 % ━━━━╾",
        "question word: when 50.0 50.0 0.3 to 99.7 +18.6 2",
        "question word: who 0.0 28.6 - -2.9 2",  # of one context: nothing says how others differ
        "95 % intervals are by context: ",
    ):
        assert needed in text, needed
    assert "Annotators" not in text  # two variants of an answer are not two annotators


def test_the_agreement_of_annotators_stands_beside_the_scores(host: PluginHost) -> None:
    agreeing = replace(CASES[0], gold=("1843", "1843", "in 1843"))
    text = " ".join(report(make_result(host, (agreeing, *CASES[1:])), 200).split())
    assert "scored against the others: EM 66.7, F1 88.9 (1 question with 3.0 answers on average)" in text


def test_of_many_slices_those_are_shown_that_stand_out_among_questions_alike(host: PluginHost) -> None:
    evaluation = make_result(host, CASES * 40).evaluation
    n, has_answer = len(evaluation.examples), evaluation.examples.has_answer
    rng = np.random.default_rng(1)
    right = np.where(has_answer, rng.random(n) < 0.8, rng.random(n) < 0.2).astype(np.float64)
    hard, rare = has_answer & (np.arange(n) % 3 == 0), np.arange(n) < 19
    easy = has_answer & (np.arange(n) % 3 == 1)
    right[hard], right[easy], right[rare] = 0.0, 1.0, 1.0
    drawn = {f"drawn {i}": rng.random(n) < 0.5 for i in range(20)}
    masks = {
        "made": {"hard": hard, "easy": easy, "rare": rare, **drawn},
        "plain": {"answers": has_answer, "hard again": hard},
    }
    per_question = {"exact": right, "f1": right}
    examples = replace(evaluation.examples, title=[f"article {row // 7}" for row in range(n)])
    evaluation = replace(evaluation, examples=examples, per_question=per_question, masks=masks)
    shown, note = pick_slices(evaluation, 10)
    assert [each.row.name for each in shown[:2]] == ["hard", "easy"]
    assert shown[0].difference == pytest.approx(100 * (right[hard].mean() - right[has_answer].mean()))
    assert not {"rare", "answers", "hard again"} & {slice_.row.name for slice_ in shown}
    assert note == f"{len(shown)} that stand out, among 25"
    assert pick_slices(evaluation, 1)[1] == f"the clearest 1 of {len(shown)} that stand out, among 25"
    assert [slice_.row for slice_ in pick_slices(evaluation, 25)[0]] == evaluation.slices


def test_nothing_is_said_of_slices_that_are_not_wanted_or_do_not_stand_out(host: PluginHost) -> None:
    result = make_result(host)
    few = report(result, slices=2)
    assert "Slices   none of 8 stands out" in few
    assert "Slices" not in report(result, slices=0)


@WIDTHS
def test_answers_out_of_reach_are_warned_of_with_what_to_change(host: PluginHost, width: int) -> None:
    result = make_result(host)
    groups = {"out_of_reach": {"cap": 2, "window": 1}, "dev": {"answers_unreachable": 1}}
    stages = [*result.stages, StageTime("score", 1.0, {"longest_answer": 44}, groups=groups)]
    reach = np.array([0, 0, 1, 2, 2, 0, 0], np.int8)
    result = replace(result, stages=stages, evaluation=replace(result.evaluation, reach=reach))
    text = " ".join(report(result, width).split())
    assert "2 of 5 answers (40.0 %) are longer than max_answer_length" in text
    assert "decoder.max_answer_length: 44 allows all of them" in text
    assert "1 of 5 answers (20.0 %) are not complete in any window" in text
    assert "answerable questions whose answer is in no window" not in text
    assert "out of reach 3 42.9 %" in text


def test_an_untrained_head_is_warned_of_where_nothing_trained_it(host: PluginHost) -> None:
    result = make_result(host)
    model = {"device": "cpu", "precision": "fp32", "parameters": 1000, "head": "untrained"}
    result = replace(result, manifest={**result.manifest, "model": model})
    assert "untrained head" not in report(result)
    scored = replace(result, stages=[stage for stage in result.stages if stage.name != "train"])
    assert "untrained head" in report(scored)


def test_right_answers_at_another_place_are_counted(host: PluginHost) -> None:
    evaluation = make_result(host, CASES[:2]).evaluation
    starts = np.array([70, -1], np.int32)
    predictions = replace(evaluation.predictions, char_start=starts, char_end=np.array([74, -1], np.int32))
    moved = replace(make_result(host, CASES[:2]), evaluation=replace(evaluation, predictions=predictions))
    assert "1 right answer is at a position without a gold answer; EM compares only texts." in report(moved)


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
    assert "A system that never answers scores 100.0." in text


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
    assert kinds(evaluation) == ["too long", "wrong span, right kind"]
    evaluation = replace(evaluation, predictions=replace(predictions, text=["Lovelace", "Mr Charles Babbage"]))
    assert kinds(evaluation) == ["too short", "too long"]


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
    rows = [
        line.split() for line in text.splitlines() if line.split()[1:2] and "50.0 25.0 12.5" in " ".join(line.split())
    ]
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4, 5, 6, 20, 35, 36, 37, 38, 39, 40]
    assert [row[0] for row in rows if row[-1] == "kept"] == ["20"]


@WIDTHS
def test_epochs_have_intervals_where_they_are_known(host: PluginHost, width: int) -> None:
    result = make_result(host)
    bounds = {"exact_low": 31.25, "exact_high": 60.04, "f1_low": 34.5, "f1_high": 70.0}
    events = [replace(e, metrics={**e.metrics, **bounds}) if e.kind == "epoch" else e for e in result.events]
    text = report(replace(result, events=events), width)
    assert text.count("31.2 to 60.0") == text.count("34.5 to 70.0") == 2
    assert "34.5 to 70.0" not in report(result, width)


def test_epochs_without_dev_figures(host: PluginHost) -> None:
    event = TrainEvent("epoch", 5, 5, 0.5, 1.25, 0.0, 3.0, {"start_accuracy": float("nan")})
    text = report(replace(make_result(host), events=[event]))
    assert "0.50 5 1.25 - - - - - -" in " ".join(text.split())


@WIDTHS
def test_numbers_are_never_cut(host: PluginHost, width: int) -> None:
    result = make_result(host)
    wide = SliceRow("of [i]others[/i]", "a long name of a group " * 4, 1234567, {f"metric_{i}": 77.7 for i in range(7)})
    evaluation = replace(result.evaluation)
    evaluation.__dict__["slices"] = [wide]  # in place of those that it would make: no data set is so large
    text = report(replace(result, evaluation=evaluation), width)
    assert text.count("77.7") == 7
    assert "of [i]" in text
    assert "1,234,567" in text


def test_metrics_by_other_names_are_shown(host: PluginHost) -> None:
    result = make_result(host)
    more = {**result.metrics, "f1_macro": 12.5, "HasAns_f1_macro": 25.0, "exact_words": 0.25, "pr_auc": 0.75}
    text = " ".join(report(replace(result, evaluation=replace(result.evaluation, metrics=more))).split())
    assert "further metrics all questions HasAns NoAns" in text
    assert "f1_macro 12.500 25.000 - exact_words 0.250 - - pr_auc 0.750 - - Run" in text
    assert "further metrics" not in report(result)
    alone = replace(result.evaluation, metrics={"f1": 0.5}, per_question={})
    text = " ".join(report(replace(result, evaluation=alone)).split())
    assert "further metrics all questions" in text
    assert "f1 0.500" in text


def test_slices_show_every_metric(host: PluginHost) -> None:
    result = make_result(host)
    per_question = {**result.evaluation.per_question, "rouge": result.evaluation.per_question["f1"] / 2}
    text = report(replace(result, evaluation=replace(result.evaluation, per_question=per_question)))
    assert "EM F1 rouge n" in " ".join(text.split())
    assert "question word: who 0.0 28.6 14.3 2" in " ".join(text.split())


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


def test_the_docs_name_each_part_in_its_order(host: PluginHost) -> None:
    page = (ROOT / "docs" / "reference" / "report.md").read_text("utf-8")
    listed = re.findall(r"\*\*(.+?)\*\*", page.partition("From top to bottom:")[2].partition("Each example")[0])
    assert listed[:2] == ["EM and F1", "Evaluation sets"], "neither has a heading in this report"
    assert re.findall(r"^[A-Z][a-z]+(?: [a-z]+)*", report(make_result(host)), re.MULTILINE) == listed[2:]


def test_the_sample_in_the_docs_is_what_is_printed(host: PluginHost) -> None:
    page = (ROOT / "docs" / "reference" / "report.md").read_text("utf-8")
    sample = page.partition("<!-- sample -->\n```text\n")[2].partition("```")[0]
    assert sample.count("\n") > 5
    assert sample in blocks(report(make_result(host)))


def test_the_gold_answer_nearest_to_the_prediction_is_marked(host: PluginHost) -> None:
    text = report(make_result(host, (Case("Who?", ("Ada Lovelace", "bakers"), "guild", 1.0, 0.0),)))
    assert "The «guild» of [bakers]" in " ".join(text.split())
    assert "[Ada" not in text


def test_control_characters_are_shown_wherever_they_stand(host: PluginHost) -> None:
    result = make_result(host, (replace(CASES[6], question="Is it \x1b[31mred\x07?"),))
    assert "Is it ␛[31mred␇?" in report(replace(result, name="a\x1bb"))
