"""``qatk calibrate``: a null threshold fitted on some articles and scored on others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from qatk.cli import completion
from qatk.cli.compare_options import Use
from qatk.cli.reading import options_of
from qatk.cli.shared import (
    Language,
    LanguageColumn,
    RunCluster,
    Set,
    output,
    plain_warnings,
    plugin_host,
    print_json,
    share,
)
from qatk.display.numbers import METRICS, interval
from qatk.display.tables import in_blocks, plain_table
from qatk.errors import StorageError, counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from qatk.calibration.calibrate import Calibration
    from qatk.calibration.risk_control import Promise


JUDGED = {"calibration_error": "calibration error", "brier": "Brier", "log_loss": "log loss"}
"""How far probabilities are from the truth."""

Source = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="Run folder, or a predictions file with --data.", autocompletion=completion.runs
    ),
]


Wrong = Annotated[
    Literal["exact", "overlap"] | None,
    typer.Option(
        metavar="exact|overlap",
        help="An answer is wrong if it equals no gold answer, or if it shares no word with one.",
        show_default="exact",
    ),
]


def calibrate_command(
    context: typer.Context,
    source: Source,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Data that the predictions file answers.", show_default=False),
    ] = None,
    use: Use = None,
    settings: Set = None,
    null_odds: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Null odds of the predictions file.", show_default="those of its rows"),
    ] = None,
    on: Annotated[
        str, typer.Option(metavar="SET", help="Calibrate on this evaluation set of the run, such as test.")
    ] = "dev",
    splits: Annotated[
        int,
        typer.Option(min=1, max=1000, metavar="N", help="Maximum number of random splits of the articles into halves."),
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the splits.")] = 13,
    cluster: RunCluster = None,
    language: Language = None,
    language_column: LanguageColumn = None,
    at_most: Annotated[
        float | None,
        typer.Option(
            parser=share, metavar="SHARE", help="Promise that at most this share of answers, such as 5%, is wrong."
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(parser=share, metavar="SHARE", help="Confidence of the promise.", show_default="90%"),
    ] = None,
    wrong: Wrong = None,
    write: Annotated[bool, typer.Option(help="Write calibration.json into the run folder.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Fit the null threshold on half of the articles and score it on the other half.

    With --at-most, it also finds the threshold that promises an error rate; commands that answer then use that one.
    """
    from qatk.calibration.transfer import misleading
    from qatk.runs.calibrating import Answers, ask_of, check_can_write, of_evaluation

    plain_warnings()
    write = write and data is None
    if write:
        check_can_write(source, "add --no-write")
    asked = ask_of(at_most, confidence, wrong)
    of_set = None if on == "dev" else on
    answers = Answers(source, data, null_odds, use, options_of(settings), of_set, cluster, language, language_column)
    evaluation = answers.evaluation(plugin_host(context))
    found = of_evaluation(evaluation, answers, asked, splits=splits, seed=seed)
    if as_json:
        print_json(found.as_dict())
    else:
        _show(output(), found, misleading(found, evaluation.examples))
    if write:
        _write(output(quiet=as_json), source, found)


def _show(console: Console, found: Calibration, why: str | None) -> None:
    from rich.text import Text

    console.print(Text(_title(found), "bold"))
    for block in in_blocks(_table(found), console.width):
        console.print(block)
        console.print()
    console.print(_advice(found), soft_wrap=True, markup=False)
    if why is not None:
        console.print(why, style="yellow", soft_wrap=True)
    if found.promise is not None:
        _show_promise(console, found.promise)


def _write(console: Console, run: Path, found: Calibration) -> None:
    from qatk.runs.calibrating import write_into

    try:
        written = write_into(run, found)
    except StorageError as error:
        fix = "print the result without writing it: --no-write"
        raise StorageError(error.what, where=error.where, fix=fix) from error
    console.print(f"written to {written}\n{_use(run, found)}", style="dim", soft_wrap=True, markup=False)


def _use(run: Path, found: Calibration) -> str:
    """How the threshold is used from now on."""
    if found.promise is not None:
        return "qatk predict, ask, serve and export use the promised threshold"
    return f"to use the threshold: qatk predict {run} DATA --null-threshold calibrated; so do ask, serve and export"


def _title(found: Calibration) -> str:
    kind = found.clusters.kind
    return f"Null threshold, fitted and scored on different {kind}s ({found.clusters.count}); 95 % by {kind}"


def _table(found: Calibration) -> Table:
    """Scores at threshold 0, on held-out articles, and of the oracle."""
    table = plain_table("threshold", "EM", "95 %", "F1", "95 %", "F1 over splits", *JUDGED.values())
    table.padding = (0, 0, 0, 1)
    held = found.held_out
    before = (found.calibration_error, found.brier, found.log_loss)
    table.add_row("0", *_figures(found.at_zero, found.intervals["at_zero"]), "", *(f"{value:.3f}" for value in before))
    spread = f"{held['f1']['least']:.2f} to {held['f1']['most']:.2f}"
    middle = {name: held[name]["mean"] for name in ("exact", "f1")}
    after = (held[name]["mean"] for name in JUDGED)
    figures = _figures(middle, found.intervals["held_out"])
    table.add_row("held out", *figures, spread, *(f"{value:.3f}" for value in after), style="bold")
    table.add_row("oracle (fitted on all)", *_figures(found.oracle, {}), *[""] * (1 + len(JUDGED)), style="dim")
    return table


def _figures(figures: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]) -> list[str]:
    """EM and F1, each with its interval where one is known."""
    bounds = {name: interval(intervals[name]) if name in intervals else "" for name in METRICS}
    return [cell for name in METRICS for cell in (f"{figures[name]:.2f}", bounds[name])]


def _advice(found: Calibration) -> str:
    mean = found.held_out["f1"]["mean"]
    gain, gap = mean - found.at_zero["f1"], found.oracle["f1"] - mean
    fitted = found.fitted
    unknown = "the best spans of unanswered questions are not known, so a threshold can only remove answers"
    by = f"answers are compared by the normaliser {found.normaliser}"
    notes = [by, found.clusters.note, "" if found.full else unknown]
    known = "".join(f"\n{note}" for note in notes if note)
    return (
        f"held out, mean of {counted(len(found.splits), 'random split')}: {gain:+.2f} F1 against threshold 0, "
        f"{gap:.2f} below the oracle\n"
        f"{_first(found)}\n"
        f"fitted on all of {found.on}, for new data: threshold {fitted.threshold:.4f}, temperature "
        f"{fitted.temperature:.2f}, offset {fitted.offset:.2f}{known}"
    )


def _first(found: Calibration) -> str:
    """Both halves of the split that scores a run, and the two together."""
    first = found.splits[0]
    halves = (
        f"{counted(of.questions, 'question')} at {of.threshold:.2f}: {of.exact:.2f} EM, {of.f1:.2f} F1"
        for of in first.folds
    )
    return f"first split: {'; '.join(halves)}; together {first.exact:.2f} EM, {first.f1:.2f} F1"


def _show_promise(console: Console, promise: Promise) -> None:
    """The risk-coverage curve with its band, and what is promised."""
    from qatk.calibration.risk_control import WRONG_ANSWERS, percent_text

    confidence, are_wrong = percent_text(promise.confidence), WRONG_ANSWERS[promise.wrong]
    title = f"Answers that {are_wrong}, by share answered"
    table = plain_table("threshold", "answered", "wrong", f"{confidence} limits", title=title)
    for point in promise.curve:
        limits = f"{100 * point.low:.1f} to {100 * point.high:.1f} %"
        answered, wrong = (f"{100 * value:.1f} %" for value in (point.answered, point.wrong))
        table.add_row(f"{point.threshold:.2f}", answered, wrong, limits)
    console.print()
    console.print(table)
    chosen = promise.chosen
    answered = f"{counted(promise.questions, 'question')} of {counted(promise.clusters, promise.kind)}"
    console.print(
        f"\npromise: {promise.says}\n"
        f"threshold {chosen.threshold:.4f} answers {100 * chosen.answered:.1f} % of "
        f"{answered}; {100 * chosen.wrong:.1f} % of these answers {are_wrong}",
        soft_wrap=True,
        markup=False,
    )
