"""A comparison in the terminal: the verdict, the systems, their differences, where they lie, and examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from qatk.display import (
    METRICS,
    detects,
    in_blocks,
    interval,
    p_value,
    plain_table,
    points,
    printable,
    shortened,
    signed,
)
from qatk.evaluation import RIGHT_KINDS
from qatk.results import UNRESOLVED, Comparison, Difference, Interval, Pair
from qatk.types import ALL
from qatk_builtin.reporters.console.parts import INDENT, LEAST_NAME, LONGEST_LABEL, WIDE, fixed, print_parts
from qatk_builtin.reporters.console.slices import pick_slices, slices_note, slices_table
from qatk_builtin.reporters.console.systems import settings_table, systems_note, systems_table
from qatk_builtin.reporters.shared.cases import case_text, said_text
from qatk_builtin.reporters.shared.comparison import Contrast, SliceLine

WIDE_WITH_SEEDS = 128
"""Columns from which a difference with an interval over seeds fits in one line."""
MOST_SLICES = 8
FEW_PAIRS = 2
FEW_SLICES = 3
POINTS = "points, with 95 % intervals"
DETECTS = "detects: smallest true difference found 4 times in 5, after Holm's correction"
GROUPS_NOTE = "HasAns and NoAns of each pair: in --markdown, --html and --json"
VERDICTS = {"better": "bold green", "worse": "bold red", UNRESOLVED: "yellow"}


def print_comparison(comparison: Comparison, console: Console, show: int) -> None:
    """Print everything; reads well from 80 columns on, with and without colour.

    Args:
        comparison: of one system or more.
        console: where to.
        show: how many wins, losses and questions that both have wrong to show of each pair.
    """
    contrast = Contrast(comparison)
    _title(console, printable(contrast.title))
    verdicts = [Text(printable(verdict), "bold") for verdict in comparison.verdicts]
    print_parts(console, [*verdicts, Text(contrast.basis, "dim")])
    _section(console, "Systems", [*systems_table(contrast, console.width)], systems_note(contrast))
    if comparison.settings:
        _section(console, "Settings that differ", [*settings_table(contrast, console.width)])
    for name, note, parts in _differences(contrast, console.width):
        _section(console, name, parts, note)
    if rows := contrast.slices_alone():
        shown, note = pick_slices(contrast.alone(), MOST_SLICES, rows)
        table = [slices_table(shown, console.width - INDENT)] if shown else []
        _section(console, "Slices", [*table, *slices_note(shown)], note)
    _section(
        console,
        "Right and wrong",
        [*_kinds(contrast, console.width)],
        "questions of each kind; EM decides what is right",
    )
    for pair in comparison.pairs:
        for title, parts in _cases(contrast, pair, show):
            _section(console, title, parts)


def _title(console: Console, title: str) -> None:
    """A title on a rule, or where it is too long for that above one."""
    text = Text(title, "bold")
    if text.cell_len > console.width - 4:
        console.print(text)
        text = Text()
    console.print(Rule(text, characters="━", align="left", style="cyan"))


def _section(console: Console, title: str | Text, parts: list[RenderableType], note: str = "") -> None:
    console.print()
    heading = Text(title, "bold cyan") if isinstance(title, str) else title.copy()
    console.print(heading.append(f"   {note}", "not bold dim") if note else heading)
    print_parts(console, parts)


def _differences(contrast: Contrast, width: int) -> Iterator[tuple[str, str, list[RenderableType]]]:
    """Of each pair its differences, then the slices in which they lie: title, note, parts. Many pairs share a table."""
    pairs = contrast.comparison.pairs
    if not (few := len(pairs) <= FEW_PAIRS):
        a, title = ("first", "Differences, all pairs") if contrast.all_pairs else ("A", "Differences from A")
        every = [(pair, [d for d in contrast.differences(pair) if d.group == ALL.name]) for pair in pairs]
        rows = [row for pair, shown in every for row in _rows(shown, contrast.label(pair))]
        found = _table(rows, (a, "other", "diff"), contrast.comparison.clusters.kind, width)
        where = [Text(GROUPS_NOTE, "dim")] if any(len(pair.differences) > len(shown) for pair, shown in every) else []
        yield title, POINTS, [*found, *where, *_below(contrast, pairs, explained=True)]
    for i, pair in enumerate(pairs):
        a, b = contrast.letters[pair.baseline], contrast.letters[pair.other]
        if few:
            rows = _rows(contrast.differences(pair))
            found = _table(rows, (a, b, f"{b} - {a}"), contrast.comparison.clusters.kind, width)
            yield f"{b} - {a}", POINTS, [*found, *_below(contrast, [pair], explained=not i)]
        lines, telling, of = contrast.slices(pair, MOST_SLICES if few else FEW_SLICES)
        if lines:
            told = f"the clearest {len(lines)} of {telling}" if telling > len(lines) else f"{telling} of {of} slices"
            yield (
                f"Slices in which {a} and {b} differ",
                told,
                [
                    *_slices(lines, a, b, contrast.comparison.bounds_by([pair]), width),
                    *([Text(said, "dim")] if (said := contrast.slices_note(pair, lines)) else []),
                ],
            )
        elif of:
            yield f"Slices in which {a} and {b} differ", f"no clear difference in any of {of}", []


def _below(contrast: Contrast, pairs: Sequence[Pair], *, explained: bool) -> list[RenderableType]:
    """What stands below a table of differences."""
    notes = [contrast.holm_note, DETECTS] if explained else []
    return [Text(note, "dim") for note in [*notes, contrast.design_note(pairs)] if note]


Row = tuple[str, str, Difference]
"""Two labels and a difference."""


def _rows(differences: list[Difference], letter: str = "") -> list[Row]:
    """Labelled by metric and group, or where a letter is given by system and metric; no label stands twice in a row."""
    labels = [(letter, METRICS[d.metric]) if letter else (METRICS[d.metric], d.group) for d in differences]
    above = [("", ""), *labels]
    shown = [(first if first != above[i][0] else "", second) for i, (first, second) in enumerate(labels)]
    return [(*label, d) for label, d in zip(shown, differences, strict=True)]


def _table(rows: list[Row], sides: tuple[str, str, str], clusters: str, width: int) -> list[Table]:
    """A line a difference; where that is too wide two: what goes by cluster, and below what goes by question."""
    seeds = any(d.two_way for _, _, d in rows)
    over = ["over seeds"] if seeds else []
    wide = width >= (WIDE_WITH_SEEDS if seeds else WIDE)
    if wide:
        tests = ["by question", "p by\nquestion", f"by {clusters}", *over, "Holm p"]
    else:
        tests = ["\n".join([f"by {clusters}", *(over or [""]), "by question"]), "Holm p\np by\nquestion"]
    table = plain_table("", "", *sides, *tests, "detects", "", left=(0, 1, 6 + len(tests)))
    for first, second, d in rows:
        between = [interval(d.two_way)] if d.two_way else over and ["-"]
        alone, adjusted = p_value(d.p_by_question), p_value(d.p_adjusted)
        cells: list[str | Text] = [interval(d.by_question), alone, interval(d.by_cluster), *between, adjusted]
        if not wide:
            lower = "\n".join([*between, interval(d.by_question)])
            below = "\n".join([*("" for _ in over), alone])
            cells = [_stacked(interval(d.by_cluster), lower), _stacked(adjusted, below)]
        table.add_row(Text(first, "bold"), second, *_values(d), *cells, detects(d.detectable), _verdict(d))
    return in_blocks(fixed(table), width - INDENT, labels=2)


def _stacked(upper: str, lower: str) -> Text:
    return Text.assemble(upper, (f"\n{lower}", "dim"))


def _values(d: Difference) -> tuple[str, str, Text]:
    return points(d.baseline), points(d.other), Text(signed(d.difference), VERDICTS.get(d.verdict, ""))


def _verdict(d: Difference) -> Text:
    return Text(d.verdict, VERDICTS.get(d.verdict, ""))


def _slices(lines: list[SliceLine], a: str, b: str, by: str, width: int) -> list[Table]:
    """F1 in the slices; where there is room the intervals also as a picture on a common scale."""
    limit = max(abs(bound) for line in lines for bound in _ends(line.f1)) or 1.0
    room = 25 if width >= WIDE else 0
    by = "by " + by.replace(" and ", "\nand ", 1)
    picture = [_scale(limit, room)] if room else []
    table = plain_table("", "n", f"F1 {a}", f"F1 {b}", f"{b} - {a}", by, f"EM {b} - {a}", *picture, left=(0, 7))
    for line in lines:
        d = line.f1
        label = printable(shortened(d.group, LONGEST_LABEL))
        exact = signed(line.exact.difference) if line.exact else "-"
        drawn = [_picture(d.difference, _ends(d), limit, room)] if room else []
        table.add_row(Text(label), f"{d.total:,}", *_values(d), interval(d.bounds), exact, *drawn)
    labels = fixed(table).columns[0]
    labels.no_wrap, labels.overflow = False, "fold"  # so that names give way, and never figures
    return in_blocks(table, width - INDENT, least=LEAST_NAME)


def _ends(d: Difference) -> Interval:
    """The interval; where it is not known, the point."""
    return d.bounds if d.bounds.low <= d.bounds.high else Interval(d.difference, d.difference)


def _scale(limit: float, width: int) -> str:
    """The header of the pictures: both ends and 0 in the middle."""
    low, high = f"-{limit:.0f}", f"+{limit:.0f}"
    middle = width // 2
    return f"{low}{'0':>{middle + 1 - len(low)}}{high:>{width - middle - 1}}"


def _picture(middle: float, bounds: Interval, limit: float, width: int) -> Text:
    """An interval from its low to its high end, with a dot at the difference; the line in the middle is 0."""
    cells = [" "] * width
    cells[width // 2] = "┊"
    low, dot, high = (round((value / limit + 1) / 2 * (width - 1)) for value in (bounds.low, middle, bounds.high))
    cells[low : high + 1] = "━" * (high + 1 - low)
    cells[dot] = "●"
    style = "green" if bounds.low > 0 else "red" if bounds.high < 0 else "dim"
    return Text("".join(cells), style)


def _kinds(contrast: Contrast, width: int) -> list[Table]:
    """How many questions of each kind each system has; of two systems also the share and the change."""
    two, total = len(contrast.letters) == 2, len(contrast.comparison.examples)
    columns = [column for letter in contrast.letters for column in ([letter, ""] if two else [letter])]
    table = plain_table("", *columns, *(["B - A"] if two else []))
    for kind, counts in contrast.kinds.items():
        cells: list[str | Text] = []
        for count in counts.tolist():
            cells += [f"{count:,.0f}", *([Text(f"{100 * count / total:.1f} %", "dim")] if two else [])]
        if two:
            change = float(counts[1] - counts[0])
            good = (change > 0) == (kind in RIGHT_KINDS)
            cells.append(Text(signed(change, 0), ("green" if good else "red") if round(change) else "dim"))
        table.add_row(Text(kind), *cells)
    return in_blocks(fixed(table), width - INDENT)


def _cases(contrast: Contrast, pair: Pair, show: int) -> Iterator[tuple[Text, list[RenderableType]]]:
    for name, rows in contrast.cases(pair):
        count = f"{min(show, len(rows))} of {len(rows):,}" if len(rows) and show else f"{len(rows):,}"
        title = Text.assemble((f"{name[0].upper()}{name[1:]}: {count}", "bold cyan"))
        if len(rows) and show:
            a, b = contrast.letters[pair.baseline], contrast.letters[pair.other]
            title.append(f"   {a}« »  {b}« »  gold [ ]", "dim")
        yield title, [_case(contrast, pair, row, last=i > 0) for i, row in enumerate(rows[:show].tolist())]


def _case(contrast: Contrast, pair: Pair, row: int, *, last: bool) -> RenderableType:
    """One question: what was asked, what is right, what both said, and where in the context."""
    sides = (pair.baseline, pair.other)
    colours = {side: "green" if contrast.kind(side, row) in RIGHT_KINDS else "red" for side in sides}
    head = Text("   ").join(
        Text.assemble(
            (f"{contrast.letters[side]} ", "bold"),
            (contrast.kind(side, row), f"bold {colours[side]}"),
            (f"  F1 {contrast.f1(side, row):.2f}", "dim"),
        )
        for side in sides
    )
    systems = contrast.comparison.systems
    said = {contrast.letters[side]: said_text(systems[side].evaluation, row, colours[side]) for side in sides}
    marks = contrast.marks(pair, row, {side: f"bold {colours[side]}" for side in sides})
    case = case_text(head, contrast.comparison.examples, row, said, marks)
    return Padding(case, (1 if last else 0, 0, 0, 0), expand=False)
