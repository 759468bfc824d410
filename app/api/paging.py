"""Lists by cursor: the same cost on every page, and nothing skipped or shown twice when rows are added."""

import base64
import binascii
import json
from typing import Any, Generic, TypeVar

from pydantic import Field

from app.api.schemas import Document
from app.core.errors import Invalid
from app.core.errors import Problem as DomainProblem
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l

T = TypeVar("T")
LARGEST = 100


class PageQuery(Document):
    """The query of a list."""

    limit: int = Field(default=50, ge=1, le=LARGEST, description=_("How many at most."))
    after: str | None = Field(default=None, max_length=400, description=_("The “next” of the page before."))


class Page(Document, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(default=None, description=_("Pass it as “after” for the next page; null on the last."))


def cursor(*key: Any) -> str:
    """An opaque cursor for the last row's sort key (strings, numbers)."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str, *kinds: type) -> tuple[Any, ...]:
    """The key a cursor stands for. Raises Invalid unless it has exactly these types: nobody may make one up."""
    try:
        key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        key = None
    if not isinstance(key, list) or [type(part) for part in key] != list(kinds):
        message = _l("Take “after” from the page before; do not make it up.")
        raise Invalid(DomainProblem(message, "after", "invalid_cursor"))
    return tuple(key)


__all__ = ["LARGEST", "Page", "PageQuery", "cursor", "read_cursor"]
