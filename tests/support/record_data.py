"""Data that fits the schema of a kind of record, for tests that only need a record to be there."""

import json
from typing import Any

from app.documents import schema_models, schemas

_PATTERNS = {"^[0-9a-f]{64}$": "0" * 64, "^[A-Z]{3}$": "RWF"}
_FORMATS = {"date": "2026-11-21", "date-time": "2026-11-21T08:00:00+00:00"}


def fitting(kind: str, **said: Any) -> dict[str, Any]:
    """The least that fits the current version, with what is ``said`` over it."""
    schema = json.loads(schemas.published(kind, schema_models.registered()[kind].version))
    made = _least(schema["$defs"]["Data"], schema["$defs"])
    assert isinstance(made, dict)
    return made | said


def _least(schema: dict[str, Any], parts: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _least(parts[schema["$ref"].rpartition("/")[2]], parts)
    if "anyOf" in schema:
        kinds = [_least(each, parts) for each in schema["anyOf"]]
        return None if None in kinds else kinds[0]
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema["type"]:
        case "object":
            return {name: _least(schema["properties"][name], parts) for name in schema["required"]}
        case "array":
            return [_least(each, parts) for each in schema.get("prefixItems", [])]
        case "string":
            return _PATTERNS.get(schema.get("pattern", "")) or _FORMATS.get(schema.get("format", ""), "")
        case "integer":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return False
    return None
