"""``qatk predict``: answers to a file of questions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.reading import read_examples
from qatk.cli.shared import output, plain_warnings, plugin_host, print_json
from qatk.errors import QatkError

if TYPE_CHECKING:
    from qatk.inference.predict import Written
    from qatk.types import Examples


def predict_command(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Run folder, saved model, or checkpoint of the hub.", show_default=False),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="SQuAD file, or rows (CSV, JSONL, Parquet ...); with --use, the first required option.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Output: .json (id to text), .jsonl or .parquet (also places and scores)."),
    ] = Path("answers.json"),
    top_k: Annotated[int, typer.Option("-k", "--top-k", min=1, metavar="N", help="Number of best spans in a row.")] = 5,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Device: cpu, cuda or mps.", show_default="best available")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue where a killed call stopped.")] = False,
    use: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="Dataset component that reads DATA.", show_default="by its ending"),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option of the dataset. May be repeated.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print what was written, and the metrics, as JSON.")] = False,
) -> None:
    """Answer a file of questions; where it has gold answers, score them too.

    For example: qatk predict runs/quickstart questions.json --out answers.jsonl.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from qatk.cli.progress import show_progress
    from qatk.inference.model import load_model
    from qatk.inference.predict import predict_file

    plain_warnings()
    host = plugin_host(context)
    examples = read_examples(host, use, data, settings or [])
    loaded = load_model(model, device=device, host=host)
    try:
        with show_progress():
            written = predict_file(loaded, examples, out, top_k=top_k, resume=resume)
    except KeyboardInterrupt:
        raise QatkError("interrupted", fix="the same command with --resume goes on") from None
    _say(written, examples, as_json=json)


def _say(written: Written, examples: Examples, *, as_json: bool) -> None:
    """What was written; with gold, EM and F1 as ``qatk eval`` gives them."""
    from qatk.cli.eval import figures_table
    from qatk.evaluation.evaluate import evaluate_examples
    from qatk.inference.predict import texts_of

    found = evaluate_examples(examples, texts_of(written.path)) if examples.has_gold else None
    metrics = {} if found is None else dict(found.metrics)
    if as_json:
        print_json(
            {
                "path": str(written.path),
                "questions": written.questions,
                "answered": written.answered,
                "metrics": metrics,
            }
        )
        return
    console = output()
    if found is not None:
        console.print(figures_table(found))
    none = written.questions - written.answered
    console.print(f"{written.questions:,} questions: {written.answered:,} answered, {none:,} without an answer")
    console.print(str(written.path), soft_wrap=True)
