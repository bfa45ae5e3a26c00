"""What ``qatk compare`` writes and prints, and by which reporters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qatk.cli.written import another
from qatk.errors import UsageError

if TYPE_CHECKING:
    from qatk.cli.compare_request import Sources
    from qatk.plugins.host import PluginHost
    from qatk.plugins.live import LiveReporter
    from qatk.sweeps.sweep import Outcome


@dataclass(frozen=True)
class Output:
    """An output of a reporter: a file, or ``None`` for standard output; ``option`` is the option that asked for it."""

    option: str
    reporter: str
    file: Path | None


def wanted_outputs(markdown: Path | None, html: Path | None, reports: Sequence[str]) -> list[Output]:
    """All outputs to write."""
    found = [
        Output(f"--{name}", name, None if str(file) == "-" else file)
        for name, file in (("markdown", markdown), ("html", html))
        if file is not None
    ]
    for text in reports:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise UsageError(f"--report {text}: expected NAME=FILE", fix="for example --report markdown=comparison.md")
        found.append(Output(f"--report {name}", name, None if file == "-" else Path(file)))
    return found


def check_outputs(json: bool, outputs: Sequence[Output], sources: Sources) -> None:
    """Refuse outputs that would fail only after the work is done, or write over a source."""
    from qatk.files import is_there

    printed = [*(["--json"] if json else []), *(f"{o.option} -" for o in outputs if o.file is None)]
    if len(printed) > 1:
        what = f"{' and '.join(printed)} {'both' if len(printed) == 2 else 'all'} go to standard output"
        raise UsageError(what, fix=f"give {printed[-1].removesuffix(' -')} a file")
    if any(wanted.reporter == "html" and wanted.file is None for wanted in outputs):
        raise UsageError("--html -: the page cannot be printed", fix="name a file: --html comparison.html")
    read = {"SYSTEM": sources.inputs, "--data": sources.data and [sources.data], "--null-odds": sources.null_odds}
    files: dict[Path, str] = {}
    for wanted in outputs:
        if (file := wanted.file) is None:
            continue
        if (other := files.setdefault(file.resolve(), wanted.option)) != wanted.option:
            raise UsageError(f"{other} and {wanted.option} both name {file}", fix="name two different files")
        if (is_there(file) and file.is_dir()) or not file.parent.is_dir():
            what = f"{wanted.option} {file}: this file cannot be written"
            raise UsageError(what, fix="name a file in an existing folder")
        for named, paths in read.items():
            for path in paths or ():
                another(str(path), file, named)


def reporters_of(
    host: PluginHost, outputs: Sequence[Output], *, to_terminal: bool
) -> list[tuple[LiveReporter, Path | None]]:
    """The reporters, each with its output file."""
    from qatk.plugins.live import LiveReporter

    found = []
    for wanted in outputs:
        reporter = host.live(LiveReporter, "reporter", wanted.reporter)
        if not reporter.shows_comparisons:
            able = [r.name for r in host.components("reporter") if LiveReporter.can_compare(r)]
            what = f"{wanted.option}: the reporter {wanted.reporter!r} shows runs, not comparisons"
            raise UsageError(what, fix=f"reporters that show comparisons: {', '.join(able)}")
        found.append((reporter, wanted.file))
    if to_terminal and all(wanted.file is not None for wanted in outputs):
        found.append((host.live(LiveReporter, "reporter", "console"), None))
    return found


def runs_of(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """What JSON says beside the comparison: of recipes, their runs."""
    runs = [
        {
            "system": outcome.run.system,
            "seed": outcome.run.seed,
            "folder": str(outcome.run.folder),
            "state": outcome.state,
            "error": outcome.error,
        }
        for outcome in outcomes
    ]
    return {"runs": runs} if runs else {}
