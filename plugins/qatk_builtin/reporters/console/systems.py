"""The systems of a comparison in the terminal: their figures, and what they were made by."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from qatk.display import in_blocks, plain_table, printable
from qatk_builtin.reporters.console.parts import INDENT, LEAST_NAME, WIDE, fixed
from qatk_builtin.reporters.shared.comparison import Contrast


def systems_table(contrast: Contrast, width: int) -> list[Table]:
    """The figures of each system, and of each seed, in as many tables as the width needs."""
    short_names = {"parameters": "params", "examples/s": "ex/s"} if width < WIDE else {}
    headers = [short_names.get(name, printable(name)) for name in contrast.headers]
    table = plain_table("", "", *headers, left=(0, 1))
    for line in contrast.lines():
        style = "" if line.letter else "dim"
        name = Text(printable(line.name), style) if line.letter else Text(f"  {line.name}", style)
        cells = [Text(cell, style) for cell in line.cells]
        for cell, bounds in zip(cells, line.intervals, strict=True):
            cell.append(f"\n{bounds}" if bounds else "", "dim")
        table.add_row(Text(line.letter, "bold"), name, *cells)
    names = fixed(table).columns[1]
    longest = max(len(system.name) for system in contrast.comparison.systems)
    names.no_wrap, names.overflow, names.min_width = False, "fold", min(longest, LEAST_NAME)
    first, *further = in_blocks(table, width - INDENT, labels=2, least=LEAST_NAME + 2)
    for block in further:  # names stand whole in the first
        block.columns[1].no_wrap, block.columns[1].overflow, block.columns[1].max_width = True, "ellipsis", LEAST_NAME
    return [first, *further]


def systems_note(contrast: Contrast) -> str:
    """What groups, AUC and intervals of that table are."""
    parts = ["HasAns, NoAns: F1"] if "HasAns" in contrast.headers else []
    parts += ["AUC: of the null odds"] if "AUC" in contrast.headers else []
    return "; ".join([*parts, contrast.intervals_note])


def settings_table(contrast: Contrast, width: int) -> list[Table]:
    """By key of the recipe, what each system was made by."""
    table = plain_table("", *contrast.letters, left=range(len(contrast.letters) + 1))
    for key, values in contrast.settings:
        table.add_row(Text(printable(key)), *(Text(printable(value)) for value in values))
    return in_blocks(table, width - INDENT, least=width // 3)
