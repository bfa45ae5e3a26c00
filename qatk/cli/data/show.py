"""``qatk data show``: examples with their answers marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.reading import read_examples
from qatk.cli.shared import Data, Json, Set, Use, output, plain_warnings, plugin_host, print_json
from qatk.errors import UsageError, counted, suggest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from qatk.types import Answer, Examples


def show_command(
    context: typer.Context,
    data: Data = None,
    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="Number of examples.")] = 5,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the random choice.")] = 0,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help="Show the question with this id, not random ones. May be repeated."),
    ] = None,
    answerable: Annotated[
        bool | None,
        typer.Option("--answerable/--unanswerable", help="Show only questions with an answer, or only those without."),
    ] = None,
    around: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Show only N characters of context around the first answer.")
    ] = None,
    use: Use = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Show random examples with their answers marked in their contexts.

    Examples: qatk data show dev-v2.0.json; qatk data show rajpurkar/squad_v2 --use hub --set split=validation.
    """
    plain_warnings()
    examples = read_examples(plugin_host(context), use, data, settings or [], gold=True)
    rows = _rows_of(examples, ids) if ids else _random_rows(examples, number, seed, answerable)
    if json:
        print_json([_plain(examples, row) for row in rows])
        return
    console = output()
    for row in rows:
        _print_example(console, examples, row, around)
    console.print(_summary(examples, len(rows)), style="dim")


def _rows_of(examples: Examples, ids: Sequence[str]) -> list[int]:
    row = {name: i for i, name in enumerate(examples.id)}
    unknown = [name for name in ids if name not in row]
    if unknown:
        fix = suggest(unknown[0], examples.id, f"an example of an id: {examples.id[0]}")
        raise UsageError(f"no question has the id {', '.join(map(repr, unknown))}", where="--id", fix=fix)
    return [row[name] for name in ids]


def _random_rows(examples: Examples, number: int, seed: int, answerable: bool | None) -> list[int]:
    """Some rows, in the order of the data."""
    import numpy as np

    rows = np.arange(len(examples))
    if answerable is not None:
        option = "--answerable" if answerable else "--unanswerable"
        if not examples.has_gold:
            raise UsageError("this data has no gold answers", where=option, fix="remove this option")
        rows = np.flatnonzero(examples.has_answer == answerable)
        if not len(rows):
            raise UsageError("this data has no such question", where=option, fix="remove this option")
    chosen = np.random.default_rng(seed).choice(rows, min(number, len(rows)), replace=False)
    return [int(row) for row in np.sort(chosen)]


def _plain(examples: Examples, row: int) -> dict[str, object]:
    """One example as JSON values; ``answers`` is null if gold is absent, ``answer_start`` -1 if unknown.

    Where the data has questions of several spans, answers say the ``span`` that each is an alternative of.
    """
    answers = None
    if examples.answer_offsets is not None:
        answers = [
            {"text": text, "answer_start": start} | ({} if examples.answer_span is None else {"span": number})
            for number, span in enumerate(examples.spans_of_answer(row))
            for text, start in span
        ]
    return {
        "id": examples.id[row],
        "title": examples.title[row],
        "question": examples.question[row],
        "answers": answers,
        "context": examples.context_of(row),
    }


def _print_example(console: Console, examples: Examples, row: int, around: int | None) -> None:
    from rich.padding import Padding
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    from qatk.display.text import Mark, excerpt, printable

    heading = printable(" · ".join(filter(None, (examples.id[row], examples.title[row]))))
    console.print(Rule(Text(heading), align="left", style="dim"))
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("question", style="dim"), Text(printable(examples.question[row].strip()), style="bold"))
    table.add_row(Text("answer", style="dim"), _references(examples, row))
    console.print(table)
    marks = [Mark(start, end) for start, end in dict.fromkeys(examples.spans_of(row))]
    console.print(Padding(excerpt(examples.context_of(row), marks, width=around), (1, 0, 1, 2)))


def _references(examples: Examples, row: int) -> Text:
    """All distinct gold answers, each with how often it is given; a line for each of several spans that are due."""
    from rich.text import Text

    if not examples.has_gold:
        return Text("not known", style="dim")
    spans = examples.spans_of_answer(row)
    return Text("\n").join(map(_alternatives, spans)) if spans else Text("no answer", style="bold yellow")


def _alternatives(span: list[Answer]) -> Text:
    from collections import Counter

    from rich.text import Text

    from qatk.display.text import printable

    times = Counter(answer.text for answer in span)
    placed = {answer.text for answer in span if answer.start >= 0}
    parts = [Text(printable(text), style="bold green") for text in times]
    for part, (text, count) in zip(parts, times.items(), strict=True):
        notes = [f"{count} times"] if count > 1 else []
        notes += [] if text in placed else ["position unknown"]
        part.append(f" ({', '.join(notes)})" if notes else "", style="not bold default")
    return Text(" | ").join(parts)


def _summary(examples: Examples, shown: int) -> str:
    text = f"{shown} of {counted(len(examples), 'question')} shown; {counted(len(examples.context), 'context')}"
    if not examples.has_gold:
        return f"{text}; no gold answers"
    return f"{text}; {counted(int((~examples.has_answer).sum()), 'question')} without an answer"
