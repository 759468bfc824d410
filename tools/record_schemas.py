"""Write the schema file of each kind of record whose current version has none: ``python -m tools.record_schemas``.

A published file is never written again: who changes a model raises its version first.
"""

import json
from importlib import import_module

from app.documents import schema_models, schemas
from app.models_index import import_models


def load() -> None:
    """Import whatever registers a schema, as the portal does at start."""
    from app import BLUEPRINTS

    import_models()
    import_module("app.tasks_index").import_tasks()
    import_module("app.installed")
    for name in BLUEPRINTS:
        import_module(name)


def text(kind: str) -> str:
    return json.dumps(schema_models.written(kind), ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    load()
    for kind, schema in sorted(schema_models.registered().items()):
        target = schemas.PUBLISHED / kind / f"{schema.version}.json"
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text(kind), encoding="utf-8")
        print(target)


if __name__ == "__main__":
    main()
