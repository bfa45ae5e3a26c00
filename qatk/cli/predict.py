"""``qatk predict``: answers to a file of questions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.predict_shards import Jobs, KeepRunning, Launcher, OneShard, Sharding, Shards
from qatk.cli.reading import live_dataset, with_column
from qatk.cli.shared import (
    MOST,
    Data,
    Device,
    LanguageColumn,
    ModelName,
    NoOverlap,
    NullThreshold,
    Passages,
    RunLanguage,
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
from qatk.errors import DataError, DataWarning, Interrupted, QatkError, counted

if TYPE_CHECKING:
    from qatk.inference.asked import Asked
    from qatk.inference.predict import Shard, Written
    from qatk.languages import Normalisation
    from qatk.plugins.host import PluginHost
    from qatk.plugins.live import LiveDataset


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
    language: RunLanguage = None,
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
    from qatk.inference.model import load_model
    from qatk.inference.parts import check_out
    from qatk.inference.predict import FORMS, answer_shard, predict_file
    from qatk.plugins.normalisers import given_normalisation

    plain_warnings()
    check_out(outside(model, out), FORMS)
    again = resume or shards is not None
    one = (how := Sharding(shards, shard, jobs, launcher, keep_running)).one()
    host = plugin_host(context)
    given = given_normalisation(language, language_column, host)
    read = partial(live_dataset, host, use, data, scoring=True, out=out)
    read(settings or [])  # what is wrong with its options is said before the model is looked for
    settings_of_model = answering_settings(passages, null_threshold, no_overlap=no_overlap)
    elsewhere = how.elsewhere(context, host)
    try:
        with how.reporting():
            asked, by = _read(lambda column: read(with_column(settings, column)), given, model, host, one, out)
            loaded = load_model(model, device=device, settings=settings_of_model, runtime=runtime, host=host)
            if one is not None:
                done = counted(answer_shard(loaded, asked, out, one, top_k=top_k), "question")
                output().print(f"shard {one.number} of {one.of}: {done}")
                return
            written = predict_file(loaded, asked, out, top_k=top_k, resume=again, normalisation=by, elsewhere=elsewhere)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", fix=how.interrupted()) from None
    _say(written, None if loaded.promise is None else loaded.promise.says, as_json=json)


def _read(
    dataset: Callable[[str | None], LiveDataset],
    given: Normalisation | None,
    model: str,
    host: PluginHost,
    shard: Shard | None,
    out: Path,
) -> tuple[Asked, Normalisation]:
    """The questions, and by which normaliser their answers are compared: the given one, else that of the model's run.

    Args:
        dataset: reads them, with a further column.
        given: by the options.
        model: its name.
        host: the plugins.
        shard: the part to answer, where another process that answers into ``out`` may have seen the questions.
        out: the file of answers.
    """
    from qatk.evaluation import ENGLISH
    from qatk.inference.asked import read_asked
    from qatk.inference.predict import known_survey
    from qatk.inference.sources import normalisation_of_models

    by = given or normalisation_of_models([model], host)
    known = None if shard is None or (given is None and by.column is not None) else known_survey(out)
    try:
        return read_asked(dataset(by.column), look=by.names, known=known), by
    except DataError as error:
        if given is not None or by.column is None:
            raise
        try:
            asked = read_asked(dataset(None))  # the run's column is needed to score answers, not to give them
        except QatkError:
            raise error from None
        if asked.has_gold:
            what = f"{error.what}, by which the run compared answers: EM and F1 are by normaliser {ENGLISH.language}"
            warnings.warn(DataWarning(what), stacklevel=2)
        return asked, ENGLISH


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
