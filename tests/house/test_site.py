"""The site of ``make docs``: built without a warning (dead references are some), from nothing but this repository."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import qatk
from qatk import api, results, testing, types
from repository import ROOT

WARNING_FREE = ("--fail-on-warning", "--keep-going", "--quiet")


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "sphinx", *WARNING_FREE, str(source), str(target)]
    return subprocess.run(words, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built_and_can_be_searched(site: Path) -> None:
    pages = {str(page.relative_to(ROOT / "docs").with_suffix("")) for page in (ROOT / "docs").rglob("*.md")}
    index = (site / "searchindex.js").read_text("utf-8")
    found = set(json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))["docnames"])
    assert found == pages


@pytest.mark.parametrize("module", [qatk, api, types, results, testing], ids=lambda module: module.__name__)
def test_the_public_names_are_described(site: Path, module: ModuleType) -> None:
    page = (site / "reference" / "python" / f"{module.__name__.rpartition('.')[2]}.html").read_text("utf-8")
    elsewhere = {*types.__all__, *results.__all__} if module in (qatk, api) else set()
    elsewhere |= {*api.__all__} if module is qatk else set()
    public = [name for name in module.__all__ if name not in elsewhere and _has_a_docstring(getattr(module, name))]
    assert len(public) >= 3
    assert not [name for name in public if f'id="{module.__name__}.{name}"' not in page]


CALLED = {
    "data": ("check", "fix", "split", "sample", "save"),
    "evaluation": ("Aligner",),
    "adapters": ("haystack.Reader", "langchain.Evidence", "llama_index.Evidence", "txtai.Questions"),
}
"""What users call of modules whose other names are for the core and its built-ins."""


@pytest.mark.parametrize("module", CALLED)
def test_what_users_call_is_described(site: Path, module: str) -> None:
    page = (site / "reference" / "python" / f"{module}.html").read_text("utf-8")
    assert not [name for name in CALLED[module] if f'id="qatk.{module}.{name}"' not in page]


def _has_a_docstring(value: object) -> bool:
    return inspect.isclass(value) or inspect.isfunction(value)


def test_a_browser_fetches_nothing_from_the_network(site: Path) -> None:
    loaded = re.compile(r"<(?:script|link|img)[^>]*(?:src|href)=\"?https?:|url\([\"']?https?:|@import [\"']https?:")
    files = [file for file in site.rglob("*") if file.suffix in (".html", ".css")]
    assert len(files) > 20
    assert not [file.name for file in files if loaded.search(file.read_text("utf-8"))]


def test_a_dead_link_and_a_page_left_out_fail_the_build(tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text((ROOT / "docs" / "conf.py").read_text("utf-8"))
    (tmp_path / "contents.yml").write_text("root: index\n")
    (tmp_path / "index.md").write_text("# Index\n\n[here](#nowhere), [there](nowhere.md)\n")
    (tmp_path / "forgotten.md").write_text("# Forgotten\n")
    done = build(tmp_path, tmp_path / "out")
    assert done.returncode != 0
    for words in ("nowhere'", "nowhere.md", "forgotten.md"):
        assert words in done.stderr
