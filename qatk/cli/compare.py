"""``qatk compare``: two or more systems over the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from qatk.cli.align_options import FUZZY, Abstention, Align, Fuzzy
from qatk.cli.compare_options import (
    AllPairs,
    Common,
    Data,
    Detect,
    Draws,
    Grep,
    GroupSeeds,
    Html,
    Inputs,
    Jobs,
    Json,
    KeepRunning,
    Launcher,
    Limit,
    MarginOption,
    Markdown,
    NullOdds,
    On,
    Out,
    Over,
    Plan,
    Report,
    Runtimes,
    Seed,
    Seeds,
    Settings,
    Show,
    Slice,
    Thresholds,
    Use,
)
from qatk.cli.compare_outputs import check_outputs, reporters_of, runs_of, wanted_outputs
from qatk.cli.compare_request import Request, Sources, Sweep
from qatk.cli.shared import LanguageColumn, RunCluster, RunLanguage, output, plain_warnings, plugin_host, print_json
from qatk.errors import QatkError

if TYPE_CHECKING:
    import re

    from rich.console import Console

    from qatk.plugins.live import LiveReporter
    from qatk.results.comparison import Comparison
    from qatk.sweeps.sweep import Outcome

SHOWN, SHOWN_OF_MANY = 3, 1
"""How many wins, losses and questions that both got wrong are shown: with one pair, and with several."""


def compare_command(
    context: typer.Context,
    inputs: Inputs,
    data: Data = None,
    use: Use = None,
    null_odds: NullOdds = None,
    na_prob_thresh: Thresholds = None,
    over: Over = None,
    seeds: Seeds = None,
    settings: Settings = None,
    runtime: Runtimes = None,
    out: Out = None,
    limit: Limit = None,
    jobs: Jobs = None,
    plan: Plan = None,
    launcher: Launcher = None,
    keep_running: KeepRunning = False,
    common: Common = False,
    group_seeds: GroupSeeds = False,
    cluster: RunCluster = None,
    language: RunLanguage = None,
    language_column: LanguageColumn = None,
    margin: MarginOption = None,
    all_pairs: AllPairs = False,
    on: On = "dev",
    detect: Detect = None,
    align: Align = False,
    fuzzy: Fuzzy = FUZZY,
    abstention: Abstention = None,
    show: Show = None,
    only: Slice = None,
    grep: Grep = None,
    json: Json = False,
    markdown: Markdown = None,
    html: Html = None,
    report: Report = None,
    draws: Draws = 10_000,
    seed: Seed = 13,
) -> None:
    """Compare systems question by question: what differs, how sure that is, and where."""
    from qatk.cli.free_text import aligner_of
    from qatk.comparison.compare import check_figures, compare_systems, comparison_to_dict
    from qatk.plugins.normalisers import given_normalisation

    plain_warnings()
    host, pattern = plugin_host(context), _pattern(grep)
    check_figures(draws, seed, margin, detect)
    how = (aligner_of(align, fuzzy, abstention or []), given_normalisation(language, language_column, host))
    sources = Sources(inputs, data, use, null_odds, na_prob_thresh, runtime, common, group_seeds, *how)
    check_outputs(json, outputs := wanted_outputs(markdown, html, report or []), sources)
    reporters = reporters_of(host, outputs, to_terminal=not json)
    sweep = Sweep(over, seeds, settings, out, limit, jobs, plan, launcher, keep_running, json)
    systems, outcomes = Request(sources, sweep, on, cluster, bool(html or report), bool(margin or detect)).read(host)
    comparison = compare_systems(
        systems, draws=draws, seed=seed, cluster=cluster, margin=margin, all_pairs=all_pairs, detect=detect
    )
    _report(shown := _narrowed(comparison, only, pattern), reporters, output(quiet=json), show)
    if json:
        print_json(comparison_to_dict(shown) | runs_of(outcomes))
    _raise_failures(outcomes, inputs[0])


def _pattern(grep: str | None) -> re.Pattern[str] | None:
    from qatk.comparison.selection import compile_pattern

    return None if grep is None else compile_pattern(grep)


def _report(
    shown: Comparison, reporters: Sequence[tuple[LiveReporter, Path | None]], console: Console, show: int | None
) -> None:
    """Report with so many wins and losses of each pair."""
    by_default = SHOWN if len(shown.pairs) == 1 else SHOWN_OF_MANY
    for reporter, file in reporters:
        reporter.compare(shown, file, console, show=by_default if show is None else show)


def _raise_failures(outcomes: Sequence[Outcome], plan: Path) -> None:
    if not outcomes:
        return
    from qatk.sweeps.sweep import failures

    if failed := failures(outcomes):
        missing = [str(number) for number, outcome in enumerate(outcomes, 1) if outcome.state == "missing"]
        fix = f"make them with qatk run --task {plan}:N, N being {', '.join(missing)}"
        raise QatkError(failed, fix=fix if missing else "run the same command again to resume them")


def _narrowed(comparison: Comparison, only: str | None, pattern: re.Pattern[str] | None) -> Comparison:
    """The wins and losses in a slice, and of questions that match."""
    from qatk.comparison.selection import in_slice, matching, narrow

    shown = narrow(comparison, in_slice(comparison, only), f"in {only}") if only is not None else comparison
    return narrow(shown, matching(comparison, pattern), f"matching {pattern.pattern!r}") if pattern else shown
