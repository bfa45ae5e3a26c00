"""The JSON schema of recipes, made from the components that are installed."""

from __future__ import annotations

import json
from typing import Any

from qatk.plugins.host import PluginHost
from qatk.plugins.parts import DatasetPart
from qatk.plugins.registered import Registered
from qatk.recipes.sections import FURTHER, NAME, SECTIONS, Scalars

Schema = dict[str, Any]
"""A JSON schema, or a part of one."""


def recipe_schema(host: PluginHost) -> Schema:
    """JSON Schema (draft 2020-12) of a recipe."""
    properties: Schema = Scalars.model_json_schema()["properties"]
    groups: Schema = {}
    for path, section in SECTIONS.items():
        choice: Schema = {"$ref": f"#/$defs/{section.kind}"}
        entry = {"type": "array", "items": choice} if section.many else choice
        if section.default is not None:
            entry = {**entry, "default": section.default}
        (properties if len(path) == 1 else groups.setdefault(path[0], {}))[path[-1]] = entry
    for group, inner in groups.items():
        needed = [path[1] for path, section in SECTIONS.items() if path[0] == group and section.required]
        entry = {"type": "object", "properties": inner, "required": needed, "additionalProperties": False}
        if (further := FURTHER.get(group)) is not None:
            more = {"$ref": f"#/$defs/{further.kind}"}
            entry |= {"additionalProperties": more, "propertyNames": {"pattern": f"^{NAME.pattern}$"}}
        properties[group] = entry
    required = ["qatk", *{path[0]: None for path, section in SECTIONS.items() if section.required}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "qatk recipe",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "$defs": {kind: _kind_schema(host, kind) for kind in dict.fromkeys(s.kind for s in SECTIONS.values())},
    }


def _kind_schema(host: PluginHost, kind: str) -> Schema:
    return {"oneOf": [_component_schema(registered, host.use_of(registered)) for registered in host.components(kind)]}


def _component_schema(registered: Registered, name: str) -> Schema:
    """The options beside ``use``; what they define are datasets alone, which the recipe's schema defines itself."""
    written = json.dumps(registered.component.options.model_json_schema())
    options = json.loads(written.replace(f"#/$defs/{DatasetPart.__name__}", "#/$defs/dataset"))
    options.pop("$defs", None)
    use = {
        "enum": list(dict.fromkeys([name, f"{registered.plugin.name}/{registered.name}"])),
        "description": registered.component.summary,
    }
    return {
        **options,
        "title": f"{registered.kind} {registered.name}",
        "properties": {"use": use, **options.get("properties", {})},
        "required": ["use", *options.get("required", [])],
    }
