"""The learning curves on the page of ``tools/make_quality.py``, and the figures that all its tables have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from quality_records import Made, at_best, held_out
from quality_runs import Configuration

Runs = Mapping[str, Made]
"""The finished runs of a configuration, by part."""
CURVE = """
## How much labelling each is worth

F1 with held-out thresholds by number of training questions, on the same data as above; means over the seeds.
"""


def figures_of(runs: Sequence[Made]) -> list[float]:
    """Means over all questions of all runs; of thresholds, over runs."""
    one = {name: np.concatenate([run.evaluation.per_question[name] for run in runs]) for name in ("exact", "f1")}
    answered = np.concatenate([run.evaluation.examples.has_answer for run in runs])
    means = [one["exact"], one["f1"], one["f1"][answered], one["f1"][~answered]]
    percents = [100 * float(values.mean()) if len(values) else float("nan") for values in means]
    return [*percents, *(float(np.mean([of(run) for run in runs])) for of in (at_best, held_out))]


def unanswerable(runs: Sequence[Made]) -> float:
    """The share of questions without an answer, in per cent."""
    return 100 * float(np.mean(np.concatenate([~run.evaluation.examples.has_answer for run in runs])))


def questions_of(name: str, every: Mapping[str, Configuration]) -> int:
    """The number of questions of a configuration of a learning curve; 0 of others."""
    first, _, last = name.rpartition("-")
    return int(last) if first in every and last.isdecimal() and every[name].questions == int(last) else 0


def curves(known: Mapping[str, Runs], every: Mapping[str, Configuration], place: Path) -> list[str]:
    """The learning curves of configurations that have one, as a table and as a chart."""
    points: dict[str, dict[int, float]] = {}
    nothing = float("nan")
    for name in every:
        if runs := [run for part, run in known[name].items() if part.startswith("seed") and questions_of(name, every)]:
            points.setdefault(name.rpartition("-")[0], {})[questions_of(name, every)] = figures_of(runs)[-1]
    for name, of in points.items():
        if runs := [run for part, run in known[name].items() if part.startswith("seed")]:
            of[runs[0].questions], nothing = figures_of(runs)[-1], unanswerable(runs)
    if not points:
        return []
    numbers = sorted({number for of in points.values() for number in of})
    lines = [CURVE, f"|  |{''.join(f' {number:,} |' for number in numbers)}", f"| --- |{' --: |' * len(numbers)}"]
    lines += [
        f"| `{name}` |{''.join(f' {of[n]:.1f} |' if n in of else '  |' for n in numbers)}"
        for name, of in points.items()
    ]
    lines.append(f"| answering nothing |{f' {nothing:.1f} |' * len(numbers)}")
    chart = place.with_suffix(".svg")
    chart.write_text(_chart(points, numbers, nothing), encoding="utf-8")
    return [*lines, "", f"![F1 by number of training questions]({chart.name})", ""]


def _chart(points: Mapping[str, Mapping[int, float]], numbers: Sequence[int], nothing: float) -> str:
    import vl_convert

    rows = [{"recipe": name, "questions": n, "F1": f1} for name, of in points.items() for n, f1 in sorted(of.items())]
    x = {
        "field": "questions",
        "type": "quantitative",
        "title": "training questions",
        "scale": {"type": "log", "nice": False},
        "axis": {"values": list(numbers), "format": ",d"},
    }
    y = {"field": "F1", "type": "quantitative", "scale": {"zero": False}, "title": "held-out F1"}
    line = {
        "mark": {"type": "line", "point": True},
        "encoding": {"x": x, "color": {"field": "recipe", "type": "nominal"}},
    }
    rule = {"data": {"values": [{"F1": nothing}]}, "mark": {"type": "rule", "strokeDash": [4, 4]}}
    spec = {
        "data": {"values": rows},
        "width": 480,
        "height": 280,
        "title": {"text": "dashed: answering nothing", "anchor": "start", "fontSize": 11, "fontWeight": "normal"},
        "encoding": {"y": y},
        "layer": [line, *([] if np.isnan(nothing) else [rule])],
    }
    return str(vl_convert.vegalite_to_svg(spec))
