"""``qatk recipe``: check, fill and describe recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import Json, plugin_host, print_json
from qatk.cli.standard_output import takes_unicode
from qatk.errors import RecipeError, message

recipe_app = typer.Typer(no_args_is_help=True)

RecipePath = Annotated[
    Path, typer.Argument(metavar="RECIPE", help="Recipe, a YAML file; or a run folder.", show_default=False)
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the recipe first. May be repeated.",
        autocompletion=completion.recipe_keys,
    ),
]


@recipe_app.command()
def check(context: typer.Context, recipe: RecipePath, settings: Set = None, json: Json = False) -> None:
    """List every mistake in a recipe, with its position and how to fix it.

    Components of plugins are imported, to check that this works and that their requirements are installed.
    """
    from qatk.run_folder.recipes import find_recipe

    try:
        loaded = find_recipe(recipe, plugin_host(context), settings or (), importing=True)
    except RecipeError as error:
        if not json:
            raise
        print_json({"ok": False, "problems": [vars(problem) for problem in error.problems]})
        raise typer.Exit(error.exit_code) from None
    if json:
        print_json({"ok": True, "problems": [], "digest": loaded.digest()})
    else:
        parts = ", ".join(f"{choice.registered.kind} {choice.use}" for choice in loaded.all())
        typer.echo(message(f"{recipe} is valid: {parts}"))


@recipe_app.command()
def fill(context: typer.Context, recipe: RecipePath, settings: Set = None, json: Json = False) -> None:
    """Print a recipe with all defaults filled in."""
    from qatk.recipes.recipe import to_yaml
    from qatk.run_folder.recipes import find_recipe

    filled = find_recipe(recipe, plugin_host(context), settings or ()).filled()
    if json:
        print_json(filled)
    else:
        typer.echo(to_yaml(filled, escaped=not takes_unicode()), nl=False)


@recipe_app.command()
def schema(context: typer.Context) -> None:
    """Print the JSON schema of recipes, for completion in editors.

    The schema covers the options of every installed component.
    """
    from qatk.recipes.schema import recipe_schema

    print_json(recipe_schema(plugin_host(context)))
