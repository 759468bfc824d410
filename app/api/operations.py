"""``@operation``: says what a view takes and gives, checks and converts it, and is all the OpenAPI document needs.

@blueprint.post("/readiness")
@scope("readiness:ask")
@operation(summary=_l("Ask …"), tag="readiness", body=Question, response=Answer)
def ask(body: Question) -> Answer: ...
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, current_app, request
from pydantic import BaseModel, ValidationError

from app.api import mistakes
from app.api.problems import Unreadable
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l


@dataclass(frozen=True)
class Operation:
    """``errors`` are the statuses beside those every operation may answer; ``parsed`` is false for a view that reads
    its body itself. ``etag``: the answer carries one, and If-None-Match is honoured."""

    id: str
    summary: Text
    description: Text
    tag: str
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    response: type[BaseModel] | None
    status: int
    errors: tuple[int, ...]
    etag: bool
    media_type: str
    parsed: bool


@dataclass(frozen=True)
class Reply:
    """An answer with headers of its own."""

    document: BaseModel | None
    headers: dict[str, str]


def operation(
    *,
    summary: Text,
    tag: str,
    description: Text = "",
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    response: type[BaseModel] | None = None,
    status: int | None = None,
    errors: tuple[int, ...] = (),
    etag: bool = False,
    media_type: str = "application/json",
    parsed: bool = True,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """The view gets ``body=`` and ``query=`` as instances of the models, and returns one of ``response``, a ``Reply``
    or None (204). Put it below ``@scope`` or ``@public``, so that nobody unknown has their body read."""

    def declare(view: Callable[..., Any]) -> Callable[..., Response]:
        declared = Operation(
            view.__name__,
            summary,
            description,
            tag,
            body,
            query,
            response,
            status or (200 if response is not None else 204),
            errors,
            etag,
            media_type,
            parsed,
        )

        @wraps(view)
        def run(**kwargs: Any) -> Response:
            if query is not None:
                kwargs["query"] = _query(query)
            if body is not None and parsed:
                kwargs["body"] = _body(body)
            return _answer(declared, view(**kwargs))

        run.operation = declared  # type: ignore[attr-defined]
        return run

    return declare


def _body(model: type[BaseModel]) -> BaseModel:
    if not request.is_json:
        raise Unreadable(_l("Send the body as application/json."), status=415)
    try:
        return model.model_validate_json(request.get_data(cache=False))
    except ValidationError as error:
        if any(part["type"] == "json_invalid" for part in error.errors()):
            raise Unreadable() from error
        raise mistakes.invalid(error) from error


def _query(model: type[BaseModel]) -> BaseModel:
    given = {name: values[0] if len(values) == 1 else values for name, values in request.args.lists()}
    given.pop("lang", None)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise mistakes.invalid(error) from error


def _answer(declared: Operation, result: Any) -> Response:
    reply = result if isinstance(result, Reply) else Reply(result, {})
    content = b"" if reply.document is None else _bytes(reply.document)
    response = current_app.response_class(content, declared.status)
    if reply.document is None:
        response.headers.remove("Content-Type")
    else:
        response.content_type = "application/json"
    # What one client may see is nobody else's; with an ETag it may be kept, and asked about, by that client alone.
    response.headers["Cache-Control"] = "private, no-cache" if declared.etag else "no-store"
    response.vary.update(["Authorization", "Accept-Language"])
    response.headers.update(reply.headers)
    if declared.etag:
        response.add_etag()
        response.make_conditional(request)
    return response


def _bytes(document: BaseModel) -> bytes:
    return json.dumps(document.model_dump(mode="json", by_alias=True), ensure_ascii=False).encode()


__all__ = ["Operation", "Reply", "operation"]
