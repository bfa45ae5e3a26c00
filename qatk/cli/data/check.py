"""``qatk data check``: what is wrong with data, what it costs, and what can be mended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli import completion
from qatk.cli.data.options import Force
from qatk.cli.reading import live_dataset, warn_without_gold, with_column
from qatk.cli.shared import (
    Data,
    Json,
    Language,
    LanguageColumn,
    Set,
    Use,
    output,
    plain_warnings,
    plugin_host,
    print_json,
)
from qatk.cli.written import another, first_file, unwritten
from qatk.display.graphemes import shortened
from qatk.display.numbers import figure
from qatk.errors import DataError, counted, visible

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.data import Change, Finding, Quality
    from qatk.plugins.live import LiveDataset
    from qatk.types import RawExamples

AROUND = 20
"""Characters of a text that are shown ahead of what was changed in it."""
Against = Annotated[
    str | None,
    typer.Option(
        metavar="TRAIN",
        help="Training data: find its questions and contexts in DATA, the same and nearly so.",
    ),
]
AgainstUse = Annotated[
    str | None,
    typer.Option(
        metavar="DATASET",
        help="Dataset component that reads TRAIN.",
        show_default="what --use says, or by its ending",
        autocompletion=completion.datasets,
    ),
]
AgainstSet = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="Set an option of the dataset of TRAIN. May be repeated.",
        show_default="those of DATA, if the same dataset reads both",
    ),
]
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold"}


def check_command(
    context: typer.Context,
    data: Data = None,
    against: Against = None,
    against_use: AgainstUse = None,
    against_set: AgainstSet = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--fix",
            metavar="OUT",
            help="Mend what is safe to mend, list the changes, and write the data to this file: .json (SQuAD), .jsonl, "
            ".csv or .parquet; the first three also with .gz. Findings are then those that are left.",
        ),
    ] = None,
    force: Force = False,
    show: Annotated[int, typer.Option(min=0, metavar="N", help="Number of examples and changes of each kind.")] = 3,
    language: Language = None,
    language_column: LanguageColumn = None,
    use: Use = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Find what is wrong with data: answers, ids, texts, contradictions, leaks from the training data.

    Exit code 1 means that there are findings of severity error; with --fix, that some are left.

    Examples: qatk data check train.csv; qatk data check dev-v2.0.json --against train-v2.0.json; qatk data check
    train.csv --fix mended.csv.
    """
    from qatk.data import check, fix, form_of
    from qatk.evaluation import normalisation_of

    plain_warnings()
    host = plugin_host(context)
    by = normalisation_of(language, language_column, host)
    of_train = against_set if against_set is not None else _shared(settings, use, data, against_use, against)
    settings, of_train = (with_column(each, None if out else language_column) for each in (settings, of_train))
    if out is not None:
        form_of(unwritten(another(against, another(data, out), "TRAIN"), force=force))
    raw = _raw(live_dataset(host, use, data, settings), data, whole=out is not None)
    train = None if against is None else _raw(live_dataset(host, against_use or use, against, of_train), against)
    changes: list[Change] = []
    if out is not None:
        raw, changes = fix(raw)
    quality = check(raw, train, by, show=show)
    if json:
        print_json({**quality.plain(), **({} if out is None else {"changes": [vars(each) for each in changes]})})
    else:
        if out is not None:
            _print_changes(output(), changes, out, show, placed=raw.ids_made)
        _print(output(), quality)
    if out is not None:
        _write(raw, out, data)
    if quality.errors:
        raise typer.Exit(1)


def _shared(
    settings: Sequence[str] | None, use: str | None, data: str | None, against_use: str | None, against: str | None
) -> Sequence[str] | None:
    """The settings of DATA, where they are of TRAIN too: where the same dataset reads both."""
    from qatk.plugins.endings import dataset_for

    of_data, of_train = use or dataset_for(data), against_use or use or dataset_for(against)
    return settings if of_data == of_train else None


def _raw(live: LiveDataset, data: str | None, *, whole: bool = False) -> RawExamples:
    """What stands in the data; none at all is a mistake, not data in which nothing is wrong."""
    raw = live.raw(whole=whole)
    if not len(raw):
        raise DataError("there are no questions", where=data or live.registered.name, fix="name another file or split")
    if not raw.has_gold.any():
        warn_without_gold(live, data)
    return raw


def _write(raw: RawExamples, out: Path, data: str | None) -> None:
    """The mended data, what could not be mended included."""
    from qatk.data import form_of, save, unchecked

    save(unchecked(raw, data or str(out), look=form_of(out) == "squad"), out, look=True, like=first_file(data))


def _print_changes(console: Console, changes: Sequence[Change], out: Path, show: int, *, placed: bool) -> None:
    """The first changes of each kind, by their questions' ids, or their places where the data has no ids.

    Of answers that were given the places where they stand there is nothing to see but the number.
    """
    from rich.text import Text

    kinds: dict[str, list[Change]] = {}
    for change in changes:
        kinds.setdefault(change.kind, []).append(change)
    for kind, of_kind in kinds.items():
        if kind == "unknown-place":
            console.print(Text(f"{kind}: places found for {counted(len(of_kind), 'answer')}"), soft_wrap=True)
            continue
        for change in of_kind[:show]:
            before, after = _pieces(change)
            line = Text(f"{visible(change.place if placed else change.id)} {kind}: {before} -> {after}")
            console.print(line, soft_wrap=True)
        if (more := len(of_kind) - show) > 0:
            rest = f"and {more:,} more" if show else counted(more, "change")
            console.print(Text(f"{kind}: {rest}"), soft_wrap=True)
    console.print(f"{visible(str(out))}: {counted(len(changes), 'change')}\n", soft_wrap=True, markup=False)


def _pieces(change: Change) -> tuple[str, str]:
    """What stood there and what stands there now: of long texts, where they begin to differ."""
    if change.after is None:
        return _seen(change.before), "left out"
    pairs = enumerate(zip(change.before, change.after, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), min(len(change.before), len(change.after)))
    begin = max(same - AROUND, 0)
    cut = "…" if begin else ""
    before, after = (_seen(cut + shortened(text[begin:], 4 * AROUND)) for text in (change.before, change.after))
    return before, after


def _seen(text: str) -> str:
    """It, with escapes in the place of what cannot be printed."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _print(console: Console, quality: Quality) -> None:
    for finding in quality.findings:
        _print_finding(console, finding)
    if quality.agreement is not None:
        said = f"{quality.agreement.said} Answers are compared by the normaliser {quality.normaliser}.\n"
        console.print(said, soft_wrap=True, highlight=False)
    sizes = (quality.questions, "question"), (quality.contexts, "context"), (quality.answers, "answer")
    checked = ", ".join(counted(number, what) for number, what in sizes)
    kinds = [finding.severity for finding in quality.findings]
    found = ", ".join(counted(kinds.count(each), each) for each in STYLES if each in kinds)
    console.print(f"{checked}: {f'findings: {found}' if found else 'nothing is wrong'}", style="dim", soft_wrap=True)


def _print_finding(console: Console, finding: Finding) -> None:
    from rich.text import Text

    share = f"{figure(100 * finding.count / max(finding.of, 1), 1)} %"
    head = Text.assemble((finding.severity, STYLES[finding.severity]), f" {finding.kind}: ", (_said(finding), "bold"))
    console.print(head.append(f" ({share})"), soft_wrap=True)
    lines = [f"cost: {finding.cost}", *([f"--fix: {finding.mend}"] if finding.mend else [])]
    more = finding.count - len(finding.examples)
    lines += [visible(example) for example in finding.examples] + ([f"and {more:,} more"] if more else [])
    for line in lines:
        console.print(Text(f"  {line}"), soft_wrap=True)
    console.print()


def _said(finding: Finding) -> str:
    each = "which" if finding.count == 1 else "each of which"
    return f"{counted(finding.count, finding.unit)}, {each} {finding.title}"
