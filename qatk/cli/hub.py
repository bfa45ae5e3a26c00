"""``qatk push`` and ``qatk pull``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import Json, output, plain_warnings, print_json
from qatk.display.numbers import byte_size

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.hub.push import Package

Repo = Annotated[str, typer.Argument(metavar="REPO", help="Repository of the hub, OWNER/NAME.", show_default=False)]
ModelFolder = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="Run folder, or folder of a saved model.",
        show_default=False,
        autocompletion=completion.runs,
    ),
]
Dataset = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ID",
        help="Hub id of training data in the card, beside those that the recipe names. May be repeated.",
        show_default=False,
    ),
]
BaseModel = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Hub id of the encoder in the card.", show_default="that of the recipe"),
]


def push_command(
    model: ModelFolder,
    repo: Repo,
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see it; a repository is private otherwise.")
    ] = False,
    update: Annotated[bool, typer.Option("--update", help="Add a version to a repository that exists.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the files and the card, and publish nothing.")
    ] = False,
    license_id: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="License in the card, such as apache-2.0.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Language in the card, such as en. May be repeated.")
    ] = None,
    dataset: Dataset = None,
    base_model: BaseModel = None,
    json: Json = False,
) -> None:
    """Publish a model on the Hugging Face hub, with its tokenizer, recipe, report and a model card.

    For example: qatk push runs/quickstart someone/quickstart --dry-run.
    """
    from dataclasses import asdict

    from qatk.hub.card import About
    from qatk.hub.push import is_private, package, push

    plain_warnings()
    about = About(license_id, language or (), dataset or (), base_model)
    private = is_private(public=public, update=update)
    if dry_run:
        packed = package(model, repo, about)
        if json:
            print_json({"repo": repo, "private": private, "files": packed.sizes()})
        else:
            _show(output(), packed, private)
        return
    done = push(model, repo, public=public, update=update, about=about)
    if json:
        print_json(asdict(done))
        return
    console = output()
    who = {None: "", True: " (private)", False: " (public)"}[done.private]
    console.print(f"{len(done.files)} files, {byte_size(sum(done.files.values()))}{who}", soft_wrap=True)
    console.print(done.url, soft_wrap=True, highlight=False)


def _show(console: Console, packed: Package, private: bool | None) -> None:
    """All files with their sizes, and the card."""
    from rich.text import Text

    from qatk.display.tables import plain_table

    would = {None: "be updated", True: "be private", False: "be public"}[private]
    table = plain_table("file", "size", title=f"{packed.repo} would {would}")
    for name, size in packed.sizes().items():
        table.add_row(name, byte_size(size))
    console.print(table)
    if isinstance(card := packed.files.get("README.md"), str):
        console.print()
        console.print(Text(card), soft_wrap=True)
        if private is None:
            kept = "to keep one that was edited there, put it as README.md beside the weights"
            console.print(f"this card would replace the one of {packed.repo}; {kept}", style="yellow", soft_wrap=True)


def pull_command(
    repo: Repo,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder to make.", show_default="NAME of the repository")
    ] = None,
    revision: Annotated[str | None, typer.Option(metavar="REV", help="Branch, tag or commit.")] = None,
    json: Json = False,
) -> None:
    """Fetch a model from the Hugging Face hub into a folder, which every command takes as MODEL."""
    from qatk.hub.pull import pull

    plain_warnings()
    folder = pull(repo, out, revision=revision)
    if json:
        print_json({"folder": str(folder)})
    else:
        output().print(str(folder), soft_wrap=True)
