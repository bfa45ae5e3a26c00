"""How Sphinx makes the site of these pages: ``make docs``. Nothing is downloaded, now or by a reader's browser."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import qatk.results
import qatk.types

project = "qatk"
author = "the qatk authors"
release = metadata.version("qatk")
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_external_toc"]
exclude_patterns = ["_build"]
external_toc_path = "contents.yml"
myst_heading_anchors = 3  # links to headings, as on GitHub

napoleon_use_ivar = True  # one "Attributes:" entry may describe several fields
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_mock_imports = ["haystack", "langchain_core", "llama_index"]  # what adapters need need not be installed
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_title = "qatk"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": False, "secondary_sidebar_items": ["page-toc"], "show_toc_level": 2}


def setup(app: Sphinx) -> None:
    """Hook into Sphinx."""
    app.connect("autodoc-skip-member", _skip_types)
    app.connect("missing-reference", _find_by_last_name)


def _skip_types(app: Sphinx, what: str, name: str, member: object, skip: bool, options: Any) -> bool | None:
    """``qatk.api`` publishes the types too, but they are described once, on the pages of their own modules."""
    elsewhere = {*qatk.types.__all__, *qatk.results.__all__}
    return True if app.env.current_document.docname == "reference/python/api" and name in elsewhere else None


def _find_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element
) -> nodes.Element | None:
    """Docstrings name a class as its own module sees it; the site describes it where it is published."""
    if node["refdomain"] != "py":
        return None
    last = node["reftarget"].rpartition(".")[2]
    found = [name for name, entry in env.domains.python_domain.objects.items() if name.rpartition(".")[2] == last]
    if len(found) != 1:
        return None
    return env.domains.python_domain.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], found[0], node, shown
    )
