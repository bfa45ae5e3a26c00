"""``qatk data stats``: what data are like, in tables and small charts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.data.options import backbone_of
from qatk.cli.reading import live_dataset, with_column
from qatk.cli.shared import Data, Json, LanguageColumn, Set, Use, output, plain_warnings, plugin_host, print_json
from qatk.cli.written import another
from qatk.errors import visible

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.data import Stats
    from qatk.languages import Normalisation
    from qatk.plugins.host import PluginHost
    from qatk.types import Bool, Examples, Int64

SLICERS = ("question-word", "answer-length")


def stats_command(
    context: typer.Context,
    data: Data = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="X",
            help="Also count the windows of each question with this model: hub id, folder or package:NAME/sub/path; or "
            "a recipe's section: '{use: tiny}'.",
        ),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML page instead of printing.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="NAME", help="Language of the questions, such as de.", show_default="en")
    ] = None,
    language_column: LanguageColumn = None,
    use: Use = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Show what data are like: questions, contexts, answers, their lengths, what is asked.

    Data may be broken; see qatk data check.

    Examples: qatk data stats dev-v2.0.json; qatk data stats train.csv --html train.html.
    """
    from qatk.data import describe, unchecked
    from qatk.evaluation import normalisation_of

    plain_warnings()
    if page is not None:
        another(data, page)
    host = plugin_host(context)
    by = normalisation_of(language, language_column, host)
    live = live_dataset(host, use, data, with_column(settings, language_column))
    where = data or live.registered.name
    examples = unchecked(live.raw(), where)
    windows = None if backbone is None else _windows(host, backbone, examples)
    stats = describe(examples, _groups(host, examples, by), windows)
    if page is not None:
        _write(stats, page, where)
    if json:
        print_json(stats.plain())
    elif page is None:
        _print(output(), stats)


def _groups(host: PluginHost, examples: Examples, by: Normalisation) -> dict[str, Mapping[str, Bool]]:
    from qatk.plugins.live import LiveSlicer

    slicers = {name: host.live(LiveSlicer, "slicer", name) for name in SLICERS}
    for slicer in slicers.values():
        slicer.normalise_by(by)
    return {name: slicer.masks(examples) for name, slicer in slicers.items()}


def _windows(host: PluginHost, backbone: str, examples: Examples) -> Int64:
    """How many windows the usual featurizer makes of each question."""
    import numpy as np

    from qatk.plugins.live import LiveBackbone
    from qatk.plugins.live_windows import LiveFeaturizer
    from qatk.recipes.compose import model_part

    sections: dict[str, dict[str, object]] = {"backbone": backbone_of(backbone), "featurizer": {}}
    tokenizer, spec = model_part(LiveBackbone, "backbone", sections, host).prepare(examples)
    featurizer = model_part(LiveFeaturizer, "featurizer", sections, host)
    if fitted := featurizer.fitted(spec.max_length):
        sections["featurizer"] |= fitted
        featurizer = model_part(LiveFeaturizer, "featurizer", sections, host)
    features = featurizer.featurize(examples, tokenizer, spec, split="dev")
    return np.bincount(features.example_index, minlength=len(examples)).astype(np.int64)


def _write(stats: Stats, page: Path, title: str) -> None:
    from qatk.data import stats_html
    from qatk.files import write_atomically

    write_atomically(page, stats_html(stats, title))


def _print(console: Console, stats: Stats) -> None:
    from rich.text import Text

    from qatk.data import HEADERS, charts_of, count_rows, length_rows
    from qatk.display.tables import bar, plain_table

    counts = plain_table("", "")
    counts.show_header = False
    for name, number in count_rows(stats):
        counts.add_row(name, number)
    lengths = plain_table(*HEADERS, title="Lengths")
    for row in length_rows(stats):
        lengths.add_row(*row)
    console.print(counts, "", lengths)
    for chart in charts_of(stats):
        table = plain_table("", "", "", "", left=(0, 1), title=chart.title)
        table.show_header = False
        for each in chart.bars:
            table.add_row(Text(visible(each.name)), bar(each.width), each.number, each.share)
        console.print("", table)
