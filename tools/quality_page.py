"""The page of ``tools/make_quality.py``: tables and a chart of all runs that are finished, however many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from qatk.comparison.compare import compare_systems
from qatk.errors import counted
from qatk.results.comparison import System
from qatk.statistics.intervals import mean_interval
from quality_curves import Runs, curves, figures_of, questions_of, unanswerable
from quality_records import Records, area, at_best, held_out
from quality_rounds import Round
from quality_runs import Configuration, Part, flow

HEAD = [
    *("EM", "F1", "HasAns F1", "NoAns F1", "best F1", "held-out F1", "AUC"),
    *("best difference", "F1 difference", "95 % CI", "verdict", "core minutes", "in all"),
]
TEXT = """# What each lever gains

Made on {date} by
`{call}`
from the runs of `tools/quality.yaml`, all of which are listed, also those that did not help. All change one recipe,
`tools/quality_plain.yaml`: MiniLM (22 M parameters, 6 layers; `backbone.layers=3` takes the lower three of them) with
the usual options. [Better answers](../how-to/better-answers.md) explains the levers. Figures are means over the runs
that are finished, in per cent. *Best F1* has the null threshold that is best on the scored questions, *held-out F1*
one that was fitted on other articles of the same data; *AUC* is that of the null odds; *core minutes* are those of
training times the cores that it used, beside whatever else these did; *in all* adds those of the runs that it starts
or learns from. Differences are those to the first line of a table, on the parts of the data that both have. The
folder `quality` beside this page has the answers and null odds of each run, from which the script makes these tables.
Trained on {machines}.

## By cross-validation

{folds} folds of the training articles: each model learns from {drawn} and is scored on the articles of its fold. Each
fold has a seed of its own. The last epoch is kept. The first fold screens: the best of a round, by its best F1, is the
base of the next. (A third of the training articles has no unanswerable question, here as in SQuAD 2.0, so a threshold
of some of them misleads on others, whatever the model.) The other folds are for the best of each round, and for the
first line. The difference in F1 is taken question by question, with a 95 % confidence interval (CI) by article. It does
not cover other seeds, and of twenty such intervals one excludes 0 by chance: it says what to try on the data that a
choice is reported on, which take no part here.
"""
FINAL = """
## On data that chose nothing

Trained on all questions of the training articles, with all layers, several seeds each; the last epoch is kept. The
verdict is that of `qatk compare`, which corrects for the number of comparisons; with several seeds, its interval covers
other seeds too.
"""


def page(
    call: str,
    records: Records,
    rounds: Sequence[Round],
    every: Mapping[str, Configuration],
    parts: Sequence[Part],
    place: Path,
) -> str:
    """The text of the page; a chart is written beside it where there is a learning curve.

    Args:
        call: the command that makes it.
        records: of the runs that are made.
        rounds: as far as they are known.
        every: all configurations, those of learning curves included; the first one is the base of final claims.
        parts: the folds, and all training data with each seed.
        place: of the page.
    """
    base, folds = next(iter(every)), [part for part in parts if part.name.startswith("fold")]
    whole = [part for part in parts if part not in folds]
    known = _known(records, every, parts)
    drawn = f"{folds[0].drawn:,} questions of the other folds" if folds[0].drawn else "the other folds"
    lines = [TEXT.format(date=date.today(), call=call, folds=len(folds), drawn=drawn, machines=_machines(known))]
    plain = {name: one for name, one in every.items() if not questions_of(name, every)}
    costs = costs_of(known, every, parts)
    for each in rounds:
        tried = {each.base.name: each.base, **each.configurations}
        title = f"### {each.name.capitalize()}: on top of `{each.base.name}`" if each is not rounds[0] else ""
        table = _table(each.base.name, _on(folds, known, tried), _failed(records, tried, folds), costs)
        lines += [title, "", *table, ""] if title else [*table, ""]
    failed, final = _failed(records, plain, whole), _on(whole, known, plain)
    if final := {name: runs for name, runs in final.items() if runs or name in failed}:
        lines += [FINAL, *_table(base, final, failed, costs, _claims(base, final)), ""]
    lines += curves(known, every, place)
    lines += ["## The configurations", ""]
    for one in plain.values():
        ways = [f"augment {flow(one.augment)}"] if one.augment else []
        few = [f"{one.questions:,} questions"] if one.questions else []
        both = ["both_kinds"] if one.both_kinds else []
        options_of_it = ", ".join(f"`{each}`" for each in (*one.settings, *ways, *few, *both))
        lines.append(f"- `{one.name}`: {one.what} ({options_of_it or 'no option'})")
    return "\n".join(lines) + "\n"


def _known(records: Records, every: Mapping[str, Configuration], parts: Sequence[Part]) -> dict[str, Runs]:
    found = {name: {part.name: records.get(one, part) for part in parts} for name, one in every.items()}
    return {name: {part: run for part, run in runs.items() if run is not None} for name, runs in found.items()}


def _machines(known: Mapping[str, Runs]) -> str:
    """Where the runs were trained, the place of most of them first."""
    number = Counter(run.machine for runs in known.values() for run in runs.values())
    return ", ".join(f"{name} ({counted(runs, 'run')})" for name, runs in number.most_common()) or "no run yet"


def _on(parts: Sequence[Part], known: Mapping[str, Runs], names: Mapping[str, Configuration]) -> dict[str, Runs]:
    return {name: {part.name: known[name][part.name] for part in parts if part.name in known[name]} for name in names}


def _failed(records: Records, names: Mapping[str, Configuration], parts: Sequence[Part]) -> dict[str, str]:
    """Why a run of a configuration failed."""
    files = {
        name: [file for part in parts if (file := records.failure(one, part)).exists()] for name, one in names.items()
    }
    return {name: found[0].read_text("utf-8").strip() for name, found in files.items() if found}


def _table(
    base: str,
    known: Mapping[str, Runs],
    failed: Mapping[str, str],
    costs: Mapping[str, Mapping[str, float]],
    claims: Mapping[str, tuple[str, str, str]] | None = None,
) -> Iterator[str]:
    """A line for each configuration, those that failed included; then those that are not made."""
    head = [each.replace("best difference", "held-out difference") if claims is not None else each for each in HEAD]
    yield f"|  | runs | {' | '.join(head)} |"
    yield f"| --- |{' --: |' * (len(HEAD) + 1)}"
    waiting = []
    for name, runs in known.items():
        if runs:
            figures = [f"{value:.1f}" for value in figures_of(list(runs.values()))]
            under = f"{np.mean([area(run) for run in runs.values()]):.3f}"
            gained = _gain(runs, known.get(base, {})) if claims is None else claims.get(name, ("", "", ""))
            more = [
                *figures,
                under,
                _above(runs, known.get(base, {}), held=claims is not None),
                *gained,
                _minutes(each.seconds for each in runs.values()),
                _minutes(costs[name][part] for part in runs),
            ]
            yield f"| `{name}` | {len(runs)} | {' | '.join(more)} |"
        elif name in failed:
            yield f"| `{name}` | 0 | {failed[name]} |{' |' * (len(HEAD) - 1)}"
        else:
            waiting.append(f"`{name}`")
    if known.get(base):
        nothing = f"{unanswerable(list(known[base].values())):.1f}"
        yield f"| answering nothing |  | {nothing} | {nothing} | 0.0 | 100.0 | {nothing} |{' |' * (len(HEAD) - 5)}"
    if waiting:
        yield f"\nNot made yet: {', '.join(waiting)}."


def _minutes(seconds: Iterable[float]) -> str:
    """The mean time on one core; nothing where a run is not known."""
    mean = float(np.mean(list(seconds))) / 60
    return "" if np.isnan(mean) else f"{mean:.1f}"


def costs_of(
    known: Mapping[str, Runs], every: Mapping[str, Configuration], parts: Sequence[Part]
) -> dict[str, dict[str, float]]:
    """By configuration and part, the seconds of training of a run and of all that it starts or learns from."""
    by_name = {part.name: part for part in parts}

    def with_its_own(place: tuple[str, str]) -> set[tuple[str, str]]:
        if place[0] not in every or place[1] not in by_name:
            return {place}
        return {place}.union(*map(with_its_own, every[place[0]].needs(by_name[place[1]])))

    def seconds(place: tuple[str, str]) -> float:
        run = known.get(place[0], {}).get(place[1])
        return float("nan") if run is None else run.seconds

    return {
        name: {part: sum(map(seconds, with_its_own((name, part)))) for part in runs} for name, runs in known.items()
    }


def _shared(runs: Runs, base: Runs) -> list[str]:
    """The parts that both have; none of the base itself."""
    return [part for part in runs if part in base and runs[part] is not base[part]]


def _above(runs: Runs, base: Runs, *, held: bool) -> str:
    """How far F1 with a threshold is above that of the base; with a held-out one, or with the best."""
    of = held_out if held else at_best
    differences = [of(runs[part]) - of(base[part]) for part in _shared(runs, base)]
    return f"{np.mean(differences):+.1f}" if differences else ""


def _gain(runs: Runs, base: Runs) -> tuple[str, str, str]:
    """The difference in F1, its interval by article, and what that says."""
    differences, clusters, before = [], [], 0
    for part in _shared(runs, base):
        ours, theirs = runs[part].evaluation, base[part].evaluation
        place = {each: row for row, each in enumerate(theirs.examples.id)}
        rows = np.array([place[each] for each in ours.examples.id])
        differences.append(ours.per_question["f1"] - theirs.per_question["f1"][rows])
        clusters.append(ours.clusters.index + before)
        before += int(ours.clusters.index.max()) + 1
    if not differences:
        return "", "", ""
    every = np.concatenate(differences)
    # Below 0, where the interval is the mean and a multiple of its error.
    low, high = mean_interval(every - 2, np.concatenate(clusters))
    return _said(100 * float(every.mean()), low + 200, high + 200)


def _said(difference: float, low: float, high: float) -> tuple[str, str, str]:
    verdict = "better" if low > 0 else "worse" if high < 0 else "inconclusive"
    return f"{difference:+.2f}", _interval((low, high)), verdict


def _interval(ends: tuple[float, float]) -> str:
    """From where to where; nothing of data that have none, such as those of one article."""
    return "" if np.isnan(ends).any() else f"{ends[0]:+.2f} to {ends[1]:+.2f}"


def _claims(base: str, known: Mapping[str, Runs]) -> dict[str, tuple[str, str, str]]:
    """What ``qatk compare`` says of each configuration against the base, on the seeds that both have."""
    if base not in known:
        return {}
    found = {}
    others = {name: _shared(runs, known[base]) for name, runs in known.items()}
    for parts in {tuple(parts) for parts in others.values() if parts}:
        names = [base, *(name for name, shared in others.items() if tuple(shared) == parts)]
        systems = [
            System(
                name, [known[name][p].evaluation for p in parts], [int(p.removeprefix("seed")) for p in parts], parts
            )
            for name in names
        ]
        for pair in compare_systems(systems).pairs:
            f1 = pair.headline
            found[names[pair.other]] = (f"{f1.difference:+.2f}", _interval(f1.bounds), f1.verdict)
    return found
