"""The document: figures, charts and questions put into one HTML file.

Its Content-Security-Policy lets run what is written here, by its hash, and nothing else; it allows no network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from qatk.api import RunResult
from qatk.display import (
    METRICS,
    content_policy,
    counted,
    detects,
    figure,
    interval,
    p_value,
    page_script,
    page_style,
    page_template,
    points,
    printable,
    signed,
)
from qatk.files import finite, write_atomically
from qatk.results import Comparison, Evaluation, System
from qatk.types import ALL, groups_of
from qatk_builtin.reporters.html.charts import Chart
from qatk_builtin.reporters.html.costs import costs_chart
from qatk_builtin.reporters.html.curves import learning_chart, odds_charts
from qatk_builtin.reporters.html.intervals import differences, kinds_chart, slice_differences, slices_chart
from qatk_builtin.reporters.html.packing import whole
from qatk_builtin.reporters.html.questions import browser
from qatk_builtin.reporters.html.vega import vega_bundle
from qatk_builtin.reporters.shared.comparison import Contrast
from qatk_builtin.reporters.shared.facts import facts, further_table, notes
from qatk_builtin.reporters.shared.sets import NOTE, sets_table

PARTS = ("columns", "charts", "rows", "question", "filters", "browser", "start")
"""Of the page's script, in the order in which they need each other."""


def write_page(
    path: Path,
    systems: Sequence[System],
    comparison: Comparison | None = None,
    run: RunResult | None = None,
    *,
    questions: int,
) -> None:
    """Write the page of a run, or of a comparison.

    Args:
        path: the file to write, whole or not at all.
        systems: one for a run; those of the comparison.
        comparison: of these systems, where there are several.
        run: what was run, for a page of one system.
        questions: how many to hold; of more, those that some system has wrong come first.

    Raises:
        StorageError: where the file cannot be written.
    """
    charts = list(_charts(systems, comparison, run))
    held = browser(systems, comparison, questions)
    text: str = _template().render(
        policy=_policy(),
        style=Markup(page_style()),
        vega=Markup(vega_bundle()),
        script=Markup(_script()),
        charts=charts,
        specs=_json(_printable([[view.spec for view in chart.views] for chart in charts])),
        about=_json(held.about),
        rows=Markup(held.rows),
        best=Markup(held.best),
        kind="Comparison" if len(systems) > 1 else "System" if comparison else "Run",
        systems=systems,
        **(_of_comparison(comparison) if comparison else _of_run(systems[0], run)),
    )
    write_atomically(path, whole(text))


def _charts(systems: Sequence[System], comparison: Comparison | None, run: RunResult | None) -> Iterator[Chart]:
    if comparison and comparison.pairs:
        yield differences(comparison)
        yield from slice_differences(comparison)
        yield from costs_chart(comparison)
    scored = all("exact" in system.evaluation.per_question for system in systems)
    if scored:
        yield kinds_chart(systems)
    yield from slices_chart(Contrast(comparison).slices_alone() if comparison else systems[0].evaluation.slices)
    yield from odds_charts(systems, _threshold(run))
    if run:
        yield from learning_chart(run)


def _threshold(run: RunResult | None) -> float | None:
    used = run.manifest.get("recipe", {}).get("decoder", {}).get("null_threshold") if run else None
    return float(used) if isinstance(used, int | float) else None


def _of_run(system: System, run: RunResult | None) -> dict[str, object]:
    evaluation = system.evaluation
    return {
        "title": system.name,
        "lead": counted(len(evaluation.examples), "question"),
        "verdicts": (),
        "figures": list(_headline(evaluation)),
        "notes": list(notes(evaluation)),
        "tables": [table for table in (_further(evaluation), _sets(run)) if table],
        "facts": [(name, [_joined(line) for line in lines]) for name, lines in facts(run)] if run else (),
        "recipe": _recipe(run),
    }


def _joined(line: str) -> str:
    """A line of aligned columns with a dot between counts of different things, in place of the spaces."""
    return re.sub(r" {2,}(?=\d[\d,]* [a-z]{3})", " · ", line.strip())


def _of_comparison(comparison: Comparison) -> dict[str, object]:
    contrast = Contrast(comparison)
    return {
        "title": contrast.title,
        "lead": contrast.basis,
        "verdicts": comparison.verdicts,
        "figures": (),
        "notes": (),
        "tables": [_systems(contrast), *_settings(contrast), *_differences(contrast)],
        "facts": (),
        "recipe": "",
    }


def _headline(evaluation: Evaluation) -> Iterator[dict[str, str]]:
    """The figures that stand first: of all questions, and F1 by answerability, with intervals."""
    metrics = evaluation.metrics
    if not {"exact", "f1", "total"} <= metrics.keys():
        return
    for group, rows in groups_of(evaluation.examples.has_answer).items():
        for metric in ("f1", "exact") if group == ALL else ("f1",):
            if f"{group.prefix}total" in metrics and metric in evaluation.per_question:
                yield {
                    "name": METRICS[metric] if group == ALL else f"{METRICS[metric]} {group.name}",
                    "value": figure(metrics[f"{group.prefix}{metric}"], 1),
                    "interval": interval(evaluation.interval(metric, rows)),
                    "of": f"{int(metrics[f'{group.prefix}total']):,} {'questions' if group == ALL else group.title}",
                }


def _further(evaluation: Evaluation) -> dict[str, object] | None:
    headers, rows = further_table(evaluation.metrics)
    return {"title": "", "headers": headers, "rows": rows, "left": 1} if rows else None


def _sets(run: RunResult | None) -> dict[str, object] | None:
    if run is None or not run.sets:
        return None
    headers, rows = sets_table(run)
    return {"title": f"Evaluation sets: {NOTE}", "headers": headers, "rows": rows, "left": 1}


def _systems(contrast: Contrast) -> dict[str, object]:
    rows = [[line.letter, line.name, *line.bounded] for line in contrast.lines()]
    return {
        "title": f"Systems, {contrast.intervals_note}",
        "headers": ["", "system", *contrast.long_headers],
        "rows": rows,
        "left": 2,
    }


def _settings(contrast: Contrast) -> Iterator[dict[str, object]]:
    rows = [[key, *values] for key, values in contrast.settings]
    if rows:
        yield {"title": "Settings that differ", "headers": ["", *contrast.letters], "rows": rows, "left": len(rows[0])}


def _differences(contrast: Contrast) -> Iterator[dict[str, object]]:
    for pair in contrast.comparison.pairs:
        a, b = contrast.letters[pair.baseline], contrast.letters[pair.other]
        found = contrast.differences(pair)
        over = any(d.two_way for d in found)
        by_cluster = [f"95 % by {contrast.comparison.clusters.kind}", *(["95 % over seeds"] if over else [])]
        by = ["95 % by question", "p by question", *by_cluster, "p", "Holm p"]
        headers = ["", "", a, b, f"{b} - {a}", *by, "detects", "verdict"]
        rows = [
            [
                *(METRICS[d.metric], d.group, points(d.baseline), points(d.other), signed(d.difference)),
                *(interval(d.by_question), p_value(d.p_by_question), interval(d.by_cluster)),
                *([interval(d.two_way) if d.two_way else "-"] if over else []),
                *(p_value(d.p), p_value(d.p_adjusted), detects(d.detectable), d.verdict),
            ]
            for d in found
        ]
        names = contrast.comparison.systems
        title = f"{b} {names[pair.other].name} against {a} {names[pair.baseline].name}. {contrast.holm_note}"
        yield {"title": title, "headers": headers, "rows": rows, "left": 2}


def _recipe(run: RunResult | None) -> str:
    import yaml

    recipe = run.manifest.get("recipe") if run else None
    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True) if recipe else ""


def _json(value: object) -> Markup:
    """JSON for a script element: no text in it can end the element or open a comment."""
    text = json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _printable(value: object) -> object:
    """The value with every text printable: Vega's expressions, which hold names, break at separators of lines."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list | tuple) else value


@cache
def _script() -> str:
    return page_script(_asset(f"{name}.js") for name in PARTS)


@cache
def _policy() -> str:
    return content_policy([vega_bundle(), _script()], page_style())


@cache
def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text("utf-8")


@cache
def _template() -> jinja2.Template:
    return page_template(_asset("page.html.jinja"))
