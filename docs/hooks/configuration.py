"""The reference of the settings, from the classes that check them."""

from __future__ import annotations

import json
from typing import Any


def configuration_page() -> str:
    """Every setting of ``--config`` and ``--set``, with its type and default."""
    from sssd_registry import Config

    parts = [
        "# Settings",
        "Settings stand in a TOML file (`sssd train --config FILE`), or one by one on the command line"
        " (`--set SECTION.KEY=VALUE`, repeatable, the later ones winning). A value is read as TOML where it is TOML,"
        " and as a string otherwise. A key that does not exist is an error that names near matches. “From the data”"
        " means that training looks at the data and decides.",
    ]
    for section, field in Config.model_fields.items():
        properties: dict[str, Any] = field.annotation.model_json_schema()["properties"]  # type: ignore[union-attr]
        rows = [_row(name, schema) for name, schema in properties.items()]
        parts += [f"## [{section}]", "\n".join(["| key | type | default | |", "|---|---|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


def _row(name: str, schema: dict[str, Any]) -> str:
    default = schema.get("default")
    shown = "from the data" if default is None else f"`{json.dumps(default)}`"
    words = "; ".join(part for part in (schema.get("description", ""), _limits(schema)) if part)
    return f"| `{name}` | {_kind(schema)} | {shown} | {words} |"


_SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_KINDS = {"string": "string", "integer": "whole number", "number": "number", "boolean": "true or false"}


def _limits(schema: dict[str, Any]) -> str:
    """Bounds of a number, which may stand beside “or nothing”."""
    bounded = next((one for one in [schema, *schema.get("anyOf", [])] if _SIGNS.keys() & one.keys()), {})
    return ", ".join(f"{sign} {bounded[name]}" for name, sign in _SIGNS.items() if name in bounded)


def _kind(schema: dict[str, Any]) -> str:
    """A type as a reader of TOML would name it."""
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{json.dumps(one)}`" for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        inner = schema["items"] if "items" in schema else schema["prefixItems"][0]
        return f"list ({_kind(inner)})"
    if schema.get("type") == "object":
        named = schema.get("additionalProperties")
        return f"table ({_kind(named)})" if isinstance(named, dict) else "table"
    return _KINDS.get(schema.get("type", ""), "any")
