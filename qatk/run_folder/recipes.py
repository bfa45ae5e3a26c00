"""The recipe of a run: a run folder is a recipe too, that of the run as it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from qatk.display.keys import flat
from qatk.errors import RecipeError, RunFolderError, UsageError
from qatk.files import url_of
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import Recipe, load_recipe, name_of_recipe, parse_recipe, to_yaml
from qatk.run_folder.copies import here
from qatk.run_folder.manifest import Manifest, is_run, read_manifest
from qatk.run_folder.provenance import refuse_absent
from qatk.run_folder.secrets import hidden, lost
from qatk.spelling import spelled

RECIPE, GIVEN = "recipe.yaml", "recipe.given.yaml"
"""The recipe as a run was made, and the text that it was given, comments and all."""


def as_run(manifest: Manifest) -> str:
    """The text of :data:`RECIPE`: all of the recipe but its secrets, whatever set its keys."""
    head = "# This recipe as it was run: what was set for the run is in it, and every default.\n"
    if (limit := manifest.identity.limit) is not None:
        head += f"# The run used only the first {limit:,} questions of each split: --limit {limit}\n"
    return head + to_yaml(hidden(manifest.recipe))


def find_recipe(
    source: str | Path | Mapping[str, object],
    host: PluginHost,
    settings: Sequence[str] = (),
    *,
    importing: bool = False,
) -> Recipe:
    """As :func:`qatk.recipes.recipe.load_recipe`; of a run folder or its URL, the recipe as it was run.

    Raises:
        RecipeError, UsageError: as there.
        RunFolderError: the run has no recipe yet, or one with secrets, or a plugin of it is not here.
    """
    if isinstance(source, Mapping) or (manifest := _manifest(source)) is None:
        return load_recipe(source, host, settings, importing=importing)
    if not manifest.recipe:
        raise RunFolderError(f"the run in {source} did not come as far as its recipe", fix="name the recipe file")
    try:
        found = parse_recipe(as_run(manifest), str(Path(source) / RECIPE), host, settings, importing=importing)
    except RecipeError:
        refuse_absent(manifest.components, host, str(source))
        raise
    if secret := [key for key, value in flat(found.filled()).items() if lost({key.rpartition(".")[2]: value})]:
        what = f"the run folder keeps no secrets, which its recipe had in {', '.join(secret)}"
        raise RunFolderError(what, where=str(source), fix=f"give them: {spelled('settings', f'{secret[0]}=...')}")
    return replace(found, source=str(source), of_run=_called(manifest, source), limit=manifest.identity.limit)


def name_of(source: str | Path | Mapping[str, object]) -> str:
    """What a recipe is called, which need not be in order: of a run folder, as its run is.

    Raises:
        UsageError: for what is neither a path nor a mapping.
    """
    name = name_of_recipe(source)
    if isinstance(source, Mapping) or (manifest := _manifest(source)) is None:
        return name
    return _called(manifest, source)


def folder_for(source: str | Path | Mapping[str, object], *, resume: bool) -> Path:
    """Where a run of the recipe of a path is made unless told otherwise.

    Raises:
        UsageError: a run is to go on, and none is there; the one that the recipe is read from lies elsewhere.
    """
    place = Path("runs") / name_of(source)
    if resume and not isinstance(source, Mapping) and _names_run(source) and not is_run(place):
        fix = f"to continue the run in {source}, add {spelled('out', str(source))}"
        raise UsageError(f"there is no run to continue in {place}", fix=fix)
    return place


def _called(manifest: Manifest, run: str | Path) -> str:
    """What a run is called, which is to name a folder: a manifest of somebody else is to name none elsewhere."""
    return Path(manifest.name).name or Path(run).name


def _names_run(source: str | Path) -> bool:
    return url_of(source) is not None or is_run(source)


def _manifest(source: str | Path) -> Manifest | None:
    """That of a run; ``None`` of anything else."""
    return read_manifest(Path(here(source, model=False))) if _names_run(source) else None
