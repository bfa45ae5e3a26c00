"""``qatk export``: a model in another format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import (
    ModelName,
    NullThreshold,
    Use,
    answering_settings,
    output,
    plain_warnings,
    plugin_host,
    print_json,
)
from qatk.display.numbers import byte_size

if TYPE_CHECKING:
    from qatk.inference.exporting import Exported

Precision = Annotated[
    str | None,
    typer.Option(
        metavar="fp32|fp16|int8",
        help="Precision of the files.",
        show_default="fp32",
        autocompletion=completion.precisions,
    ),
]


def export_command(
    context: typer.Context,
    model: ModelName,
    to: Annotated[
        str,
        typer.Option("--to", metavar="EXPORTER", help="Format: onnx or openvino.", autocompletion=completion.exporters),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the exported model.")],
    precision: Precision = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Data to check the export on: EM, F1 and speed go into export.json.",
            show_default=False,
        ),
    ] = None,
    use: Use = None,
    null_threshold: NullThreshold = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set an option of the exporter. May be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a model in a format that answers faster, and check that its answers stay the same.

    For example: qatk export runs/quickstart --to onnx --precision int8 --out exports/quickstart. The folder is a MODEL
    for qatk predict, ask, serve, compare and bench.
    """
    from qatk.cli.progress import show_progress
    from qatk.cli.reading import read_examples
    from qatk.inference.exporting import export
    from qatk.recipes.document import assigned

    plain_warnings()
    host = plugin_host(context)
    chosen = assigned(settings or [])
    examples = None if data is None else read_examples(host, use, data, [], whole=True, scoring=True)
    with show_progress():
        exported = export(
            model,
            to,
            out,
            precision=precision,
            settings=chosen,
            data=examples,
            answering=answering_settings(None, null_threshold),
            host=host,
        )
    if json:
        print_json({"folder": str(exported.folder), "bytes": exported.size, "checks": dict(exported.checks)})
    else:
        _say(exported)


def _say(exported: Exported) -> None:
    checks, console = exported.checks, output()
    asked, same, far = checks["questions"], checks["same_answers"], checks["largest_difference"]
    of = "questions" if checks["on"] == "data" else checks["on"]
    said = f"{asked:,} {of}: {same:,} answered as before, with scores up to {far:.2g} apart"
    console.print(said, soft_wrap=True)
    for name, title, digits in (("exact", "EM", 2), ("f1", "F1", 2), ("questions_per_second", "questions/s", 1)):
        if isinstance(both := checks.get(name), Mapping):
            console.print(f"{title}: {both['before']:.{digits}f} before, {both['after']:.{digits}f} after")
    console.print(f"{exported.folder} ({byte_size(exported.size)})", soft_wrap=True)
