"""``/audit/bundles/<code>``: one bundle, how to check it, and its ZIP, whole or from where a download broke off."""

from typing import Any

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.http import parse_range_header

from app.cases import bundle_readme, bundles
from app.cases.models import Bundle
from app.core import db
from app.core.errors import NotFound
from app.documents import codes, store
from app.identity import people
from app.identity.policy import Permission
from app.web.auditor import blueprint
from app.web.auditor.bundles import LOOK_AGAIN, STATES
from app.web.auditor.finding import FILTERS, form_from
from app.web.guards import actor, requires
from forms.fields import Chosen


@blueprint.get("/audit/bundles/<code>", endpoint="bundle")
@requires(Permission.AUDIT)
def detail(code: str) -> ResponseReturnValue:
    session = db.session()
    bundle = bundles.by_code(session, code)
    page = render_template(
        "web/auditor/bundles_one.html",
        bundle=bundle,
        state=STATES[bundle.state],
        by=people.names(session, [bundle.requested_by]).get(bundle.requested_by, ""),
        chosen=_chosen(bundle),
        sample=bundle_readme.sample_facts(bundle),
        downloadable=bundles.downloadable(bundle),
        filename=_filename(bundle),
        kept=bundles.KEPT.days,
    )
    return page, 200, {"Refresh": str(LOOK_AGAIN)} if bundle.state in bundles.UNFINISHED else {}


def _chosen(bundle: Bundle) -> list[tuple[str, str]]:
    """The filters in words, as far as they still exist."""
    kept = bundle.selection["chosen"]
    form = form_from(MultiDict(kept))
    return [(str(form[name].label.text), _words(form[name]) or kept[name]) for name in FILTERS if name in kept]


def _words(field: Any) -> str:
    return field.display() if isinstance(field, Chosen) else ""


@blueprint.get("/audit/bundles/<code>.zip")
@requires(Permission.AUDIT)
def download(code: str) -> ResponseReturnValue:
    """The whole ZIP, or with ``Range`` the rest of one whose download broke off."""
    session = db.session()
    bundle = bundles.by_code(session, code)
    if not bundles.downloadable(bundle) or bundle.sha256 is None or not store.current().has(bundle.sha256):
        raise NotFound
    assert bundle.size is not None
    part = _part(bundle.sha256, bundle.size)
    if part == NOWHERE:
        return Response(status=416, headers={"Content-Range": f"bytes */{bundle.size}", "Accept-Ranges": "bytes"})
    if request.method == "GET":
        bundles.downloaded(session, actor(), bundle, part=part)
        session.commit()
    return _file(bundle, bundle.sha256, bundle.size, part)


NOWHERE = (0, 0)  # a part that no file has


def _part(sha256: str, size: int) -> tuple[int, int] | None:
    """The first byte asked for and the first after it; None for the whole file, also when it is another by now.

    Several ranges at once are answered with the whole (RFC 9110 §14.2 lets a server do so).
    """
    wanted = parse_range_header(request.headers.get("Range"))
    if request.method != "GET" or wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return None
    if "If-Range" in request.headers and request.if_range.etag != sha256:
        return None
    return wanted.range_for_length(size) or NOWHERE


def _file(bundle: Bundle, sha256: str, size: int, part: tuple[int, int] | None) -> Response:
    start, stop = part or (0, size)
    content = store.current().stream(sha256, start, stop) if request.method == "GET" else ()
    answer = Response(content, status=206 if part else 200, mimetype="application/zip")
    answer.headers["Content-Length"] = str(stop - start)
    if part:
        answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    answer.headers["Accept-Ranges"] = "bytes"
    answer.set_etag(sha256)
    answer.headers["Content-Disposition"] = f'attachment; filename="{_filename(bundle)}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _filename(bundle: Bundle) -> str:
    return f"kibali-{codes.shown(bundle.code)[:11].lower()}.zip"
