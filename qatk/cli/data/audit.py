"""``qatk data audit``: what tokenizer, windows and cap leave of the gold answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.data.options import backbone_of
from qatk.cli.reading import read_examples, with_column
from qatk.cli.shared import (
    Data,
    Json,
    Language,
    LanguageColumn,
    Set,
    Use,
    json_keys,
    output,
    plain_warnings,
    plugin_host,
    print_json,
)
from qatk.errors import UsageError, counted, visible

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.data.auditing import Audit, Featurize
    from qatk.plugins.host import PluginHost
    from qatk.types import Examples


def audit_command(
    context: typer.Context,
    data: Data = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="X",
            help="Model: hub id, folder or package:NAME/sub/path; or a recipe's section: '{use: tiny}'.",
            show_default=False,
        ),
    ] = None,
    featurizer: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Set an option of the featurizer. May be repeated."),
    ] = None,
    max_answer_length: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Maximum number of tokens in an answer.", show_default="the decoder's"),
    ] = None,
    show: Annotated[int, typer.Option(min=0, metavar="N", help="Number of examples of each kind.")] = 3,
    language: Language = None,
    language_column: LanguageColumn = None,
    use: Use = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Show which gold answers the tokens and windows of a model can give back, and which options lose fewer.

    Each gold answer becomes tokens and these become text again: the same text (exact), one that the metric takes for
    the same (loose), or another. Exit code 1 if tokens leave out letters, or more than 5 % of the answerable questions
    are out of reach.

    Example: qatk data audit dev-v2.0.json --backbone google-bert/bert-base-uncased --featurizer max_length=256.
    """
    from qatk.data import audit
    from qatk.evaluation import normalisation_of
    from qatk.recipes.document import assigned

    plain_warnings()
    if backbone is None:
        fix = "name a model: --backbone google-bert/bert-base-uncased"
        raise UsageError("the option --backbone is missing", fix=fix)
    host = plugin_host(context)
    by = normalisation_of(language, language_column, host)
    chosen = assigned(featurizer or [], "featurizer")
    sections = {"backbone": backbone_of(backbone), "featurizer": chosen, "decoder": {}}
    examples = read_examples(host, use, data, with_column(settings, language_column))
    featurize, sizes, cap = _parts(host, sections, examples)
    found = audit(examples, featurize, **sizes, cap=max_answer_length or cap, show=show, normalisation=by)
    if json:
        plain = asdict(found)
        keyed = {name: json_keys(plain[name]) for name in ("fits", "shown")}
        keyed["caps"] = {str(n): s for n, s in found.caps.items()}
        print_json({**plain, **keyed, "in_reach": found.in_reach, "normaliser": by.name_of(examples)})
    else:
        _print(output(), found)
    if found.failed:
        raise typer.Exit(1)


def _parts(
    host: PluginHost, sections: Mapping[str, Mapping[str, object]], examples: Examples
) -> tuple[Featurize, dict[str, int], int | None]:
    """What makes windows, the sizes of those to audit, and the decoder's cap."""
    from qatk.plugins.live import LiveBackbone, LiveDecoder
    from qatk.plugins.live_windows import LiveFeaturizer
    from qatk.recipes.compose import model_part
    from qatk.types import Features

    first = model_part(LiveFeaturizer, "featurizer", sections, host)
    sizes = {name: first.option(name, 0) for name in ("max_length", "doc_stride")}
    if not all(isinstance(size, int) for size in sizes.values()) or not sizes["max_length"]:
        what = f"the featurizer {first.registered.name!r} has no max_length and doc_stride to audit"
        raise UsageError(what, fix="choose one that has")
    cap = model_part(LiveDecoder, "decoder", sections, host).max_answer_length
    tokenizer, spec = model_part(LiveBackbone, "backbone", sections, host).prepare(examples)

    def featurize(among: Examples, max_length: int, doc_stride: int) -> Features:
        chosen = {**sections["featurizer"], "max_length": max_length, "doc_stride": doc_stride}
        part = model_part(LiveFeaturizer, "featurizer", {"featurizer": chosen}, host)
        return part.featurize(among, tokenizer, spec, split="dev")

    if "max_length" not in (given := sections["featurizer"]):
        sizes |= {name: size for name, size in first.fitted(spec.max_length).items() if name not in given}
    return featurize, {**sizes, "longest": spec.max_length}, cap


def _print(console: Console, found: Audit) -> None:
    _print_fits(console, found)
    _print_examples(console, found)
    _print_choices(console, found)
    _print_findings(console, found)


def _print_fits(console: Console, found: Audit) -> None:
    from qatk.display.tables import plain_table

    total = sum(found.fits.values())
    table = plain_table("tokens give", "answers", "share", title="Gold answers through tokens and back")
    for name, number in found.fits.items():
        if number or name == "exact":
            table.add_row(MEANINGS[name], f"{number:,}", f"{100 * number / total:.2f} %")
    console.print(table)
    of = counted(found.answerable, "answerable question")
    console.print(
        f"{100 * found.in_reach:.2f} % of {of} can be answered as the gold does.", style="dim", soft_wrap=True
    )
    for reason, number in found.out_of_reach.items():
        share = f"{100 * number / found.answerable:.2f} %"
        console.print(f"{share} ({number:,}) are out of reach by {REASONS[reason]}.", style="dim", soft_wrap=True)
    sizes = f"{found.windows:.2f} windows ({found.most_windows:,} at most) and {found.tokens:.0f} tokens a question."
    console.print(sizes, style="dim", soft_wrap=True)
    console.print()


MEANINGS = {
    "exact": "the answer (exact)",
    "loose": "more or less, the same to the metric (loose)",
    "cut": "another text: it begins or ends inside a token",
    "letters lost": "another text: tokens leave out letters",
    "window": "nothing: no window holds the answer whole",
    "unknown place": "not known: the answer has no position",
}


REASONS = {"window": "max_length and doc_stride", "cap": "max_answer_length", "tokenizer": "the tokenizer"}


def _print_examples(console: Console, found: Audit) -> None:
    from qatk.display.tables import plain_table

    if not found.shown:
        return
    table = plain_table("examples", "question", "answer", "at", "tokens give", left=(0, 1, 2, 4))
    for name, rows in found.shown.items():
        for row in rows:
            texts = [_short(text) for text in (row.answer, row.given)]
            table.add_row(name, visible(row.id), texts[0], f"{row.start:,}", texts[1])
    console.print(table)
    console.print()


def _short(text: str) -> str:
    return visible(repr(text if len(text) <= 40 else f"{text[:39]}…"))


def _print_choices(console: Console, found: Audit) -> None:
    from qatk.data import best_choice
    from qatk.display.tables import plain_table

    if found.choices:
        best, now = best_choice(found.choices), found.choices[0]
        on = "" if found.sampled == found.questions else f", on {counted(found.sampled, 'question')}"
        title = f"Choices of windows, a question{on}"
        headers = ("windows", "tokens", "cost", "in reach", "")
        table = plain_table("max_length", "doc_stride", *headers, left=(6,), title=title)
        for choice in sorted(found.choices, key=lambda one: (one.max_length, one.doc_stride)):
            notes = [*(["in use"] if choice is now else []), *(["best"] if choice is best else [])]
            sizes = [
                f"{choice.max_length:,}",
                f"{choice.doc_stride:,}",
                f"{choice.windows:.2f}",
                f"{choice.tokens:.0f}",
            ]
            cost = f"{choice.tokens / now.tokens:.2f}x"
            table.add_row(*sizes, cost, f"{100 * choice.in_reach:.2f} %", ", ".join(notes))
        console.print(table)
        console.print()
    table = plain_table("max_answer_length", "in reach", "", left=(2,), title="Answers")
    for cap, share in found.caps.items():
        table.add_row(f"{cap:,}", f"{100 * share:.2f} %", "in use" if cap == found.cap else "")
    console.print(table)
    console.print()


def _print_findings(console: Console, found: Audit) -> None:
    from rich.text import Text

    for finding in found.findings:
        style = "bold red" if finding.severity == "error" else "bold yellow"
        said = Text.assemble((f"{finding.severity}: ", style), visible(finding.what), ("\n  ", ""), finding.fix)
        console.print(said, soft_wrap=True)
    if not found.findings:
        console.print("Nothing is out of reach.", style="dim")
