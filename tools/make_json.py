"""Keep ``docs/reference/json.md`` true: run its commands on the bundled data, and print the samples anew.

``python tools/make_json.py`` writes the samples; ``tests/house/test_json_page.py`` holds the tables of keys to what the
commands print.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from qatk.cli import app

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "json.md"
Keys = tuple[str, ...]
"""Where a value stands: names of keys, and ``[]`` for a place in a list."""
_SECTION = re.compile(r"^## ", re.MULTILINE)
_BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| (`[^|]+) \| .+ \|$", re.MULTILINE)
_LISTED, _TEXT, _FREE, _DIGITS = 3, 72, 2, 4
"""How much a sample shows: texts and numbers of a list (of objects one), letters, keys that data name, digits."""


@dataclass(frozen=True)
class Section:
    """What the page says of a command.

    Attributes:
        name: the command, such as ``data stats``.
        commands: to run, in this order; the sample is what the first one prints.
        sample: as it stands in the page.
        keys: where the values stand that the tables describe; a name in capitals stands for any key, and a ``*`` at the
            end for all that is below.
    """

    name: str
    commands: tuple[str, ...]
    sample: str
    keys: frozenset[Keys]


def sections(page: str) -> list[Section]:
    """What a page says, command by command, in its order."""
    return [_section(text) for text in _SECTION.split(page)[1:] if text.startswith("`qatk ")]


def _section(text: str) -> Section:
    blocks = dict(_BLOCK.findall(text))
    name = text[len("`qatk ") : text.index("`", 1)]
    keys = (key for cell in _ROW.findall(text) for key in re.findall(r"`([^`]+)`", cell))
    known = frozenset(tuple(re.findall(r"\[\]|[^.\[\]]+", key)) for key in keys)
    return Section(name, tuple(blocks["sh"].splitlines()), blocks["json"], known)


def leaves(value: object, at: Keys = ()) -> Iterator[tuple[Keys, object]]:
    """The values that hold no other, each with where it stands; a list of texts or numbers is one."""
    below = {**value} if isinstance(value, Mapping) else {}
    if isinstance(value, list) and any(isinstance(held, Mapping | list) for held in value):
        below = dict(enumerate(value))
    for name, held in below.items():
        yield from leaves(held, (*at, name if isinstance(value, Mapping) else "[]"))
    if not below:
        yield at, value


def fits(at: Keys, known: Keys) -> bool:
    """Whether this place is a described one."""
    if known[-1] == "*":
        at, known = at[: len(known) - 1], known[:-1]
    return len(at) == len(known) and all(a == b or (b.isupper() and a != "[]") for a, b in zip(at, known, strict=True))


def undescribed(each: Section, printed: Iterable[object]) -> tuple[set[Keys], set[Keys]]:
    """Where values stand that no table describes, and what a table describes that the commands do not print."""
    found = [leaf for value in printed for leaf in leaves(value)]
    unknown = {
        at
        for at, value in found
        if not any(fits(at, known) or (value in (None, [], {}) and begins(at, known)) for known in each.keys)
    }
    return unknown, {known for known in each.keys if not any(fits(at[: len(known)], known) for at, _ in found)}


def begins(at: Keys, known: Keys) -> bool:
    """Whether a described place is below this one, or this one itself."""
    return len(at) <= len(known) and fits(at, known[: len(at)])


def printed(each: Section) -> list[object]:
    """What the commands of a section print."""
    found = []
    for command in each.commands:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        try:
            found.append(json.loads(done.stdout))
        except ValueError as error:
            raise ValueError(f"{command}\n{done.output}") from error
    return found


@contextmanager
def workplace(folder: Path) -> Iterator[None]:
    """Work in a folder that has the examples, with a hub on the loopback interface to publish to."""
    from huggingface_hub import constants

    from hub_stub import TOKEN, serving

    with ExitStack() as stack:
        hub = stack.enter_context(serving({}))
        told = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        stack.callback(importlib.reload, constants)  # which reads the environment once
        stack.callback(os.chdir, Path.cwd())
        stack.enter_context(_environ({**told, "HF_HOME": str(folder / "hf")}))
        importlib.reload(constants)
        (folder / "examples").symlink_to(ROOT / "examples")
        stack.callback(sys.path.remove, str(_broken_plugin(folder)))
        os.chdir(folder)
        yield


def _broken_plugin(folder: Path) -> Path:
    """Make a plugin that cannot be loaded, and have it found."""
    (info := folder / "site" / "qatk_broken-0.1.0.dist-info").mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: qatk-broken\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[qatk]\nbroken = qatk_broken\n")
    sys.path.append(str(info.parent))
    return info.parent


@contextmanager
def _environ(given: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def shortened(value: object, known: Iterable[Keys], at: Keys = ()) -> object:
    """What a page has room for."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, str):
        return value if len(value) <= _TEXT else f"{value[:_TEXT]}…"
    if isinstance(value, list):
        shown = 1 if any(isinstance(held, Mapping | list) for held in value) else _LISTED
        return [shortened(held, known, (*at, "[]")) for held in value[:shown]]
    if not isinstance(value, Mapping):
        return value
    found, free = {}, 0
    for name, held in value.items():
        free += (is_free := _is_free((*at, name), known))
        if not is_free or free <= _FREE:
            found[name] = shortened(held, known, (*at, name))
    return found


def rendered(sample: object) -> str:
    """JSON with a line for each value, or for a list of values; without paths of this machine."""
    text = json.dumps(sample, indent=1, ensure_ascii=False).replace(f"{ROOT}/", "").replace("\u200b", r"\u200b")
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)


def _is_free(at: Keys, known: Iterable[Keys]) -> bool:
    """Whether a key is one of those that the data name, or one of several that are described together."""
    below = [each for each in known if begins(at, each)]
    named = any(each[: len(at)] == at and len(each) > len(at) for each in below)
    return not named and any(each[len(at) - 1] == "*" or each[len(at) - 1].isupper() for each in below)


def main() -> None:
    """Write the samples of the page anew."""
    sys.path.append(str(ROOT / "tests" / "support"))
    page = PAGE.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder, workplace(Path(folder)):
        for each in sections(page):
            value = printed(each)[0]
            sample = rendered(shortened(value, each.keys)).replace(os.environ["HF_ENDPOINT"], "https://huggingface.co")
            at = page.index(f"## `qatk {each.name}`")
            page = page[:at] + page[at:].replace(f"```json\n{each.sample}```", f"```json\n{sample}\n```", 1)
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
