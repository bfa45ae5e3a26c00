"""The docs are true: made pages are up to date, recipes check, commands run, Python blocks run."""

from __future__ import annotations

import importlib.util
import re
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from string import Template
from types import ModuleType

import pytest

from commands import call
from qatk import api, types
from qatk.plugins.host import PluginHost
from qatk.plugins.protocols import PROTOCOLS
from qatk.recipes.recipe import Recipe, load_recipe, parse_recipe
from reference_hooks import fields_of
from repository import ROOT, SHARED, needs_shared_data

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    found = [
        (page.name, text) for page in PAGES for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind == language
    ]
    return [pytest.param(text, id=f"{name}-{i}") for i, (name, text) in enumerate(found)]  # type: ignore[misc]


def maker(name: str = "make_reference") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["commands.md", "components.md", "hooks.md", "promises.md", "types.md", "wrong-input.md"]
)
def test_made_pages_are_up_to_date(name: str) -> None:
    made = maker().pages()[name]
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == made, "run: python tools/make_reference.py"


def test_a_field_that_is_not_described_is_refused() -> None:
    @dataclass
    class Half:
        known: int
        forgotten: int

    with pytest.raises(ValueError, match="Half should describe known, forgotten"):
        fields_of(Half, "    known: int, how many.")


FOREIGN = {"Console", "False", "Iterator", "Mapping", "Module", "None", "Path", "Sequence", "Tensor"}
"""Names of Python and of other packages that signatures of hooks have."""


def test_what_authors_type_can_be_imported_and_is_described() -> None:
    hooks, described = ((ROOT / "docs" / "reference" / f"{page}.md").read_text("utf-8") for page in ("hooks", "types"))
    signatures = re.findall(r"^(?:def |- `).*", hooks, re.MULTILINE)
    names = set(re.findall(r"\b[A-Z]\w+", " ".join(re.sub(r"`: .*", "", line) for line in signatures)))
    names -= FOREIGN | set(types.__all__)
    assert len(names) > 10
    assert names <= set(api.__all__)
    options = {"Options", "Positive", "Natural", "Fraction", "AboveZero", "DatasetPart"}
    known = {*(kind.capitalize() for kind in PROTOCOLS), *re.findall(r"^(?:###? |\| )`(\w+)`", hooks + described, re.M)}
    assert {*names, *options, "SpanModule", *(field.name for field in fields(api.Component))} <= known


def test_every_hook_component_and_option_is_documented(host: PluginHost) -> None:
    hooks = (ROOT / "docs" / "reference" / "hooks.md").read_text("utf-8")
    components = (ROOT / "docs" / "reference" / "components.md").read_text("utf-8")
    for kind in PROTOCOLS:
        assert f"## `qatk_{kind}s()`" in hooks
    for registered in host.components():
        if registered.plugin.distribution == "qatk":
            assert f"### `{registered.name}`" in components
            for option in registered.component.options.model_fields:
                assert f"| `{option}` |" in components


@pytest.mark.parametrize("text", blocks("yaml"))
def test_recipes_in_the_docs_are_in_order(text: str, host: PluginHost) -> None:
    parse_recipe(text, "docs", host)


def test_there_are_recipes_and_commands_to_check() -> None:
    assert len(blocks("yaml")) >= 3
    assert len(blocks("console")) >= 2


SHOWN_ELSEWHERE = ("make ", "pip ", "qatk run ", "qatk report ", "git ", "torchrun ")
"""Commands that other tests or CI run, or that take a minute; the first word must still exist."""


@pytest.mark.parametrize("text", blocks("console"))
def test_commands_in_the_docs_run(text: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")  # what commands write stays out of the tree
    commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    assert commands
    for command in commands:
        if command.startswith(SHOWN_ELSEWHERE):
            continue
        words = shlex.split(command)
        assert words[0] == "qatk", command
        done = call(*words, cwd=tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stderr}"


@needs_shared_data
def test_the_comparison_of_published_systems_is_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATK_SHARED", str(SHARED))
    made = maker("make_comparisons")
    page = (ROOT / "docs" / "results" / "comparisons.md").read_text("utf-8")
    assert made.PARITY in page
    assert made.markdown(made.PARITY.split()[1:]) in page, "run: python tools/make_comparisons.py RUNS"


def test_the_runs_of_the_comparisons_are_in_order(host: PluginHost) -> None:
    made = maker("make_comparisons")
    page = (ROOT / "docs" / "results" / "comparisons.md").read_text("utf-8")
    assert made.SET_MINI in page
    for command, layers in zip(made.COMMANDS, (3, None, None), strict=True):
        assert f"\n{command}\n" in page
        recipe = recipe_of(command, made, host)
        assert recipe.filled()["data"]["dev"]["path"] == str(SHARED / "squad2-mini" / "dev.json.gz")
        assert recipe.filled()["backbone"]["layers"] == layers


def test_the_runs_of_the_effects_are_in_order(host: PluginHost) -> None:
    made = maker("make_effects")
    page = (ROOT / "docs" / "results" / "effects.md").read_text("utf-8")
    for command in (made.TRAIN, made.CALIBRATE, made.WINDOWS, made.MERGE, made.ENSEMBLE):
        assert command in page
        values = {"seed": "1", "next": "2", "head": "answerability", "combine": "edge", "by": "score"}
        recipe_of(command, made, host, **values)


def recipe_of(command: str, made: ModuleType, host: PluginHost, **values: str) -> Recipe:
    """The recipe of a ``qatk run`` command with its ``--set`` options, as a shell would read them."""
    options = made.SET_MINI.removeprefix("mini=(").removesuffix(")")
    text = Template(command.replace(made.MINI, options)).substitute(values, QATK_SHARED=str(SHARED))
    words = shlex.split(text)
    return load_recipe(ROOT / words[2], host, [words[i + 1] for i, word in enumerate(words) if word == "--set"])


def test_links_between_pages_lead_somewhere() -> None:
    checked = 0
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
            checked += 1
    assert checked


def test_the_changelog_has_one_line_an_entry_under_distinct_headings() -> None:
    """A merge that keeps both sides of a rewritten changelog shows here: keep the grouped form, add the new lines."""
    lines = (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines()
    unreleased = lines[lines.index("## Unreleased") + 1 :]
    assert [line for line in unreleased if line and not line.startswith(("- ", "#")) and not line.endswith(":")] == []
    headings = [line for line in unreleased if line.startswith("#") or line.endswith(":")]
    assert len(headings) == len(set(headings)) > 5
    entries = [line for line in unreleased if line.startswith("- ")]
    assert len(entries) == len(set(entries)) > 50
