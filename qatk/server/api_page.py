"""The OpenAPI schema as a page for people, without scripts and without anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from qatk.display import content_policy, page_style, page_template
from qatk.server.page import asset, framed

Schema = Mapping[str, Any]


def api_page(schema: Schema) -> tuple[str, str]:
    """The page, and the policy that belongs to it."""
    style = page_style() + asset("api.css")
    text: str = page_template(asset("api.html.jinja")).render(
        style=Markup(style), schema=schema, operations=list(_operations(schema)), forms=list(_forms(schema))
    )
    return text, framed(content_policy([], style))


def _operations(schema: Schema) -> Iterator[dict[str, object]]:
    for path, methods in schema["paths"].items():
        for method, about in methods.items():
            body = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            yield {
                "call": f"{method.upper()} {path}",
                "id": f"{method}-{path.strip('/').replace('/', '-').strip('{}:') or 'root'}",
                "about": about.get("description", ""),
                "body": _kind(body) if body else "",
                "answers": [
                    (status, _answer(answer), answer["description"])
                    for status, answer in sorted(about["responses"].items())
                ],
            }


def _answer(answer: Schema) -> str:
    found = answer.get("content", {}).get("application/json", {}).get("schema")
    return _kind(found) if found else ""


def _forms(schema: Schema) -> Iterator[dict[str, object]]:
    for name, form in schema["components"]["schemas"].items():
        needed = form.get("required", ())
        rows = [
            (field, _kind(about), "yes" if field in needed else "", about.get("description", ""), _bounds(about))
            for field, about in form.get("properties", {}).items()
        ]
        yield {"name": name, "about": form.get("description", ""), "rows": rows}


def _kind(about: Schema) -> str:
    """A type in words: ``Answer or list of HubAnswer``."""
    if "$ref" in about:
        return str(about["$ref"].rpartition("/")[2])
    if choices := about.get("anyOf") or about.get("oneOf"):
        return " or ".join(map(_kind, choices))
    if about.get("type") == "array":
        return f"list of {_kind(about['items'])}"
    if about.get("type") == "object" and "additionalProperties" in about:
        return "map of names to " + _kind(about["additionalProperties"])
    return str(about.get("type", "any"))


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
    found = [f"{said} {choice[name]:,}" for choice in choices for name, said in words.items() if name in choice]
    default = [f"default {json.dumps(about['default'])}"] if about.get("default") is not None else []
    return ", ".join([*default, *found])
