"""``qatk data convert``: data of any form to a file of another."""

from __future__ import annotations

from typing import Annotated

import typer

from qatk.cli.data.options import Force
from qatk.cli.reading import read_examples
from qatk.cli.shared import Data, Json, Set, Use, output, plain_warnings, plugin_host, print_json
from qatk.cli.written import Out, both, first_file, plain, said
from qatk.errors import visible


def convert_command(
    context: typer.Context,
    data: Data = None,
    out: Out = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="FORM", help="squad, jsonl, csv or parquet.", show_default="by the ending of OUT"),
    ] = None,
    force: Force = False,
    use: Use = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Write data of any form to a file of another form.

    Answers with alternatives, several spans, unknown positions, questions without an answer and all further columns
    with one value a question are kept; what the form of OUT cannot hold is refused. A dataset that takes no DATA, such
    as facts, is given OUT alone.

    Examples: qatk data convert dev-v2.0.json dev.parquet; qatk data convert facts.json --use facts.
    """
    from qatk.data import form_of, save

    plain_warnings()
    data, out = both(data, out, force=force)
    form_of(out, to)
    examples = read_examples(plugin_host(context), use, data, settings or [], whole=True, gold=True)
    saved = save(examples, out, to, like=first_file(data))
    if json:
        print_json(plain(saved))
    else:
        output().print(f"{visible(str(out))}: {said(saved)}", soft_wrap=True, markup=False)
