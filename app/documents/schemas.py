"""The published JSON Schemas of records: one file a kind and version, never changed once a record names it.

The same bytes are inside each PDF, beside its data, and at ``/schemas/records/<kind>/<version>.json``.
"""

import re
from functools import lru_cache
from pathlib import Path

PUBLISHED = Path(__file__).resolve().parent / "published"
FILE = "record.schema.json"  # in the PDF
_KIND = re.compile(r"[a-z][a-z_]{0,60}")


def path(kind: str, version: int) -> str:
    """Of its public address, after the portal's."""
    return f"/schemas/records/{kind}/{version}.json"


@lru_cache(maxsize=64)
def published(kind: str, version: int) -> str:
    """Raises LookupError when there is none."""
    if _KIND.fullmatch(kind) is None or not 0 < version < 10_000:
        raise LookupError(f"no schema {kind}/{version}")
    try:
        return (PUBLISHED / kind / f"{version}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LookupError(f"no schema {kind}/{version}") from None
