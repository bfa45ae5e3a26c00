"""``qatk predict``: answers to a file of questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.predict_shards import Jobs, KeepRunning, Launcher, OneShard, Sharding, Shards
from qatk.cli.reading import live_dataset, with_column
from qatk.cli.shared import (
    MOST,
    Data,
    Device,
    Language,
    LanguageColumn,
    ModelName,
    NoOverlap,
    NullThreshold,
    Passages,
    RuntimeName,
    Set,
    Use,
    answering_settings,
    output,
    plain_warnings,
    plugin_host,
    print_json,
)
from qatk.cli.written import outside
from qatk.errors import Interrupted, counted

if TYPE_CHECKING:
    from qatk.inference.predict import Written


def predict_command(
    context: typer.Context,
    model: ModelName,
    data: Data = None,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Output: .json (id to text), or rows in .jsonl, .parquet, .csv or .tsv."),
    ] = Path("answers.json"),
    top_k: Annotated[
        int, typer.Option("-k", "--top-k", min=1, max=MOST, metavar="N", help="Number of best spans in a row.")
    ] = 5,
    passages: Passages = None,
    no_overlap: NoOverlap = False,
    null_threshold: NullThreshold = None,
    device: Device = None,
    runtime: RuntimeName = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue where a killed call stopped.")] = False,
    language: Language = None,
    language_column: LanguageColumn = None,
    use: Use = None,
    settings: Set = None,
    shards: Shards = None,
    shard: OneShard = None,
    jobs: Jobs = None,
    launcher: Launcher = None,
    keep_running: KeepRunning = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was written, and the metrics, as JSON.")] = False,
) -> None:
    """Answer a file of questions; where it has gold answers, score them too.

    For example: qatk predict runs/quickstart questions.json --out answers.jsonl.
    """
    from qatk.evaluation import normalisation_of
    from qatk.inference.asked import read_asked
    from qatk.inference.model import load_model
    from qatk.inference.parts import check_out
    from qatk.inference.predict import FORMS, answer_shard, known_survey, predict_file

    plain_warnings()
    check_out(outside(model, out), FORMS)
    one = (how := Sharding(shards, shard, jobs, launcher, keep_running)).one()
    host = plugin_host(context)
    by = normalisation_of(language, language_column, host)
    dataset = live_dataset(host, use, data, with_column(settings, language_column), scoring=True, out=out)
    settings_of_model = answering_settings(passages, null_threshold, no_overlap=no_overlap)
    elsewhere = how.elsewhere(context, host)
    again = resume or shards is not None
    try:
        with how.reporting():
            asked = read_asked(dataset, look=by.names, known=None if one is None else known_survey(out))
            loaded = load_model(model, device=device, settings=settings_of_model, runtime=runtime, host=host)
            if one is not None:
                done = counted(answer_shard(loaded, asked, out, one, top_k=top_k), "question")
                output().print(f"shard {one.number} of {one.of}: {done}")
                return
            written = predict_file(loaded, asked, out, top_k=top_k, resume=again, normalisation=by, elsewhere=elsewhere)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", fix=how.interrupted()) from None
    _say(written, None if loaded.promise is None else loaded.promise.says, as_json=json)


def _say(written: Written, promise: str | None, *, as_json: bool) -> None:
    """What was written; with gold, EM and F1 as ``qatk eval`` gives them."""
    from qatk.cli.eval import figures_table

    found = written.scores
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
        console.print(figures_table(found, several=written.several))
    none = written.questions - written.answered
    console.print(
        f"{counted(written.questions, 'question')}: {written.answered:,} answered, {none:,} without an answer"
    )
    if promise is not None:
        console.print(f"promise: {promise}", soft_wrap=True)
    console.print(str(written.path), soft_wrap=True)
