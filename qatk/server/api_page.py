"""The OpenAPI schema as a page for people, without scripts and without anything from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup, escape

from qatk.display import content_policy, page_style, page_template
from qatk.server.page import asset, framed

Schema = Mapping[str, Any]


def api_page(schema: Schema, url: str) -> tuple[str, str]:
    """The page of a server at this address, and the policy that belongs to it."""
    style = page_style() + asset("api.css")
    text: str = page_template(asset("api.html.jinja")).render(
        style=Markup(style), schema=schema, url=url, operations=list(_operations(schema)), forms=list(_forms(schema))
    )
    return text, framed(content_policy([], style))


def _operations(schema: Schema) -> Iterator[dict[str, object]]:
    for path, methods in schema["paths"].items():
        for method, about in methods.items():
            body = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            yield {
                "call": f"{method.upper()} {path}",
                "id": f"{method}-{path.strip('/').replace('/', '-').strip('{}:') or 'root'}",
                "about": _prose(about.get("description", "")),
                "body": _kind(body) if body else "",
                "answers": [
                    (status, _answer(answer), answer["description"])
                    for status, answer in sorted(about["responses"].items())
                ],
            }


def _answer(answer: Schema) -> Markup:
    found = answer.get("content", {}).get("application/json", {}).get("schema")
    return _kind(found) if found else Markup("")


def _forms(schema: Schema) -> Iterator[dict[str, object]]:
    for name, form in schema["components"]["schemas"].items():
        needed = form.get("required", ())
        rows = [
            (
                field,
                _kind(about),
                "yes" if field in needed else "",
                _prose(about.get("description", "")),
                _bounds(about),
            )
            for field, about in form.get("properties", {}).items()
        ]
        yield {"name": name, "about": _prose(form.get("description", "")), "rows": rows}


def _prose(text: str) -> Markup:
    """A description, with its code set as such."""
    return Markup(re.sub("``(.+?)``", r"<code>\1</code>", str(escape(text))))


def _kind(about: Schema) -> Markup:
    """A type in words, with links to forms: ``Answer or list of HubAnswer``."""
    if "$ref" in about:
        return Markup('<a href="#form-{0}">{0}</a>').format(about["$ref"].rpartition("/")[2])
    if choices := about.get("anyOf") or about.get("oneOf"):
        return Markup(" or ").join(map(_kind, choices))
    if about.get("type") == "array":
        return Markup("list of {}").format(_kind(about["items"]))
    if about.get("type") == "object" and "additionalProperties" in about:
        return Markup("map of names to {}").format(_kind(about["additionalProperties"]))
    return escape(about.get("type", "any"))


def _bounds(about: Schema) -> str:
    """Default and limits of a field."""
    choices = [about, *about.get("anyOf", ())]
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "minItems": "at least",
        "maxItems": "at most",
        "maxLength": "characters at most",
    }
    found = [f"{said} {round(choice[name]):,}" for choice in choices for name, said in words.items() if name in choice]
    default = [f"default {json.dumps(about['default'])}"] if about.get("default") is not None else []
    return ", ".join([*default, *found])
