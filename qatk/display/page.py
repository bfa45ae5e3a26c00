"""What all HTML pages share: their look, the escaping of texts, and a policy that lets run only what is in them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from qatk.display.text import undirected

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    import jinja2


def _assets() -> Traversable:
    from importlib.resources import files

    return files("qatk.display") / "assets"


@cache
def page_style() -> str:
    """The style sheet."""
    return (_assets() / "page.css").read_text("utf-8")


def page_script(parts: Iterable[str]) -> str:
    """One script, which leaves nothing behind: what all pages share, and these parts.

    Shared are ``make`` and other helpers for elements and numbers, and ``Places``, whose places count code points.
    """
    shared = ((_assets() / name).read_text("utf-8") for name in ("dom.js", "spans.js"))
    return '"use strict";\n(() => {{\n{}}})();\n'.format("\n".join([*shared, *parts]))


def content_policy(scripts: Sequence[str], style: str) -> str:
    """The Content-Security-Policy of a page: these scripts and this style, by their hashes; no network."""
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"


def page_template(text: str) -> jinja2.Template:
    """A template in which every text is escaped, and turns no direction of what stands around it."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, finalize=_plain
    )
    return environment.from_string(text)


def still_page(template: str, **values: object) -> str:
    """A page, from the text of its template, that runs no script and asks no network."""
    from markupsafe import Markup

    style = page_style()
    page: str = page_template(template).render(policy=content_policy([], style), style=Markup(style), **values)
    return page


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _plain(value: object) -> object:
    """A text without characters that would turn the direction of what stands around it; markup as it is."""
    return undirected(value) if type(value) is str else value
