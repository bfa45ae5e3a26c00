"""What a shell completes beyond commands and options: names of components, keys of recipes, run folders.

The functions are only called when a shell asks. They fail in silence: a shell has no place for a message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import typer

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from qatk.plugins.host import PluginHost

Completer = Callable[[typer.Context, str], list[str]]
DEEPEST, MOST = 3, 200
"""Folders below the one that is typed in which run folders are looked for, and the most that are looked at."""


_BEHIND_PARTS = r"""local before="${COMP_LINE:0:COMP_POINT}"
    before="${before##*[[:space:]]}"
    before="${before%%"${before##*[=:]}"}"
    [[ $before == --*=* ]] && before="${before#--*=}"
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    return 0"""
"""Bash takes words apart at ``=`` and ``:`` and replaces what is behind the last; behind ``KEY=`` goes no space."""


_ASK = '$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" %(autocomplete_var)s=complete_zsh %(prog_name)s)'
_ZSH_ASKS = f"eval {_ASK}"
_ZSH_KNOWS = rf"""local found="{_ASK}"
  eval "${{found//$'\n'/ }}"
  if [[ $compstate[nmatches] -eq 1 && $found == *'="'* ]]; then compstate[insert]=1; fi"""
"""A match by its number is inserted without a space: behind ``KEY=`` goes none."""
_ZSH_NAMES = "compdef %(complete_func)s %(prog_name)s"
_ZSH_BEGINS = f"""{_ZSH_NAMES}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then %(complete_func)s "$@"; fi"""
"""The first Tab key loads the script and has to be answered too."""


def adapt_scripts() -> None:
    """Let the scripts that Typer installs put no space behind ``KEY=``; see also :func:`rejoin_bash_words`."""
    from typer import _completion_shared as shared

    scripts = getattr(shared, "_completion_scripts", {})
    if "bash" in scripts:
        told = scripts["bash"].replace("env COMP_WORDS=", 'env COMP_LINE="$COMP_LINE" COMP_WORDS=')
        scripts["bash"] = told.replace("return 0", _BEHIND_PARTS)
    if "zsh" in scripts:
        scripts["zsh"] = scripts["zsh"].replace(_ZSH_ASKS, _ZSH_KNOWS).replace(_ZSH_NAMES, _ZSH_BEGINS)


def rejoin_bash_words() -> None:
    """Join the words that bash took apart: it asks about ``decoder.use``, ``=`` and ``me``."""
    if os.environ.get("_QATK_COMPLETE") != "complete_bash" or not os.environ.get("COMP_LINE"):
        return
    words: list[str] = []
    for piece in [*os.environ["COMP_WORDS"].split("\n"), ""][: int(os.environ["COMP_CWORD"]) + 1]:
        if words and piece and (_parts(piece) or _parts(words[-1][-1:])):
            words[-1] += piece
        else:
            words.append(piece)
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(words), str(len(words) - 1)


def _parts(piece: str) -> bool:
    """Whether it is what bash takes words apart at."""
    return piece != "" and not piece.strip("=:")


def _quiet(find: Callable[[typer.Context, str], Iterable[str]]) -> Completer:
    """What is found and begins as the user did; nothing where it cannot be found."""

    @wraps(find)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return sorted({found for found in find(ctx, incomplete) if found.startswith(incomplete)})
        except Exception:
            return []

    return complete


@_quiet
def runs(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Run folders, nearest first."""
    from qatk.files import RUN_MARK

    typed = incomplete.rpartition("/")[0] + "/" if "/" in incomplete else ""
    level, seen = [typed], 0
    for _ in range(DEEPEST):
        below: list[str] = []
        for folder in level:
            for found in sorted(Path(folder or ".").iterdir()):
                if not found.name.startswith(".") and found.is_dir() and (seen := seen + 1) <= MOST:
                    if (found / RUN_MARK).is_file():
                        yield f"{folder}{found.name}"
                    else:
                        below.append(f"{folder}{found.name}/")
        level = below


@_quiet
def recipe_keys(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """``KEY=`` for every key of the recipe on the command line, and ``KEY=NAME`` where the key names a component."""
    from qatk.recipes.sections import DEFAULTS, SECTIONS, Scalars

    host, written = _host(ctx), _recipe()
    yield from (f"{name}=" for name in Scalars.model_fields if name != "qatk")
    for path, section in SECTIONS.items():
        key = ".".join(path)
        if section.many:
            yield f"{key}="
            continue
        if incomplete.startswith(f"{key}.use="):
            yield from (f"{key}.use={name}" for name in _names(host, section.kind))
        else:
            yield f"{key}.use="
        chosen = written
        for step in path:
            chosen = chosen.get(step) if isinstance(chosen, dict) else None
        default = DEFAULTS.get(path[0]) if len(path) == 1 else None
        use = next((part["use"] for part in (chosen, default) if isinstance(part, dict) and "use" in part), None)
        if use is not None:
            yield from (f"{key}.{name}=" for name in host.find(section.kind, use).component.options.model_fields)


@_quiet
def dataset_options(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """``OPTION=`` for every option of the dataset that the command reads."""
    from qatk.plugins.endings import dataset_for

    usual = dataset_for(None)
    by_ending = next((name for word in _words() if (name := dataset_for(word)) != usual), usual)
    use = ctx.params.get("use") or by_ending
    yield from (f"{name}=" for name in _host(ctx).find("dataset", use).component.options.model_fields)


@_quiet
def keys_to_compare(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Options of the dataset that reads ``--data``; without it, keys of the recipe."""
    return (recipe_keys if ctx.params.get("data") is None else dataset_options)(ctx, incomplete)


@_quiet
def datasets(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Names of datasets."""
    return _names(_host(ctx), "dataset")


@_quiet
def runtimes(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Names of runtimes, and with each of its precisions; of a list, the last one is completed."""
    host, (typed, comma, _) = _host(ctx), incomplete.rpartition(",")
    for name in _names(host, "runtime"):
        field = host.find("runtime", name).component.options.model_fields.get("precision")
        yield from (f"{typed}{comma}{name}{more}" for more in ("", *(f":{each}" for each in _choices(field))))


@_quiet
def exporters(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Names of exporters."""
    return _names(_host(ctx), "exporter")


@_quiet
def precisions(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Precisions of the exporter."""
    named = str(ctx.params.get("to") or "onnx")
    return _choices(_host(ctx).find("exporter", named).component.options.model_fields.get("precision"))


@_quiet
def retrievers(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Names of retrievers, and ``none``."""
    return [*_names(_host(ctx), "retriever"), "none"]


NULL_THRESHOLDS = ("calibrated", "never")
"""What a null threshold may be other than a number."""


@_quiet
def null_thresholds(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Null thresholds that are no numbers."""
    return NULL_THRESHOLDS


@_quiet
def reporters(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Names of reporters."""
    return _names(_host(ctx), "reporter")


@_quiet
def reporter_files(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """``NAME=`` for every reporter."""
    return [f"{name}=" for name in _names(_host(ctx), "reporter")]


@_quiet
def components(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Names of all components."""
    return [name for kind in _kinds() for name in _names(_host(ctx), kind)]


@_quiet
def kinds(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Kinds of components."""
    return _kinds()


@_quiet
def devices(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Devices that torch may compute on."""
    return ("cpu", "cuda", "mps")


def _kinds() -> list[str]:
    from qatk.plugins.protocols import PROTOCOLS

    return list(PROTOCOLS)


def _choices(field: FieldInfo | None) -> tuple[str, ...]:
    """The values of an option of few; none of other options."""
    return () if field is None else get_args(field.annotation)


def _names(host: PluginHost, kind: str) -> Iterator[str]:
    return (host.use_of(registered) for registered in host.components(kind))


def _host(ctx: typer.Context) -> PluginHost:
    """The plugins that the command line so far names."""
    from qatk.plugins.host import PluginHost

    before = ctx.find_root().params
    return PluginHost.discover(files=before.get("plugin") or (), block=before.get("no_plugin") or ())


def _words() -> list[str]:
    """What is typed so far: of an option that lacks its value, Typer does not tell the arguments before it."""
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()


def _recipe() -> object:
    """The recipe on the command line, as plain values; nothing where it cannot be read."""
    import yaml

    from qatk.recipes import is_recipe

    named = next((word for word in _words() if is_recipe(word)), "")
    try:
        return yaml.safe_load(Path(named).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
