"""The figures of a report as Rich tables and texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qatk.api import RunResult
from qatk.display import (
    ANSWER_NOTHING,
    best_threshold,
    byte_size,
    counted,
    figure,
    interval,
    parameter_count,
    plain_table,
    printable,
)
from qatk.evaluation import OFFICIAL, agreement_of
from qatk.results import Evaluation, SliceRow, StageTime
from qatk.types import ALL, GROUPS, HAS_ANSWER, NO_ANSWER, groups_of

UNITS = ("questions", "contexts", "windows", "tokens")
COUNTS = {
    "questions_cut": "questions truncated to max_question_length",
    "answers_unreachable": "answerable questions whose answer is in no window",
    "questions_dropped": "training questions dropped with their windows",
}
"""Counts of the featurizer that are shown unless they are 0."""
NOTICEABLE = 0.005
"""The share of unreachable answers from which a report warns."""
OUT_OF_REACH = {
    "cap": (
        "are longer than max_answer_length and cannot be predicted",
        "decoder.max_answer_length: {longest} allows all of them",
    ),
    "window": (
        "are not complete in any window and cannot be predicted",
        "raise featurizer.doc_stride or featurizer.max_length",
    ),
    "tokenizer": (
        "begin or end inside a token and cannot be predicted",
        "a backbone with another tokenizer may help",
    ),
}
"""By reason: the effect on answers, and what to change."""
SCALE = "F1, 0 to 100"
FURTHER_HEADERS = ("further metrics", ALL.title, HAS_ANSWER.name, NO_ANSWER.name)


def headline(result: RunResult) -> list[RenderableType]:
    """EM and F1, of all questions and by answerability, with notes."""
    metrics = result.metrics
    if not {"exact", "f1", "total"} <= metrics.keys():
        return _other_metrics(metrics)
    evaluation = result.evaluation
    table = plain_table("", "", "EM", "95 %", "F1", "95 %", "n", left=(0, 1))
    for group, rows in groups_of(evaluation.examples.has_answer).items():
        if f"{group.prefix}total" in metrics:
            style, term = ("bold", "") if group == ALL else ("", group.name)
            cells = [Text(group.title, style), Text(term, "dim")]
            for name in ("exact", "f1"):
                bounds = Text(interval(evaluation.interval(name, rows)), "dim")
                cells += [Text(figure(metrics[f"{group.prefix}{name}"], 1), style), bounds]
            table.add_row(*cells, f"{int(metrics[f'{group.prefix}total']):,}")
    said = [evaluation.interval_note, *notes(evaluation)]
    beside = Text("\n").join(Text(note, "dim") for note in said)
    return [table, *([Padding(beside, (1, 0, 0, 0), expand=False)] if beside else []), *_other_metrics(metrics)]


def notes(evaluation: Evaluation) -> Iterable[str]:
    """Notes on EM and F1, one sentence each."""
    metrics = evaluation.metrics
    if {"exact", "f1"} <= metrics.keys():
        yield f"Answers are compared by the normaliser {evaluation.normaliser}."
        if (agreement := agreement_of(evaluation.examples, evaluation.normalisation)) is not None:
            yield agreement.said
    if "NoAns_total" in metrics:
        yield f"A system that never answers scores {100 * metrics['NoAns_total'] / metrics['total']:.1f}."
    if "best_f1" in metrics:
        best, at = figure(metrics["best_f1"], 1), best_threshold(metrics, "f1", 2)
        if at == ANSWER_NOTHING:
            yield f"The best F1, {best}, is that of never answering: no null threshold scores higher on this data."
        else:
            yield f"Best F1 {best} at null threshold {at} (tuned on this data: do not report it)."


def further_figures(metrics: Mapping[str, float]) -> list[tuple[str, list[float | None]]]:
    """The figures of further metrics by name: of all questions, HasAns and NoAns; ``None`` where one is not known."""
    known = OFFICIAL if "total" in metrics else OFFICIAL - {"exact", "f1"}
    groups = (HAS_ANSWER.prefix, NO_ANSWER.prefix)
    names = [name for name in metrics if name not in known and not name.startswith(groups)]
    return [(name, [metrics.get(f"{group.prefix}{name}") for group in GROUPS]) for name in names]


def further_table(metrics: Mapping[str, float]) -> tuple[Sequence[str], list[list[str]]]:
    """Headers, and a row for each further metric; the columns HasAns and NoAns only if they contain figures."""
    further = further_figures(metrics)
    by_group = any(value is not None for _, values in further for value in values[1:])
    headers = FURTHER_HEADERS[: None if by_group else 2]
    return headers, [[name, *(figure(value, 3) for value in values[: len(headers) - 1])] for name, values in further]


def _other_metrics(metrics: Mapping[str, float]) -> list[RenderableType]:
    """The figures of further metrics; those of EM and F1 stand in the headline."""
    headers, rows = further_table(metrics)
    if not rows:
        return []
    table = plain_table(*headers)
    for name, *cells in rows:
        table.add_row(Text(printable(name)), *cells)
    return [Padding(table, (1, 0, 0, 0), expand=False)]


def facts_of_run(result: RunResult) -> Table:
    """Parts, device, data and times of a run."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, lines in facts(result):
        style = "yellow" if name == "warning" else ""
        grid.add_row(Text(name, style), Text("\n").join(Text(printable(line), style) for line in lines))
    return grid


def facts(result: RunResult) -> Iterable[tuple[str, list[str]]]:
    """Parts, device, data and times of a run: each a name with its lines."""
    recipe, model = result.manifest.get("recipe", {}), result.manifest.get("model", {})
    counts = {key: value for stage in result.stages for key, value in stage.counts.items()}
    groups = _groups(result.stages)
    if backbone := recipe.get("backbone"):
        yield "model", [str(backbone.get("model") or backbone["use"])]
    if recipe:
        parts = [recipe[name]["use"] for name in ("featurizer", "head", "trainer", "decoder") if name in recipe]
        yield "parts", [" · ".join([*parts, *([f"seed {recipe['seed']}"] if "seed" in recipe else [])])]
    if model:
        known = [str(model[name]) for name in ("device", "precision") if name in model]
        sizes = [parameter_count(model["parameters"])] if "parameters" in model else []
        yield "device", [", ".join([*known, *sizes])]
    if model.get("head") == "untrained" and not any(stage.name == "train" for stage in result.stages):
        yield "warning", ["untrained head: the weights that score spans are random, and so are the answers"]
    sets = [name for name in (result.on, *result.sets) if name != "dev"]
    splits = [name for name in ("train", "dev", *sets) if "questions" in groups.get(name, {})]
    yield from zip(splits, ([line] for line in _aligned([_data(groups[name]) for name in splits])), strict=True)
    reached = result.evaluation.reach is not None
    for key, meaning in COUNTS.items():
        found = {name: int(groups.get(name, {}).get(key, 0)) for name in ("train", "dev", *sets)}
        found |= {"dev": 0} if reached and key == "answers_unreachable" else {}
        if any(found.values()):
            yield "note", [f"{meaning}: {', '.join(f'{n:,} in {name}' for name, n in found.items() if n)}"]
    unreached = groups["out_of_reach"] if result.on == "dev" else {}
    if lines := list(_out_of_reach(unreached, int(counts.get("longest_answer", 0)), result.metrics)):
        yield "warning", lines
    if result.stages:
        yield "time", _aligned([_time(stage) for stage in result.stages], left=1)
    if peak := result.manifest.get("peak_memory_bytes"):
        yield "memory", [f"{byte_size(peak)} (peak)"]


def _groups(stages: Sequence[StageTime]) -> Mapping[str, Mapping[str, float]]:
    """What all stages counted by group: ``train``, ``dev`` and ``out_of_reach``."""
    groups: dict[str, dict[str, float]] = {"train": {}, "dev": {}, "out_of_reach": {}}
    for stage in stages:
        for name, counts in stage.groups.items():
            groups.setdefault(name, {}).update(counts)
    return groups


def _out_of_reach(counts: Mapping[str, float], longest: int, metrics: Mapping[str, float]) -> Iterable[str]:
    """For each reason that keeps many answers out of reach how many there are, and what to change."""
    answerable = metrics.get("HasAns_total", 0)
    for reason, (meaning, fix) in OUT_OF_REACH.items():
        number = int(counts.get(reason, 0))
        if answerable and number >= NOTICEABLE * answerable:
            share = f"{number:,} of {counted(int(answerable), 'answer')} ({100 * number / answerable:.1f} %)"
            yield f"{share} {meaning}: {fix.format(longest=longest)}"


def _data(counts: Mapping[str, float]) -> list[str]:
    return [f"{int(counts[unit]):,} {unit}" if unit in counts else "" for unit in UNITS]


def _time(stage: StageTime) -> list[str]:
    if stage.skipped:
        return [stage.name, "skipped", f"(took {stage.seconds:,.1f} s)"]
    speed = stage.counts.get("windows_per_second")
    return [stage.name, f"{stage.seconds:,.1f} s", f"({speed:,.0f} windows/s)" if speed else ""]


def _aligned(rows: Sequence[Sequence[str]], left: int = 0) -> list[str]:
    """Rows of cells as lines with aligned columns; the first ``left`` columns to the left, the others to the right."""
    columns = []
    for i, column in enumerate(zip(*rows, strict=True)):
        width = max(map(len, column))
        columns.append([cell.ljust(width) if i < left else cell.rjust(width) for cell in column])
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]


def main_metric(rows: Sequence[SliceRow]) -> str:
    """The metric that slices are judged by: F1, or the first; ``""`` where there is none."""
    names = list(rows[0].metrics) if rows else []
    return "f1" if "f1" in names else next(iter(names), "")
