"""Whether the data of a record fits the schema of its kind, and how that schema is written down.

A misfit is a mistake in the program. Where that should be found (tests, the demonstration's data) it is an error; in
service it must not cost anyone their decision or their paper, so the record is issued without a schema, as those from
before there were schemas, the row says where the data does not fit, and administrators read it among what failed.
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SHOWN = 5  # places named in a fault
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schema:
    """``version`` goes up by one with every change of ``model``; records keep the version they were issued with."""

    model: type[BaseModel]
    version: int


@dataclass(frozen=True)
class Fit:
    version: int | None
    fault: str | None = None


class Misfit(Exception):
    """The data of a record is not what the schema of its kind says."""


_schemas: dict[str, Schema] = {}
_strict = False


def configure(*, strict: bool) -> None:
    """``strict``: a misfit is raised."""
    global _strict
    _strict = strict


def register(kind: str, schema: Schema) -> None:
    """At import: for records by ``records.register_kind``, and for papers that are no records by who prints them."""
    if kind in _schemas:
        raise ValueError(f"the schema of {kind} is registered twice")
    _schemas[kind] = schema


def registered() -> dict[str, Schema]:
    return dict(_schemas)


def examine(kind: str, data: dict[str, Any]) -> Fit:
    """The version ``data`` fits, or where it does not; neither for a kind without a schema. May raise Misfit."""
    schema = _schemas.get(kind)
    if schema is None:
        return Fit(None)
    try:
        schema.model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        # Without what was given: that may be about people.
        places = [f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors(include_input=False)]
        fault = "; ".join(places[:SHOWN])
        if _strict:
            raise Misfit(f"{kind}/{schema.version}: {fault}") from error
        log.error("a record does not fit its schema", extra={"kind": kind, "version": schema.version, "fault": fault})
        return Fit(None, fault)
    return Fit(schema.version)


def written(kind: str) -> dict[str, Any]:
    """The schema of a whole ``record.json`` of this kind, as it is to be published."""
    schema = _schemas[kind]
    data = schema.model.model_json_schema(ref_template="#/$defs/{model}")
    parts = data.pop("$defs", {})
    parts["Data"] = data | {"title": "Data"}
    about = " ".join((schema.model.__doc__ or "").split())
    return {
        "$schema": DIALECT,
        "$id": f"urn:kibali:record:{kind}:{schema.version}",
        "title": f"{kind}, version {schema.version}",
        "description": f"record.json of a document of the kind {kind}. {about}",
        "type": "object",
        "properties": {
            "$schema": _text("Public address of this schema", format="uri"),
            "record": {"const": kind, "description": "Kind of document"},
            "title": _text("Title of the document, in its language"),
            "number": _text("Number people quote; empty when it has none"),
            "code": _text("Code of the public check; empty when the document is not a record of its own"),
            "verify": _text("Address that says what the document is worth now", format="uri"),
            "issuer": _text("Name of the authority that issued it, in the document's language"),
            "issued_at": _text("When it was issued, UTC", format="date-time"),
            "locale": _text("Language and country whose wording and formats the texts have, such as fr_CG"),
            "data": {"$ref": "#/$defs/Data"},
        },
        "required": [
            "$schema", "code", "data", "issued_at", "issuer", "locale", "number", "record", "title", "verify",
        ],
        "additionalProperties": False,
        "$defs": dict(sorted(parts.items())),
    }  # fmt: skip


def _text(description: str, **more: str) -> dict[str, str]:
    return {"type": "string", "description": description, **more}
