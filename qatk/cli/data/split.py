"""``qatk data split``: one data set to several, no context in two of them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from qatk.cli.data.options import Force
from qatk.cli.reading import live_dataset, read_examples, with_column
from qatk.cli.shared import Data, Json, Set, Use, output, plain_warnings, plugin_host, print_json
from qatk.cli.written import another, first_file, unwritten
from qatk.errors import DataWarning, UsageError, counted, visible
from qatk.files import ending

if TYPE_CHECKING:
    from rich.table import Table

    from qatk.data import Split
    from qatk.plugins.host import PluginHost
    from qatk.types import Examples, RawExamples

Number = TypeVar("Number", int, float)
REST = "rest"
By = Annotated[
    str | None,
    typer.Option(metavar="title|context|COLUMN", help="Keep the questions of each article, context or value together."),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder of an earlier split: what stands in its files stays in these parts, and the rest is divided.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the random choice.")]


def split_command(
    context: typer.Context,
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the files.", show_default=False)
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(metavar="NAME=SHARE,...", help="Parts and their shares: train=0.8,dev=0.2; one may be =rest."),
    ] = None,
    counts: Annotated[
        str | None,
        typer.Option(metavar="NAME=N,...", help="Parts and their numbers of questions: dev=500,train=rest."),
    ] = None,
    by: By = None,
    seed: Seed = 0,
    stratify: Annotated[
        bool, typer.Option("--stratify", help="Give each part its share of the questions without an answer.")
    ] = False,
    keep: Keep = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="FORM", help="squad, jsonl, csv or parquet.", show_default="as DATA, or squad"),
    ] = None,
    force: Force = False,
    use: Use = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Divide data into parts, by article or context: no context stands in two parts.

    The parts depend on the seed and the questions of the data, not on the machine or their order. Their sizes are as
    near to those wanted as whole articles allow. Without --by, articles (titles) are kept together, or contexts where
    no two titles differ. More or fewer questions make other parts: with --keep, what an earlier split divided stays
    where it is.

    Examples: qatk data split train-v2.0.json --out parts --shares train=0.9,dev=0.1 --stratify; qatk data split
    grown.csv --out parts2 --shares train=0.8,dev=0.2 --keep parts.
    """
    from qatk.data import split

    plain_warnings()
    if out is None:
        raise UsageError("the option --out is missing", fix="name the folder for the files: --out DIR")
    by_share, by_count = _parts("--shares", shares, float), _parts("--counts", counts, int)
    host = plugin_host(context)
    earlier = None if keep is None else _earlier(keep, list(by_share or by_count or {}), data, by, host)
    examples = read_examples(host, use, data, settings or [], whole=True, gold=True)
    made = split(examples, shares=by_share, counts=by_count, by=by, seed=seed, stratify=stratify, keep=earlier)
    end = _form(to, data, examples)
    files = {name: unwritten(another(data, out / f"{name}{end}"), force=force) for name in made.rows}
    _write(examples, made, files, out, first_file(data))
    if json:
        print_json(_plain(examples, made, files, seed, stratify))
        return
    console = output()
    console.print(_table(examples, made, files))
    console.print(_said(made, out, seed, stratify), style="dim", soft_wrap=True, markup=False)


def _parts(option: str, text: str | None, kind: Callable[[str], Number]) -> dict[str, Number | None] | None:
    """The value of --shares or --counts."""
    if text is None:
        return None
    found: dict[str, Number | None] = {}
    for pair in text.split(","):
        name, _, value = (word.strip() for word in pair.partition("="))
        if not re.fullmatch(r"\w[\w.-]*", name) or len(name) > 80:
            raise UsageError(f"{name[:80]!r} is no name for a part", where=option, fix="names are letters and digits")
        if name in found:
            raise UsageError(f"the part {name!r} stands twice", where=option, fix="give each part a name of its own")
        try:
            found[name] = None if value == REST else kind(value)
        except ValueError:
            due = "a number of questions" if kind is int else "a share, such as 0.2"
            what = f"{value[:40]!r} for {name} is not {due}"
            raise UsageError(
                what, where=option, fix=f"{name}={'500' if kind is int else '0.2'}, or {name}={REST}"
            ) from None
    return found


def _earlier(
    folder: Path, names: Sequence[str], data: str | None, by: str | None, host: PluginHost
) -> dict[str, RawExamples]:
    """The parts of an earlier split: of the files of a folder, those that are called as the parts that are due."""
    from qatk.data import ENDINGS

    if not folder.is_dir():
        raise UsageError("there is no such folder", where=f"--keep {folder}", fix="name that of an earlier split")
    files: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        if (end := ending(file)) in ENDINGS and file.is_file():
            files.setdefault(file.name[: file.name.lower().rindex(end)], []).append(file)
    kept = {name: files.pop(name) for name in names if name in files}
    if not kept:
        what = f"no file in it is called as a part: {', '.join(names)}"
        raise UsageError(what, where=f"--keep {folder}", fix="name the parts as the earlier split did")
    for held in kept.values():
        if len(held) > 1:
            what = f"{' and '.join(visible(file.name) for file in held)} are of one part"
            raise UsageError(what, where=f"--keep {folder}", fix="leave one of them in the folder")
    endings = {ending(file) for held in kept.values() for file in held}
    for file in (file for held in files.values() for file in held if ending(file) in endings):
        if data is None or not file.samefile(data):
            warnings.warn(DataWarning(f"{file}: no part is called so; its questions are divided anew"), stacklevel=2)
    column = None if by in ("title", "context") else by
    return {
        name: live_dataset(host, None, str(file), with_column(None, column)).raw() for name, (file,) in kept.items()
    }


def _form(to: str | None, data: str | None, examples: Examples) -> str:
    """The ending of the files: of the form that is wanted, else of that of DATA where it has one."""
    from qatk.data import ENDINGS, FORMS

    if to is not None and to not in FORMS:
        raise UsageError(f"there is no form {to!r}", where="--to", fix=f"forms are {', '.join(FORMS)}")
    if to is None:
        usual = "jsonl" if examples.answer_span is not None else "squad"
        to = ENDINGS.get(ending(data or ""), usual) if examples.answer_span is None else usual
    return next(end for end, form in ENDINGS.items() if form == to)


def _write(examples: Examples, made: Split, files: Mapping[str, Path], folder: Path, like: str | None) -> None:
    """Write all parts, once each of them is known to be such that it can be written."""
    from qatk.data import rendered
    from qatk.files import storage_errors, write_atomically

    contents = {name: rendered(examples.take(rows), files[name], like=like) for name, rows in made.rows.items()}
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_atomically(files[name], content)


def _figures(examples: Examples, made: Split, name: str) -> dict[str, int]:
    rows = made.rows[name]
    figures = {
        "questions": len(rows),
        "contexts": len(set(examples.context_index[rows].tolist())),
        "groups": len(set(made.clusters.index[rows].tolist())),
    }
    return figures | ({"without_answer": int((~examples.has_answer[rows]).sum())} if examples.has_gold else {})


def _plain(examples: Examples, made: Split, files: Mapping[str, Path], seed: int, stratify: bool) -> dict[str, object]:
    parts = {
        name: {"file": str(file), "wanted": made.wanted[name], **_figures(examples, made, name)}
        for name, file in files.items()
    }
    how = {"by": made.clusters.kind, "seed": seed, "stratify": stratify, "joined": made.joined}
    kept = {} if made.kept is None else {"kept": made.kept, "torn": made.torn, "absent": made.absent}
    return {"parts": parts, "left_out": len(made.left), **how, **kept}


def _table(examples: Examples, made: Split, files: Mapping[str, Path]) -> Table:
    from qatk.display.tables import plain_table

    kind = [] if made.clusters.kind == "context" else [f"{made.clusters.kind}s"]
    gold = ["without answer"] if examples.has_gold else []
    table = plain_table("file", "wanted", "questions", "share", *kind, "contexts", *gold)
    for name, file in files.items():
        found = _figures(examples, made, name)
        n = found["questions"]
        groups = [f"{found['groups']:,}"] if kind else []
        without = [f"{100 * found['without_answer'] / n:.1f} %"] if gold else []
        sizes = [f"{made.wanted[name]:,.0f}", f"{n:,}", f"{100 * n / len(examples):.1f} %"]
        table.add_row(visible(file.name), *sizes, *groups, f"{found['contexts']:,}", *without)
    return table


def _said(made: Split, folder: Path, seed: int, stratify: bool) -> str:
    kind = made.clusters.kind
    how = f"By {visible(kind)}, seed {seed}{', stratified by answerability' if stratify else ''}."
    said = [f"Written into {visible(str(folder))}.", how, "No context stands in two parts."]
    if made.joined:
        said.append(f"{counted(made.joined, visible(kind))} that share contexts with others were kept together.")
    if made.kept is not None:
        of = counted(made.clusters.count, visible(kind))
        said.append(f"{made.kept:,} of {of} stayed in the parts of the earlier split.")
    if len(made.left):
        said.append(f"{counted(len(made.left), 'question')} in no part.")
    return " ".join([*said, *([f"{made.clusters.note}."] if made.clusters.note else [])])
