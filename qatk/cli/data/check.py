"""``qatk data check``: what is wrong with data, what it costs, and what can be mended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.data.options import Data, Json, Set, Use
from qatk.cli.reading import live_dataset
from qatk.cli.shared import output, plain_warnings, plugin_host, print_json
from qatk.display.numbers import counted, figure
from qatk.errors import visible

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.data import Finding, Quality

STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold"}


def check_command(
    context: typer.Context,
    data: Data = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="TRAIN",
            help="Training data, read as DATA is: find its questions and contexts in DATA, the same and nearly so.",
        ),
    ] = None,
    use: Use = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Find what is wrong with data: answers, ids, texts, contradictions, leaks from the training data.

    Exit code 1 means that there are findings of severity error.

    Examples: qatk data check train.csv; qatk data check dev-v2.0.json --against train-v2.0.json.
    """
    from qatk.data import check

    plain_warnings()
    host = plugin_host(context)
    raw = live_dataset(host, use, data, settings or []).raw()
    train = None if against is None else live_dataset(host, use, against, settings or []).raw()
    quality = check(raw, train)
    if json:
        print_json(quality.plain())
    else:
        _print(output(), quality)
    if quality.errors:
        raise typer.Exit(1)


def _print(console: Console, quality: Quality) -> None:
    for finding in quality.findings:
        _print_finding(console, finding)
    if quality.agreement is not None:
        console.print(f"{quality.agreement.said}\n", soft_wrap=True, highlight=False)
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
