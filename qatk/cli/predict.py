"""``qatk predict``: answers to a file of questions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.data.options import Data, Set, Use
from qatk.cli.reading import read_examples, with_column
from qatk.cli.shared import (
    Device,
    Language,
    LanguageColumn,
    ModelName,
    NoOverlap,
    Passages,
    RuntimeName,
    answering_settings,
    output,
    plain_warnings,
    plugin_host,
    print_json,
)
from qatk.errors import QatkError, counted

if TYPE_CHECKING:
    from qatk.inference.predict import Written
    from qatk.languages import Normalisation
    from qatk.types import Examples


def predict_command(
    context: typer.Context,
    model: ModelName,
    data: Data = None,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Output: .json (id to text), .jsonl or .parquet (also places and scores)."),
    ] = Path("answers.json"),
    top_k: Annotated[int, typer.Option("-k", "--top-k", min=1, metavar="N", help="Number of best spans in a row.")] = 5,
    passages: Passages = None,
    no_overlap: NoOverlap = False,
    device: Device = None,
    runtime: RuntimeName = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue where a killed call stopped.")] = False,
    language: Language = None,
    language_column: LanguageColumn = None,
    use: Use = None,
    settings: Set = None,
    json: Annotated[bool, typer.Option("--json", help="Print what was written, and the metrics, as JSON.")] = False,
) -> None:
    """Answer a file of questions; where it has gold answers, score them too.

    For example: qatk predict runs/quickstart questions.json --out answers.jsonl.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from qatk.cli.progress import show_progress
    from qatk.evaluation import normalisation_of
    from qatk.inference.model import load_model
    from qatk.inference.predict import predict_file

    plain_warnings()
    host = plugin_host(context)
    by = normalisation_of(language, language_column, host)
    examples = read_examples(host, use, data, with_column(settings, language_column))
    if examples.has_gold:
        by.names(examples)
    settings_of_model = answering_settings(passages, no_overlap)
    loaded = load_model(model, device=device, settings=settings_of_model, runtime=runtime, host=host)
    try:
        with show_progress():
            written = predict_file(loaded, examples, out, top_k=top_k, resume=resume)
    except KeyboardInterrupt:
        raise QatkError("interrupted", fix="the same command with --resume goes on") from None
    _say(written, examples, by, None if loaded.promise is None else loaded.promise.says, as_json=json)


def _say(written: Written, examples: Examples, by: Normalisation, promise: str | None, *, as_json: bool) -> None:
    """What was written; with gold, EM and F1 as ``qatk eval`` gives them."""
    from qatk.cli.eval import figures_table
    from qatk.evaluation.evaluate import evaluate_examples
    from qatk.evaluation.prediction_files import read_predictions

    said = read_predictions(written.path)
    found = evaluate_examples(examples, said, normalisation=by) if examples.has_gold else None
    metrics = {} if found is None else {**found.metrics, "normaliser": found.normaliser}
    if as_json:
        print_json(
            {
                "path": str(written.path),
                "questions": written.questions,
                "answered": written.answered,
                "metrics": metrics,
                **({} if promise is None else {"promise": promise}),
            }
        )
        return
    console = output()
    if found is not None:
        console.print(figures_table(found))
    none = written.questions - written.answered
    console.print(
        f"{counted(written.questions, 'question')}: {written.answered:,} answered, {none:,} without an answer"
    )
    if promise is not None:
        console.print(f"answers: {promise}", soft_wrap=True)
    console.print(str(written.path), soft_wrap=True)
