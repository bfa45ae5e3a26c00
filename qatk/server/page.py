"""The page for people: one file, whose policy lets it ask its own server and nobody else."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from markupsafe import Markup

from qatk.display import content_policy, page_script, page_style, page_template

PARTS = ("state.js", "marks.js", "cards.js", "page.js")
"""Of the page's script, in the order in which they need each other."""


@cache
def page_text() -> str:
    """The whole page, the same for every server: it asks for models and limits itself."""
    text: str = page_template(asset("page.html.jinja")).render(style=Markup(_style()), script=Markup(_script()))
    return text


def framed(policy: str) -> str:
    """A policy for a page of a server, which no other page may hold in a frame."""
    return f"{policy}; img-src data:; frame-ancestors 'none'"


@cache
def _style() -> str:
    return page_style() + asset("page.css")


@cache
def _script() -> str:
    return page_script(map(asset, PARTS))


def asset(name: str) -> str:
    """A part of this server's pages."""
    return (files("qatk.server") / "assets" / name).read_text("utf-8")


PAGE_POLICY = framed(f"{content_policy([_script()], _style())}; connect-src 'self'")
"""Of the page, for the header of its answer."""
