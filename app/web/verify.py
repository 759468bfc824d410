"""The public check: ``/verify`` and ``/verify/<code>``, the address in every QR code. It tells no personal data."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from cryptography import x509
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.core import db, i18n
from app.core.errors import NotFound
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.documents import codes, records, seals, signing
from app.documents.models import Record
from app.documents.records import Standing
from app.identity import limits, signin
from app.identity.policy import Permission
from app.web.guards import requires

blueprint = Blueprint("verify", __name__)

LONGEST = 80  # signs; no code or number is longer
TRIES, SECONDS = 30, 600  # misses and checks by number, which can be guessed, from one address

TITLES: dict[Standing, Text] = {
    Standing.VALID: _l("Valid"),
    Standing.SUSPENDED: _l("Suspended"),
    Standing.REVOKED: _l("Revoked"),
    Standing.EXPIRED: _l("Expired"),
    Standing.NOT_YET: _l("Not yet in force"),
    Standing.UNKNOWN: _l("Unknown"),
}
EXPLANATIONS: dict[Standing, Text] = {
    Standing.VALID: _l("This document was issued here and is in force."),
    Standing.SUSPENDED: _l("This document was issued here but is suspended: it gives no right at the moment."),
    Standing.REVOKED: _l("This document was issued here but was taken back: it gives no right any more."),
    Standing.EXPIRED: _l("This document was issued here but its time is over."),
    Standing.NOT_YET: _l("This document was issued here but is not in force yet."),
    Standing.UNKNOWN: _l("We did not issue a document with this code or number. Compare each sign with the paper."),
}
KINDS = {
    Standing.VALID: "ok",
    Standing.SUSPENDED: "bad",
    Standing.REVOKED: "bad",
    Standing.EXPIRED: "warn",
    Standing.NOT_YET: "warn",
    Standing.UNKNOWN: "warn",
}


@blueprint.get("/verify")
@requires(Permission.PUBLIC)
def ask() -> ResponseReturnValue:
    typed = request.args.get("code")
    if typed is None:
        return render_template("web/verify.html", problem=None, longest=LONGEST)
    typed = typed.strip()
    if not typed or len(typed) > LONGEST:
        message = i18n.gettext("Type the code or the number that is on the document.")
        return Response(render_template("web/verify.html", problem=message, longest=LONGEST), status=422)
    return redirect(url_for("verify.answer", code=codes.tidy(typed) or typed), 303)


@blueprint.get("/verify/<path:code>")
@requires(Permission.PUBLIC)
def answer(code: str) -> ResponseReturnValue:
    by_code = bool(codes.tidy(code))
    bucket = f"verify:{signin.network(request.remote_addr)}"
    if not by_code:
        limits.hit(bucket, TRIES, SECONDS)
    found = records.verify(db.session(), code[:LONGEST])
    if found.state is Standing.UNKNOWN and by_code:
        limits.hit(bucket, TRIES, SECONDS)
    page = render_template(
        "web/verify_answer.html",
        found=found,
        state=TITLES[found.state],
        kind=KINDS[found.state],
        explanation=EXPLANATIONS[found.state],
        typed=codes.shown(codes.tidy(code)) if by_code else code[:LONGEST],
        rows=_rows(found),
        signed=_signed(code) if by_code else None,
    )
    return Response(page, status=404 if found.state is Standing.UNKNOWN else 200)


def _signed(code: str) -> Record | None:
    record = records.by_code(db.session(), code)
    return record if record is not None and record.signature_level else None


@blueprint.get("/seal")
@requires(Permission.PUBLIC)
def seal() -> ResponseReturnValue:
    """How to check a signature without the portal."""
    trust = signing.trust()
    return render_template(
        "web/seal.html",
        roots=_fingerprints(trust.issuers),
        stamps=_fingerprints(each for each in trust.tsa if each not in trust.issuers),
    )


@blueprint.get("/seal/root.pem")
@requires(Permission.PUBLIC)
def seal_root() -> ResponseReturnValue:
    return _pem(signing.trust().issuers, "kibali-root.pem")


@blueprint.get("/seal/time-stamps.pem")
@requires(Permission.PUBLIC)
def seal_stamps() -> ResponseReturnValue:
    return _pem(signing.trust().tsa, "kibali-time-stamps.pem")


def _fingerprints(trusted: Iterable[str]) -> list[tuple[str, str]]:
    """Name and fingerprint of each certificate, the latter in groups of four signs."""
    found = []
    for pem in trusted:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        print_ = seals.fingerprint(certificate).upper()
        found.append((seals.common_name(certificate), " ".join(print_[at : at + 4] for at in range(0, 64, 4))))
    return found


def _pem(trusted: Sequence[str], name: str) -> Response:
    if not trusted:
        raise NotFound
    answer = Response("".join(trusted), content_type="application/x-pem-file")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _rows(found: records.Verification) -> list[tuple[str, str]]:
    if found.state is Standing.UNKNOWN:
        return []
    rows = [(i18n.gettext("Document"), found.title), (i18n.gettext("Issued by"), found.issuer), *found.facts]
    if found.valid_from is not None:
        rows.append((i18n.gettext("Valid from"), _day(found.valid_from)))
    if found.valid_to is not None:
        rows.append((i18n.gettext("Valid to"), _day(found.valid_to)))
    return rows


def _day(moment: date | datetime) -> str:
    return i18n.format_date(moment.astimezone(i18n.zone()).date() if isinstance(moment, datetime) else moment)
