"""The page for the platform's engineers: each operation with a command that can be pasted."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, render_template

from app.api import openapi
from app.api.guards import SCOPES
from app.api.problems import TITLES
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.outbox import events

TAGS: dict[str, Text] = {
    "tokens": _l("Access tokens"),
    "permits": _l("Permits"),
    "readiness": _l("Readiness"),
    "listings": _l("Listings"),
    "webhooks": _l("Webhooks"),
}
DEEPEST = 8


@dataclass(frozen=True)
class FieldShown:
    name: str
    kind: str
    needed: bool
    description: str


@dataclass(frozen=True)
class Shown:
    """One operation as the page shows it."""

    route: openapi.Route
    curl: str
    takes: tuple[FieldShown, ...]
    gives: tuple[FieldShown, ...]
    answer: str


def page() -> str:
    app = current_app
    shown = [_shown(app, route) for route in openapi.routes(app)]
    tags = [*TAGS, *sorted({item.route.operation.tag for item in shown} - set(TAGS))]
    return render_template(
        "api/docs.html",
        sections=[
            (TAGS.get(tag, tag), [item for item in shown if item.route.operation.tag == tag])
            for tag in tags
            if any(item.route.operation.tag == tag for item in shown)
        ],
        base=app.config["KIBALI"].base_url,
        scopes=SCOPES,
        problems=TITLES,
        events=[(code, kind.title, _event(code, kind)) for code, kind in events.types().items()],
    )


def _event(code: str, kind: events.EventType) -> str:
    schema = kind.schema.model_json_schema(mode="serialization")
    return _pretty({"type": code, "timestamp": "2026-11-21T10:42:00+00:00", "data": example(schema, schema)})


def _shown(app: Flask, route: openapi.Route) -> Shown:
    declared = route.operation
    taken = declared.body or declared.query
    answer = ""
    if declared.response is not None:
        schema = declared.response.model_json_schema(mode="serialization")
        answer = _pretty(example(schema, schema))
    return Shown(
        route,
        _curl(app.config["KIBALI"].base_url, route),
        _fields(taken.model_json_schema(mode="validation")) if taken else (),
        _fields(declared.response.model_json_schema(mode="serialization")) if declared.response else (),
        answer,
    )


def _curl(base: str, route: openapi.Route) -> str:
    """A command for a shell in which ``TOKEN`` was set as the page says."""
    declared = route.operation
    address = base + route.path
    given = []
    for name, _kind_of in route.arguments:
        given.append(f"{name.upper()}=…\n")
        address = address.replace("{" + name + "}", f"${name.upper()}")
    parts = ["curl" if route.method == "GET" else f"curl -X {route.method}"]
    if route.scope:
        parts[0] += ' -H "Authorization: Bearer $TOKEN"'
    elif declared.tag == "tokens":
        parts[0] += ' -u "$CLIENT_ID:$CLIENT_SECRET"'
        parts.append("-d grant_type=client_credentials")
    if declared.body is not None and declared.parsed:
        schema = declared.body.model_json_schema(mode="validation")
        sent = json.dumps(example(schema, schema), ensure_ascii=False)
        parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(sent)}"]
    parts.append(f'"{address}"')
    return "".join(given) + " \\\n  ".join(parts)


def example(schema: dict[str, Any], whole: dict[str, Any], depth: int = 0) -> Any:
    """A value that fits ``schema``, from the examples its fields carry; ``whole`` holds the definitions."""
    if "$ref" in schema:
        return example(whole["$defs"][schema["$ref"].rsplit("/", 1)[-1]], whole, depth)
    for source in ("examples", "enum"):
        if schema.get(source):
            return schema[source][0]
    if "const" in schema or "default" in schema:
        return schema.get("const", schema.get("default"))
    if depth > DEEPEST:
        return None
    for choice in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        return example(choice, whole, depth + 1)
    if schema.get("type") == "object":
        return {name: example(part, whole, depth + 1) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example(schema.get("items", {}), whole, depth + 1)]
    return {
        "string": {"date": "2026-11-21", "date-time": "2026-11-21T10:42:00Z"}.get(schema.get("format", ""), "…"),
        "integer": 1,
        "number": 1,
        "boolean": True,
    }.get(schema.get("type", ""))


def _fields(schema: dict[str, Any]) -> tuple[FieldShown, ...]:
    needed = schema.get("required", [])
    return tuple(
        FieldShown(name, _kind(part, schema), name in needed, part.get("description", ""))
        for name, part in schema.get("properties", {}).items()
    )


def _kind(part: dict[str, Any], whole: dict[str, Any]) -> str:
    if "$ref" in part:
        return _kind(whole["$defs"][part["$ref"].rsplit("/", 1)[-1]], whole)
    if "anyOf" in part:
        return " | ".join(_kind(choice, whole) for choice in part["anyOf"])
    return str(part.get("format") or part.get("type") or "")


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


__all__ = ["example", "page"]
