"""``/schemas/records/<kind>/<version>.json``: what the data inside a record means, for anybody, for ever the same."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from app.core.errors import NotFound
from app.documents import schemas
from app.identity.policy import Permission
from app.web.guards import requires

YEAR = 31_536_000  # seconds

blueprint = Blueprint("record_schemas", __name__)


@blueprint.get("/schemas/records/<kind>/<int:version>.json")
@requires(Permission.PUBLIC)
def schema(kind: str, version: int) -> ResponseReturnValue:
    try:
        text = schemas.published(kind, version)
    except LookupError:
        raise NotFound from None
    answer = Response(text, mimetype="application/schema+json")
    answer.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return answer
