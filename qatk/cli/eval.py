"""``qatk eval``: the official figures of a predictions file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from qatk.cli.align_options import FUZZY, Abstention, Align, Fuzzy
from qatk.cli.reading import options_of
from qatk.cli.shared import Cluster, Language, LanguageColumn, Set, Use, output, plain_warnings, plugin_host, print_json
from qatk.display.numbers import METRICS, best_threshold, interval
from qatk.display.tables import plain_table
from qatk.errors import visible

if TYPE_CHECKING:
    from rich.table import Table

    from qatk.results.evaluation import Evaluation


Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="SQuAD file, or rows (CSV, JSONL, Parquet ...), plain or .gz; with --use, another form."
    ),
]
PredictionsFile = Annotated[
    Path,
    typer.Argument(
        metavar="PREDICTIONS",
        help="Predictions: JSON, question id to answer text or list of texts; or .jsonl, .parquet or .csv, a row each.",
    ),
]
NullOdds = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Null odds: JSON, question id to null score minus best span score, or rows. Adds the best thresholds.",
        show_default="those of the rows of PREDICTIONS",
    ),
]
Missing = Annotated[
    Literal["error", "wrong"],
    typer.Option(
        metavar="error|wrong", help="Refuse questions without a prediction (error) or score them as wrong (wrong)."
    ),
]
Extra = Annotated[
    Literal["error", "ignore"],
    typer.Option(
        metavar="error|ignore", help="Refuse predictions of questions that the data lacks (error) or skip them."
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="X", help="Score answers whose null odds are above X as no answer, as the official script does."
    ),
]


def evaluate_command(
    context: typer.Context,
    data: Data,
    predictions: PredictionsFile,
    null_odds: NullOdds = None,
    missing: Missing = "error",
    extra: Extra = "error",
    na_prob_thresh: Threshold = None,
    cluster: Cluster = None,
    use: Use = None,
    settings: Set = None,
    language: Language = None,
    language_column: LanguageColumn = None,
    align: Align = False,
    fuzzy: Fuzzy = FUZZY,
    abstention: Abstention = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics, with intervals, as JSON.")] = False,
) -> None:
    """Score a predictions file with the official EM and F1; no model is needed.

    Where answers have several spans, those due and those given are paired, as the official script of DROP does.
    """
    from qatk.cli.free_text import aligner_of, alignment_counts, show_alignment
    from qatk.evaluation.agreement import agreement_of
    from qatk.evaluation.answer_costs import read_costs
    from qatk.evaluation.evaluate import evaluate

    plain_warnings()
    host = plugin_host(context)
    evaluation = evaluate(
        data,
        predictions,
        null_odds=null_odds,
        missing=missing,
        extra=extra,
        na_prob_thresh=na_prob_thresh,
        host=host,
        use=use,
        options=options_of(settings),
        cluster=cluster,
        align=aligner_of(align, fuzzy, abstention or []),
        language=language,
        language_column=language_column,
    )
    costs = read_costs(predictions) if align else {}
    metrics, agreement = evaluation.metrics, agreement_of(evaluation.examples, evaluation.normalisation)
    if as_json:
        of_data = {"agreement": None if agreement is None else agreement.plain()}
        print_json({**evaluation.as_dict(), **alignment_counts(evaluation), **costs, **of_data})
        return
    console = output()
    console.print(figures_table(evaluation))
    console.print(visible(evaluation.interval_note), style="dim", soft_wrap=True, markup=False)
    if agreement is not None:
        console.print(agreement.said, style="dim", soft_wrap=True)
    if align:
        show_alignment(console, evaluation, costs)
    if "best_f1" in metrics:
        console.print()
        console.print(_thresholds(metrics))


def figures_table(evaluation: Evaluation, *, several: bool = False) -> Table:
    """A row each for all questions, those with an answer and those without; ``several`` names spans in the title."""
    from qatk.types import groups_of

    metrics = evaluation.metrics
    headers = [header for name in METRICS.values() for header in (name, "95 %")]
    several = several or evaluation.examples.answer_span is not None or evaluation.predictions.several is not None
    title = f"EM and F1{' of several spans' if several else ''}, per cent, by normaliser {evaluation.normaliser}"
    table = plain_table("", "questions", *headers, title=title)
    for (_, prefix, name_of_group), rows in groups_of(evaluation.examples.has_answer).items():
        cells = [
            cell
            for name in METRICS
            for cell in (f"{metrics[f'{prefix}{name}']:.2f}", interval(evaluation.interval(name, rows)))
        ]
        table.add_row(name_of_group, f"{metrics[f'{prefix}total']:,}", *cells)
    return table


def _thresholds(metrics: Mapping[str, float]) -> Table:
    """The best scores that a threshold on the null odds can reach on this data."""
    title = "Best thresholds, fitted on this data"
    table = plain_table("score", "best", "at null odds", "AP", title=title)
    for key, name in METRICS.items():
        best, at = metrics[f"best_{key}"], best_threshold(metrics, key, 4)
        precision = metrics.get(f"pr_{key}_ap")
        table.add_row(name, f"{best:.2f}", at, "" if precision is None else f"{precision:.2f}")
    return table
