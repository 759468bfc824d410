"""The OpenAPI 3.1 document, made from the operations the application has: nothing is written twice."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from app.api import schemas
from app.api.guards import SCOPES
from app.api.operations import Operation
from app.api.problems import MEDIA_TYPE
from app.core.i18n import use_locale
from app.outbox import events

VERSION = "1.0.0"
REFERENCE = "#/components/schemas/{model}"
_ARGUMENT = re.compile(r"<(?:(?P<kind>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
_CACHE = "kibali.openapi"

Schema = dict[str, Any]
Models = Mapping[tuple[type[BaseModel], JsonSchemaMode], Schema]


@dataclass(frozen=True)
class Route:
    """One operation at its address; ``scope`` is None when no token is needed."""

    method: str
    path: str
    arguments: tuple[tuple[str, str], ...]
    operation: Operation
    scope: str | None


def routes(app: Flask) -> list[Route]:
    """Every operation of the application, in the order of its tags and paths."""
    found = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        declared: Operation | None = getattr(view, "operation", None)
        if declared is None:
            continue
        permission = str(getattr(view, "permission", ""))
        arguments = tuple((match["name"], match["kind"] or "string") for match in _ARGUMENT.finditer(rule.rule))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            found.append(
                Route(
                    method,
                    _ARGUMENT.sub(r"{\g<name>}", rule.rule),
                    arguments,
                    declared,
                    permission.removeprefix("scope:") if permission.startswith("scope:") else None,
                )
            )
    return sorted(
        found, key=lambda route: (route.operation.tag != "tokens", route.operation.tag, route.path, route.method)
    )


def document(app: Flask) -> Schema:
    """In English, whoever asks; made once and kept."""
    if _CACHE not in app.extensions:
        with use_locale("en_RW"):
            app.extensions[_CACHE] = _document(app)
    made: Schema = app.extensions[_CACHE]
    return made


def _document(app: Flask) -> Schema:
    known = routes(app)
    models, components = _schemas(known)
    base: str = app.config["KIBALI"].base_url
    paths: dict[str, Schema] = {}
    for route in known:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, models)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kibali trade-platform API",
            "version": VERSION,
            "summary": "Permits, readiness and listings for trade platforms.",
            "description": "Every error is an RFC 9457 problem document. Quantities are strings, times are RFC 3339.",
        },
        "servers": [{"url": base}],
        "paths": paths,
        "webhooks": _webhooks(models),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "oauth": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": f"{base}/oauth/token",
                            "scopes": {name: str(text) for name, text in SCOPES.items()},
                        }
                    },
                }
            },
        },
    }


def _schemas(known: list[Route]) -> tuple[Models, dict[str, Schema]]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(schemas.Problem, "serialization"): None}
    for route in known:
        for model in (route.operation.body, route.operation.query):
            if model is not None:
                wanted[model, "validation"] = None
        if route.operation.response is not None:
            wanted[route.operation.response, "serialization"] = None
    for kind in events.types().values():
        wanted[kind.schema, "serialization"] = None
    models, definitions = models_json_schema(list(wanted), ref_template=REFERENCE)
    return cast(Models, models), definitions.get("$defs", {})


def _operation(route: Route, models: Models) -> Schema:
    declared = route.operation
    described: Schema = {
        "operationId": declared.id,
        "summary": str(declared.summary),
        "tags": [declared.tag],
        "responses": dict(_responses(route, models)),
        "security": [{"oauth": [route.scope]}] if route.scope else [],
    }
    if declared.description:
        described["description"] = str(declared.description)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer" if kind == "int" else "string"}}
        for name, kind in route.arguments
    ]
    if declared.query is not None:
        parameters += _query_parameters(declared.query)
    if parameters:
        described["parameters"] = parameters
    if declared.body is not None:
        schema = models[declared.body, "validation"]
        described["requestBody"] = {"required": True, "content": {declared.media_type: {"schema": schema}}}
    return described


def _query_parameters(model: type[BaseModel]) -> list[Schema]:
    schema = model.model_json_schema(mode="validation")
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": part}
        | ({"description": part["description"]} if "description" in part else {})
        for name, part in schema["properties"].items()
    ]


def _responses(route: Route, models: Models) -> Iterator[tuple[str, Schema]]:
    declared = route.operation
    success: Schema = {"description": HTTPStatus(declared.status).phrase}
    if declared.response is not None:
        success["content"] = {"application/json": {"schema": models[declared.response, "serialization"]}}
    yield str(declared.status), success
    if declared.etag:
        yield "304", {"description": HTTPStatus.NOT_MODIFIED.phrase}
    for status in sorted(set(declared.errors) | set(_usual_errors(route))):
        schema = models[schemas.Problem, "serialization"]
        yield str(status), {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}


def _usual_errors(route: Route) -> Iterator[int]:
    declared = route.operation
    yield 500
    if route.scope:
        yield from (401, 403, 429)
    if declared.query is not None:
        yield 422
    if declared.body is not None:
        yield from (400, 413)
        if declared.parsed:
            yield from (415, 422)


def _webhooks(models: Models) -> dict[str, Schema]:
    told: dict[str, Schema] = {}
    for code, kind in events.types().items():
        envelope = {
            "type": "object",
            "required": ["type", "timestamp", "data"],
            "properties": {
                "type": {"const": code},
                "timestamp": {"type": "string", "format": "date-time"},
                "data": models[kind.schema, "serialization"],
            },
        }
        told[code] = {
            "post": {
                "operationId": code.replace(".", "_"),
                "summary": str(kind.title),
                "tags": ["webhooks"],
                "security": [],
                "parameters": [
                    {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
                    for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
                ],
                "requestBody": {"required": True, "content": {"application/json": {"schema": envelope}}},
                "responses": {"2XX": {"description": "Heard."}, "410": {"description": "Do not call again."}},
            }
        }
    return told


__all__ = ["Route", "document", "routes"]
