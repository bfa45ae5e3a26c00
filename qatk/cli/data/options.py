"""Arguments and options that the commands of ``qatk data`` share."""

from __future__ import annotations

from typing import Annotated

import typer

from qatk.cli.shared import section_of

Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]


def backbone_of(text: str) -> dict[str, object]:
    """The section of a recipe that ``--backbone`` gives; of the name of a model, that of the usual backbone.

    Raises:
        UsageError: where the section names no component.
    """
    from qatk.inference.sources import backbone_section

    if text.lstrip().startswith("{"):
        return section_of(text, "--backbone", "backbone", "{use: tiny}")
    return backbone_section(text)
