"""``qatk data sample``: some questions of a data set."""

from __future__ import annotations

from typing import Annotated

import typer

from qatk.cli.data.options import Force
from qatk.cli.data.split import By, Seed
from qatk.cli.reading import read_examples
from qatk.cli.shared import Data, Json, Set, Use, output, plain_warnings, plugin_host, print_json
from qatk.cli.written import Out, both, first_file, plain, said
from qatk.errors import visible


def sample_command(
    context: typer.Context,
    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="Number of questions.")],
    data: Data = None,
    out: Out = None,
    by: By = None,
    seed: Seed = 0,
    force: Force = False,
    use: Use = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Write a random sample of the data to a file, in the form that its ending says.

    The sample depends on the seed and the ids alone, and a larger one of the same seed includes it. With --by, whole
    articles, contexts or values of a column are drawn, until the number is reached as nearly as they allow.

    Example: qatk data sample train-v2.0.json small.json -n 1000 --by title.
    """
    from qatk.data import form_of, sample, save

    plain_warnings()
    data, out = both(data, out, force=force)
    form_of(out)
    examples = read_examples(plugin_host(context), use, data, settings or [], whole=True, gold=True)
    saved = save(examples.take(sample(examples, number, by=by, seed=seed)), out, like=first_file(data))
    if json:
        print_json({**plain(saved), "of": len(examples), "seed": seed, "by": by or "question"})
    else:
        of = f"{visible(str(out))}: {said(saved)}; of {len(examples):,}, seed {seed}"
        output().print(of, soft_wrap=True, markup=False)
