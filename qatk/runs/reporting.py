"""``qatk.report`` and ``qatk report``: the report of a finished run, again."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qatk.arguments import list_of
from qatk.errors import QatkWarning, RunFolderError, UsageError
from qatk.files import expanded, is_there, storage_errors, url_of
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveReporter
from qatk.recipes.sections import DEFAULTS
from qatk.results import RunResult
from qatk.run_folder.copies import here, is_copy, place_named
from qatk.run_folder.folder import SETS
from qatk.run_folder.load import load_run
from qatk.run_folder.lock import locked
from qatk.run_folder.manifest import ComponentRecord
from qatk.run_folder.provenance import refuse_absent
from qatk.run_folder.secrets import lost
from qatk.types import clusters_of

if TYPE_CHECKING:
    from rich.console import Console


def report(
    run: str | Path | RunResult,
    *,
    out: str | Path | None = None,
    on: str | None = None,
    reporters: Iterable[str] | None = None,
    cluster: str | None = None,
    host: PluginHost | None = None,
    console: Console | None = None,
) -> Path | None:
    """Report a finished run again, without loading a model.

    Args:
        run: its folder, its URL or its result.
        out: the folder for ``report.md`` and ``report.html``, which is made; by default that of the run, or of its
            evaluation set; a run at a URL has none, and reporters only print.
        on: the evaluation set to report on; by default that of the result, or ``dev``.
        reporters: the names of those to use; by default all of the recipe whose plugins are here. The recipe says their
            options.
        cluster: the column of clusters, see :func:`qatk.types.clusters_of`; by default the run's.
        host: the plugins to use.
        console: where reporters print; ``None`` prints nothing.

    Returns:
        the folder of the files; ``None`` where none are written.

    Raises:
        RunFolderError: if it is not the folder of a finished run, or another process has it.
        UsageError: for an unknown evaluation set, reporter or column, an ``out`` that is no folder, and reporters whose
            options had secrets, which a run folder does not keep.
        StorageError: if the disk refuses.
    """
    from rich.console import Console

    host = host or PluginHost.discover()
    result = run if isinstance(run, RunResult) and on in (None, run.on) else None
    result = result or load_run(place_named(run), on=on or "dev", host=host)
    held = Path(here(result, model=False)) if out is None else _made(Path(expanded(out)))
    folder = held if out is not None else None if is_copy(held) else folder_of(result)
    named = None if reporters is None else list_of(reporters, "reporters", "for example reporters=['html']")
    wanted = [each for each in _reporters(result, named) if named is not None or not _is_absent(each[0], result, host)]
    chosen = [host.live(LiveReporter, "reporter", name, options) for name, options in wanted]
    if cluster is not None:
        result = _clustered(result, cluster)
    with nullcontext() if folder is None else locked(held):
        for each in chosen:
            each.report(result, folder, console or Console(quiet=True))
    return folder


def folder_of(result: RunResult) -> Path:
    """Where the reports of a run stand that has a folder: in it, or in that of the evaluation set."""
    folder = Path(here(result, model=False))
    return folder if result.on == "dev" else folder / SETS / result.on


def _is_absent(name: str, result: RunResult, host: PluginHost) -> bool:
    """Whether the plugin of a reporter of the run's is not here, with a warning that says what to install."""
    rows = map(ComponentRecord.model_validate, result.manifest.get("components", []))
    try:
        refuse_absent([row for row in rows if (row.kind, row.name) == ("reporter", name)], host, str(result.folder))
    except RunFolderError as error:
        what = f"{error.what}: its report is left out; {error.fix} brings it back"
        warnings.warn(QatkWarning(what), stacklevel=3)
        return True
    return False


def _made(out: Path) -> Path:
    """The folder, which need not have been there."""
    if url_of(out) is not None or (is_there(out) and not out.is_dir()):
        raise UsageError(f"{out} is no folder", fix="name a folder of this machine for the reports")
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    return out


def _clustered(result: RunResult, column: str) -> RunResult:
    """The result with intervals by a column, in every set that has it."""
    clusters_of(result.evaluation.examples, column)
    sets = dict(result.sets)
    for name, evaluation in sets.items():
        try:
            clusters_of(evaluation.examples, column)
        except UsageError as error:
            warnings.warn(QatkWarning(f"{name}: {error.what}; its intervals stay as they were"), stacklevel=2)
        else:
            sets[name] = replace(evaluation, cluster=column)
    return replace(result, evaluation=replace(result.evaluation, cluster=column), sets=sets)


def _reporters(result: RunResult, names: Iterable[str] | None) -> list[tuple[str, dict[str, Any]]]:
    """The reporters of these names with the options that the recipe gives them; without names all of the recipe."""
    named = result.manifest.get("recipe", {}).get("reporters") or DEFAULTS["reporters"]
    known = [(each["use"], {key: value for key, value in each.items() if key != "use"}) for each in named]
    chosen = known if names is None else [(name, dict(known).get(name, {})) for name in names]
    for name, options in chosen:
        if secret := lost(options):
            what = f"the run folder keeps no secrets, which the reporter {name!r} had in its {' and '.join(secret)}"
            fix = "use others: --reporter NAME (reporters=[NAME]); or let the plugin read its secrets elsewhere"
            raise UsageError(what, where=str(result.folder), fix=fix)
    return chosen
