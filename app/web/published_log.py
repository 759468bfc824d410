"""``/log/…``: the signed heads of the audit log and what proves that one continues another, for anybody, as JSON.

Whoever keeps a head can tell later whether the log before it was changed. Nothing here is about people: a head counts
entries and hashes them. Which entry stands where is for auditors.
"""

from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.audit import heads, leaves, proofs
from app.audit.models import Entry
from app.core import db
from app.core.errors import NotFound
from app.identity.policy import Permission
from app.web.guards import requires

PAGE = 100
LARGEST = 2**63 - 1

blueprint = Blueprint("published_log", __name__, url_prefix="/log")


@blueprint.get("/head")
@requires(Permission.PUBLIC)
def head() -> ResponseReturnValue:
    """The latest; with ``?keep=1`` as a file to keep."""
    found = heads.latest(db.session())
    if found is None:
        raise NotFound
    answer = jsonify(heads.as_json(found))
    if "keep" in request.args:
        answer.headers["Content-Disposition"] = f'attachment; filename="log-head-{found.size}.json"'
    return answer


@blueprint.get("/heads")
@requires(Permission.PUBLIC)
def all_heads() -> ResponseReturnValue:
    """``{"heads": […], "next": size or null}``, the largest first; ``?before=`` takes what ``next`` said."""
    before = _number("before")
    found = heads.page(db.session(), before=before, limit=PAGE + 1)
    shown = found[:PAGE]
    return jsonify(
        {"heads": [heads.as_json(each) for each in shown], "next": shown[-1].size if len(found) > PAGE else None}
    )


@blueprint.get("/keys")
@requires(Permission.PUBLIC)
def keys() -> ResponseReturnValue:
    """Every key that signed a head: ``id`` and the raw Ed25519 key in base64."""
    return jsonify({"keys": heads.keys(db.session())})


@blueprint.get("/consistency")
@requires(Permission.PUBLIC)
def consistency() -> ResponseReturnValue:
    """``{"first", "second", "path"}`` between two sizes (RFC 9162 §2.1.4); ``second`` is the latest when left out."""
    session = db.session()
    latest = heads.latest(session)
    if latest is None:
        raise NotFound
    first, second = _number("first"), _number("second") if "second" in request.args else latest.size
    if first is None or second is None or not 0 < first <= second <= latest.size:
        return _refused("Give first and second: sizes of heads, the smaller one first.")
    return jsonify({"first": first, "second": second, "path": proofs.consistency(session, first, second)})


@blueprint.get("/inclusion/<int:entry_id>")
@requires(Permission.AUDIT)
def inclusion(entry_id: int) -> ResponseReturnValue:
    """The entry as it was hashed, its place, and the path to the root of the head that comes with it."""
    session = db.session()
    latest = heads.latest(session)
    row = session.execute(select(*leaves.COLUMNS).where(Entry.id == entry_id)).one_or_none()
    if latest is None or row is None or entry_id > LARGEST:
        raise NotFound
    (proof,) = proofs.inclusion(session, [entry_id], latest)
    return jsonify({"document": leaves.document(row), **proof, "head": heads.as_json(latest)})


def _number(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST else None


def _refused(sentence: str) -> tuple[Response, int]:
    told: dict[str, Any] = {"error": sentence}
    return jsonify(told), 422
