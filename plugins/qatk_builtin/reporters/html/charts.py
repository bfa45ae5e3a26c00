"""What the page's charts are made of: Vega-Lite specifications of few kinds, with the numbers beside them.

Colours are the page's: a specification names none, so that charts follow light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]
Series = tuple[str, Sequence[float], Sequence[float]]
"""A name, the x values, the y values."""
DIGITS = 5
"""Digits kept of each number drawn: a chart has a few hundred pixels."""
HEIGHT = 260
WHOLE = ("epoch", "step")
"""Axes that have whole numbers only."""
MOST_TICKS = 10
STEP = 24
"""Pixels of a row of a chart with named rows."""


@dataclass(frozen=True)
class View:
    """One face of a chart: its name in a menu, the specification, and the numbers as headers and rows."""

    name: str
    spec: Spec
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Chart:
    """A chart: an id for links, a title, a sentence on how to read it, and its views, the first one shown."""

    id: str
    title: str
    caption: str
    views: Sequence[View]


def plot(layers: Sequence[Spec], height: float = HEIGHT) -> Spec:
    """Layers over each other, as wide as the page has room."""
    return {"width": "container", "height": height, "layer": list(layers)}


def curve(
    series: Sequence[Series], x: str, y: str, *, points: bool = False, steps: bool = False, names: Sequence[str] = ()
) -> Spec:
    """Lines, told apart by colour and dash; with a tooltip each.

    Args:
        series: the lines.
        x: title of the axis.
        y: title of the other axis.
        points: show the points of the lines too.
        steps: keep each value up to the next point.
        names: of all systems, where the lines are some of them: each system has its colour, whichever are shown.
    """
    values = [
        {"x": short(a), "y": short(b), "s": name}
        for name, xs, ys in series
        for a, b in zip(xs, ys, strict=True)
        if math.isfinite(a) and math.isfinite(b)
    ]
    shown = [name for name, _, _ in series]
    scale, legend = _colours(shown, names, symbolType="stroke")
    places = {short(a) for _, xs, _ in series for a in xs}
    ticks = {"axis": _whole_ticks(places)} if x in WHOLE and all(float(a).is_integer() for a in places) else {}
    mark: Spec = {"type": "line", "interpolate": "step-after" if steps else "linear"}
    return {
        "data": {"values": values},
        "mark": mark | ({"point": {"size": 45, "filled": True}} if points else {}),
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": x, "scale": {"zero": False, "nice": not points}}
            | ticks,
            "y": {"field": "y", "type": "quantitative", "title": y, "scale": {"zero": False}},
            "color": {"field": "s", "type": "nominal", "scale": scale, "legend": legend},
            "strokeDash": {"field": "s", "type": "nominal", "scale": scale, "legend": legend},
            "order": {"field": "x", "type": "quantitative"},
            "tooltip": [
                *([{"field": "s", "type": "nominal", "title": " "}] if legend else []),
                {"field": "x", "type": "quantitative", "title": x, "format": ".4~g"},
                {"field": "y", "type": "quantitative", "title": y, "format": ".4~g"},
            ],
        },
    }


def ranges(values: Sequence[tuple[str, float, float, float]], names: Sequence[str], x: str) -> Spec:
    """Vertical intervals: of each the name of its series, x, and both ends.

    Args:
        values: the intervals.
        names: of all series; the legend is that of :func:`curve`, which two layers share.
        x: title of the axis.
    """
    scale, legend = _colours(names, symbolType="stroke")
    return {
        "data": {"values": [{"s": s, "x": short(x), "low": short(a), "high": short(b)} for s, x, a, b in values]},
        "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.4},
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "low", "type": "quantitative"},
            "y2": {"field": "high"},
            "color": {"field": "s", "type": "nominal", "scale": scale, "legend": legend},
            "tooltip": [{"field": key, "title": {"s": " ", "x": x}.get(key, key)} for key in ("s", "x", "low", "high")],
        },
    }


def band(values: Sequence[tuple[str, float, float, float]], names: Sequence[str]) -> Spec:
    """The area between two lines: the name of its series, x, and both ends; under the lines of :func:`curve`."""
    scale, legend = _colours(names, symbolType="stroke")
    return {
        "data": {"values": [{"s": s, "x": short(x), "low": short(a), "high": short(b)} for s, x, a, b in values]},
        "mark": {"type": "area", "opacity": 0.15},
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "low", "type": "quantitative"},
            "y2": {"field": "high"},
            "color": {"field": "s", "type": "nominal", "scale": scale, "legend": legend},
        },
    }


def dots(values: Sequence[tuple[str, str, float, float]], names: Sequence[str], x: str, y: str) -> list[Spec]:
    """Points with a letter beside each: of each the name of its series, the letter, x and y.

    The first axis is of ratios where the largest x is more than ten times the least.
    """
    data = {"values": [{"s": s, "letter": letter, "x": short(a), "y": short(b)} for s, letter, a, b in values]}
    scale, legend = _colours(names)
    far = max(a for _, _, a, _ in values) > 10 * min(a for _, _, a, _ in values)
    ratios = {"type": "log"} if far else {"zero": False}
    place = {
        "x": {"field": "x", "type": "quantitative", "title": x, "scale": {**ratios, "nice": False, "padding": 24}},
        "y": {"field": "y", "type": "quantitative", "title": y, "scale": {"zero": False}},
    }
    colour = {"color": {"field": "s", "type": "nominal", "scale": scale, "legend": legend}}
    told = [{"field": key, "title": title} for key, title in (("s", " "), ("x", x), ("y", y))]
    point = {"mark": {"type": "point", "filled": True, "size": 80, "opacity": 1}}
    beside = {"mark": {"type": "text", "align": "left", "dx": 8, "dy": -8}}
    return [
        {"data": data, **point, "encoding": {**place, **colour, "tooltip": told}},
        {"data": data, **beside, "encoding": {**place, "text": {"field": "letter", "type": "nominal"}}},
    ]


def staircase(values: Sequence[tuple[float, float]]) -> Spec:
    """A line that keeps each y up to the next x."""
    return {
        "data": {"values": [{"x": short(x), "y": short(y)} for x, y in values]},
        "mark": {"type": "line", "interpolate": "step-after", "style": "guide"},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }


def _colours(shown: Sequence[str], names: Sequence[str] = (), **legend: object) -> tuple[Spec, Spec | None]:
    """The scale and the legend of what is shown, out of all names; no legend for a line that needs none."""
    domain = list(names or shown)
    wanted = {"title": None, "orient": "bottom", "values": list(shown), **legend}
    return {"domain": domain}, wanted if len(domain) > 1 else None


def _whole_ticks(values: Collection[float]) -> Spec:
    """An axis of whole numbers: each of a few, else at whole steps."""
    ticks: Spec = {"values": sorted(values)} if len(values) <= MOST_TICKS else {"tickMinStep": 1}
    return {**ticks, "format": ",d"}


def rule_at(x: float, meaning: str) -> Spec:
    """A vertical line with what it means."""
    return {
        "data": {"values": [{"x": short(x), "what": meaning}]},
        "mark": {"type": "rule", "strokeDash": [2, 3], "style": "guide"},
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "tooltip": [{"field": "what", "type": "nominal", "title": " "}, {"field": "x", "type": "quantitative"}],
        },
    }


def diagonal() -> Spec:
    """The line on which y is x, from 0 to 100."""
    return {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 100, "y": 100}]},
        "mark": {"type": "line", "strokeDash": [2, 3], "style": "guide"},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }


def zero_rule() -> Spec:
    """A vertical line at 0."""
    return {"data": {"values": [{}]}, "mark": {"type": "rule", "style": "guide"}, "encoding": {"x": {"datum": 0}}}


def intervals(
    rows: Sequence[Spec], x: str, *, series: Sequence[str] = (), names: Sequence[str] = (), zero: bool = False
) -> Spec:
    """Named rows, each a point with one or two intervals.

    Args:
        rows: of ``name``, ``value``, ``low`` and ``high``, with ``inner_low`` and ``inner_high`` for a second interval,
            ``s`` where there are several points a row, and further keys for the tooltip.
        x: title of the axis.
        series: the names of the points of a row.
        names: of all systems, as of :func:`curve`.
        zero: draw a line at 0.
    """
    place: Spec = {"y": {"field": "name", "type": "nominal", "title": None, "sort": None}}
    if len(series) > 1:
        place["yOffset"] = {"field": "s", "type": "nominal", "scale": {"domain": list(series)}}
    if series:
        scale, legend = _colours(series, names)
        place["color"] = {"field": "s", "type": "nominal", "scale": scale, "legend": legend}
    told = [key for key in rows[0] if key not in ("inner_low", "inner_high")] if rows else []
    tooltip = [{"field": key, "title": {"s": " ", "name": " "}.get(key, key)} for key in told]
    axis = {"type": "quantitative", "title": x, "scale": {"zero": zero}}
    layers: list[Spec] = [zero_rule()] if zero else []
    if rows and "inner_low" in rows[0]:
        layers.append(_bar(place, axis, ("inner_low", "inner_high"), {"strokeWidth": 9, "opacity": 0.35}, tooltip))
    layers.append(_bar(place, axis, ("low", "high"), {"strokeWidth": 2}, tooltip))
    point = {"mark": {"type": "point", "filled": True, "size": 80, "opacity": 1}}
    layers.append({**point, "encoding": {**place, "x": {**axis, "field": "value"}, "tooltip": tooltip}})
    step = STEP * max(1, 0.6 * len(series))
    return {**plot(layers, _rows_height(rows, step)), "data": {"values": list(rows)}}


def _bar(place: Spec, axis: Spec, ends: tuple[str, str], looks: Spec, tooltip: object) -> Spec:
    low, high = ends
    x = {"x": {**axis, "field": low}, "x2": {"field": high}, "tooltip": tooltip}
    return {"mark": {"type": "rule", **looks}, "encoding": {**place, **x}}


def bars(rows: Sequence[Spec], x: str, series: Sequence[str] = ()) -> Spec:
    """Named rows, a bar each, or one of each of several series; rows of ``name``, ``value`` and ``s``."""
    encoding: Spec = {
        "y": {"field": "name", "type": "nominal", "title": None, "sort": None},
        "x": {"field": "value", "type": "quantitative", "title": x},
        "tooltip": [{"field": key, "title": " " if key in ("s", "name") else key} for key in rows[0]],
    }
    if len(series) > 1:
        scale, legend = _colours(series)
        encoding["yOffset"] = {"field": "s", "type": "nominal", "scale": scale}
        encoding["color"] = {"field": "s", "type": "nominal", "scale": scale, "legend": legend}
    step = STEP * max(1, 0.6 * len(series))
    layer = {"mark": {"type": "bar", "cornerRadiusEnd": 2}, "encoding": encoding}
    return {**plot([layer], _rows_height(rows, step)), "data": {"values": list(rows)}}


def _rows_height(rows: Sequence[Spec], step: float) -> float:
    return round(step * len({row["name"] for row in rows}))


def short(value: float) -> float:
    """A number cut to the digits that a chart can show."""
    return float(f"{value:.{DIGITS}g}")
