"""The ``markdown`` reporter: ``report.md`` of a run, and a comparison for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from qatk.api import RunResult
from qatk.display import METRICS, Mark, detects, figure, interval, p_value, points, shortened, signed
from qatk.evaluation import KINDS, RIGHT_KINDS, error_kinds_of
from qatk.files import write_atomically
from qatk.results import Comparison, Difference, Evaluation, Pair, SliceRow
from qatk.types import groups_of
from qatk_builtin.reporters import MarkdownOptions
from qatk_builtin.reporters.markdown.escape import code, details, escape, escape_printable, table
from qatk_builtin.reporters.shared.cases import LONGEST, context_text, golds_of, marks_of, pick_losses, pick_wins
from qatk_builtin.reporters.shared.comparison import Contrast
from qatk_builtin.reporters.shared.facts import facts, further_table, notes
from qatk_builtin.reporters.shared.sets import NOTE, sets_table

OPEN, CLOSE = "\x01", "\x02"
"""Begin and end of a mark while the text is escaped: no text of the data holds control characters by then."""
MOST_SLICES = 12


class MarkdownReporter:
    """Writes GitHub's Markdown; text of the data is escaped."""

    def __init__(self, options: MarkdownOptions) -> None:
        self.options = options

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Write ``report.md`` into ``out_dir``; nothing is printed."""
        if out_dir is not None:
            text = _join(_run_parts(result, self.options.wins, self.options.losses))
            write_atomically(out_dir / "report.md", text)

    def compare(self, comparison: Comparison, file: Path | None, console: Console, *, show: int) -> None:
        """Write a comparison to ``file``, or print it to ``console``, with ``show`` examples of each sort."""
        text = _join(_comparison_parts(Contrast(comparison), show))
        if file is None:
            console.print(text, end="", markup=False, highlight=False, emoji=False, soft_wrap=True)
        else:
            write_atomically(file, text)


def _join(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _comparison_parts(contrast: Contrast, show: int) -> Iterator[str]:
    comparison = contrast.comparison
    yield f"## {escape(contrast.title)}"
    for verdict in comparison.verdicts:
        yield f"**{escape(verdict)}**"
    yield escape(contrast.basis)
    yield _systems(contrast)
    yield _settings(contrast)
    for pair in comparison.pairs:
        yield from _pair_parts(contrast, pair)
    yield from _by_slicer(contrast.slices_alone())
    yield details("Right and wrong, by kind", _kinds(contrast))
    for pair in comparison.pairs:
        for name, rows in contrast.cases(pair):
            if len(rows) and show:
                cases = "\n\n".join(_pair_case(contrast, pair, row) for row in rows[:show].tolist())
                yield details(f"{escape(name)}: {min(show, len(rows))} of {len(rows):,}", cases)
            else:
                yield f"{escape(name)}: {len(rows):,}"


def _systems(contrast: Contrast) -> str:
    rows = []
    for line in contrast.lines():
        name = escape(line.name) if line.letter else f"<sub>{escape(line.name)}</sub>"
        cells = line.bounded if line.letter else [f"<sub>{cell}</sub>" if cell else "" for cell in line.bounded]
        rows.append([line.letter, name, *cells])
    systems = table(["", "system", *map(escape, contrast.long_headers)], rows, left=(0, 1))
    return f"{systems}\n\n{escape(contrast.intervals_note)}"


def _settings(contrast: Contrast) -> str:
    """What the systems were made by, where that differs; empty where it does not."""
    rows = [[code(key), *(value and code(value) for value in values)] for key, values in contrast.settings]
    left = range(len(contrast.letters) + 1)
    return f"Settings that differ:\n\n{table(['', *contrast.letters], rows, left=left)}" if rows else ""


def _pair_parts(contrast: Contrast, pair: Pair) -> Iterator[str]:
    """The differences of a pair, and the slices in which they lie."""
    a, b = contrast.letters[pair.baseline], contrast.letters[pair.other]
    by_cluster = f"95 % by {escape(contrast.comparison.clusters.kind)}"
    found = contrast.differences(pair)
    over = ["95 % over seeds"] if any(d.two_way for d in found) else []
    by_question = ["95 % by question", "p by question"]
    headers = ["", "", a, b, f"{b} - {a}", *by_question, by_cluster, *over, "p", "Holm p", "detects", ""]
    rows = [
        [
            *(METRICS[d.metric], d.group, *_values(d), interval(d.by_question), _small(p_value(d.p_by_question))),
            interval(d.by_cluster),
            *([interval(d.two_way)] if d.two_way else over and ["-"]),
            *(_small(p_value(d.p)), _small(p_value(d.p_adjusted)), detects(d.detectable), d.verdict),
        ]
        for d in found
    ]
    yield table(headers, rows, left=(0, 1, len(headers) - 1))
    yield escape("; ".join(filter(None, [contrast.holm_note, contrast.design_note([pair])])))
    lines, telling, of = contrast.slices(pair, MOST_SLICES)
    rows = [
        [
            *(escape(line.f1.group), f"{line.f1.total:,}", *_values(line.f1), interval(line.f1.bounds)),
            signed(line.exact.difference) if line.exact else "-",
        ]
        for line in lines
    ]
    by = f"95 % by {escape(contrast.comparison.bounds_by([pair]))}"
    headers = ["slice", "n", f"F1 {a}", f"F1 {b}", f"{b} - {a}", by, f"EM {b} - {a}"]
    shown = f"the clearest {len(lines)} of {telling}, of" if telling > len(lines) else f"{telling} of"
    title = f"Slices in which {a} and {b} differ: {shown} {of}"
    note = f"\n\n{escape(said)}" if (said := contrast.slices_note(pair, lines)) else ""
    yield details(title, table(headers, rows) + note) if rows else f"{title}." if of else ""


def _values(d: Difference) -> list[str]:
    return [points(d.baseline), points(d.other), f"**{signed(d.difference)}**"]


def _small(p: str) -> str:
    return p.replace("<", "&lt;")


def _kinds(contrast: Contrast) -> str:
    rows = [[kind, *(f"{count:,.0f}" for count in counts)] for kind, counts in contrast.kinds.items()]
    return table(["", *contrast.letters], rows)


def _pair_case(contrast: Contrast, pair: Pair, row: int) -> str:
    """One question, with what each system said and where in the context."""
    sides = (pair.baseline, pair.other)
    answers = [
        (
            f"{contrast.letters[side]} ({contrast.kind(side, row)}, F1 {contrast.f1(side, row):.2f})",
            _said(contrast.comparison.systems[side].evaluation, row),
        )
        for side in sides
    ]
    marks = contrast.marks(pair, row, dict.fromkeys(sides, ""))
    return _case(contrast.comparison.systems[pair.baseline].evaluation, row, answers, marks)


def _case(evaluation: Evaluation, row: int, answers: Sequence[tuple[str, str]], marks: Sequence[Mark]) -> str:
    examples = evaluation.examples
    bold = [Mark(m.start, m.end, "", f"{OPEN}{m.open}", f"{m.close}{CLOSE}") for m in marks]
    pieces = context_text(examples.context_of(row), bold).plain.split("\n")
    shown = [escape_printable(piece.lstrip()).replace(OPEN, "<b>").replace(CLOSE, "</b>") for piece in pieces]
    spans = (" / ".join(_answer(text) for text in span) for span in golds_of(examples, row))
    gold = "; ".join(spans) or _answer("")
    lines = [f"**{_cut(examples.question[row])}** {code(examples.id[row])}", "", f"- gold: {gold}"]
    lines += [f"- {who}: {said}" for who, said in answers]
    shown[0] = shown[0].lstrip()  # else blanks would make it a block of code
    return "\n".join([*lines, "", f"> {'<br>'.join(shown)}"])


def _said(evaluation: Evaluation, row: int) -> str:
    """The spans of an answer."""
    return "; ".join(_answer(span.text) for span in evaluation.predictions.spans(row)) or _answer("")


def _answer(text: str) -> str:
    return _cut(text) if text else "*(no answer)*"


def _cut(text: str) -> str:
    return escape(shortened(text, LONGEST))


def _run_parts(result: RunResult, wins: int, losses: int) -> Iterator[str]:
    evaluation, metrics = result.evaluation, result.metrics
    yield f"# {escape(result.title)}"
    if {"exact", "f1", "total"} <= metrics.keys():
        rows = [
            [
                title,
                *(_bounded(metrics[f"{prefix}{key}"], evaluation.interval(key, mask)) for key in METRICS),
                f"{int(metrics[f'{prefix}total']):,}",
            ]
            for (_, prefix, title), mask in groups_of(evaluation.examples.has_answer).items()
            if f"{prefix}total" in metrics
        ]
        yield table(["", "EM", "F1", "questions"], rows)
        said = [evaluation.interval_note, *notes(evaluation)]
        yield "\n".join(f"{escape(note)}  " for note in said).rstrip()
    yield _escaped(*further_table(metrics))
    if result.sets:
        yield _escaped(*sets_table(result))
        yield escape(f"{NOTE[0].upper()}{NOTE[1:]}.")
    yield "\n".join(
        f"- {name}: {'; '.join(escape(' '.join(line.split())) for line in lines)}" for name, lines in facts(result)
    )
    yield from _by_slicer(evaluation.slices)
    for name, other in result.sets.items():
        by = dict.fromkeys(row.slicer for row in other.slices)
        tables = [f"{escape(by)}\n\n{_slices([row for row in other.slices if row.slicer == by])}" for by in by]
        yield details(f"Slices of {escape(name)}", "\n\n".join(tables)) if tables else ""
    if "exact" in evaluation.per_question:
        yield from _run_cases(evaluation, wins, losses)


def _escaped(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain texts; nothing without rows."""
    return (
        table([escape(header) for header in headers], [[escape(cell) for cell in row] for row in rows]) if rows else ""
    )


def _by_slicer(rows: Sequence[SliceRow]) -> Iterator[str]:
    for slicer in dict.fromkeys(row.slicer for row in rows):
        yield details(f"By {escape(slicer.replace('-', ' '))}", _slices([row for row in rows if row.slicer == slicer]))


def _slices(groups: Sequence[SliceRow]) -> str:
    names = list(groups[0].metrics)
    rows = [[escape(row.name), *(_with_interval(row, name) for name in names), f"{row.total:,}"] for row in groups]
    return table(["", *(METRICS.get(name) or escape(name) for name in names), "n"], rows)


def _with_interval(row: SliceRow, metric: str) -> str:
    return _bounded(row.metrics.get(metric), row.intervals.get(metric))


def _bounded(value: float | None, bounds: tuple[float, float] | None) -> str:
    return figure(value, 1) + (f" ({interval(bounds)})" if bounds else "")


def _run_cases(evaluation: Evaluation, wins: int, losses: int) -> Iterator[str]:
    codes = error_kinds_of(evaluation)
    for word, rows, right in (
        ("Wins", pick_wins(evaluation, wins), True),
        ("Losses", pick_losses(evaluation, losses), False),
    ):
        counts = [
            f"{kind} {number:,}"
            for i, kind in enumerate(KINDS)
            if (kind in RIGHT_KINDS) == right and (number := int((codes == i).sum()))
        ]
        cases = [
            _case(
                evaluation,
                row,
                [(f"predicted ({KINDS[codes[row]]})", _said(evaluation, row))],
                marks_of(evaluation, row),
            )
            for row in rows
        ]
        yield details(f"{word}: {' · '.join(counts)}", "\n\n".join(cases)) if cases else ""
