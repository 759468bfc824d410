"""Certified copies of a record: ``/records/<code>/copies``, asking for one, and what became of those asked for."""

import re

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import copies
from app.cases.copies import Listed, Wanted
from app.cases.copies_models import CopyState
from app.core import db, i18n
from app.core.errors import Invalid
from app.core.i18n import gettext as _
from app.core.identifiers import token
from app.documents import records
from app.documents.models import RecordState
from app.fees.models import Charge
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.guards import actor, posted_form, requires
from app.web.paging import read_id
from forms.copies import CopyForm

blueprint = Blueprint("copies", __name__)

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
LOOK_AGAIN = 4  # seconds, while a copy is being prepared


@blueprint.get("/records/<code>/copies")
@requires(Permission.SIGNED_IN)
def of_record(code: str) -> ResponseReturnValue:
    """The copies of a record that this reader may know of, newest first."""
    session = db.session()
    record, official = copies.original(session, actor(), code)
    before = read_id(request.args.get("before"))
    found = copies.of_record(session, record, official=official, before=before, limit=copies.PAGE + 1)
    shown = found[: copies.PAGE]
    page = render_template(
        "web/copies/list.html",
        record=record,
        kind=records.kind_title(record.kind),
        official=official,
        copies=shown,
        states=copies.STATE_TITLES,
        looks=copies.STATE_LOOKS,
        older=shown[-1].copy.id if len(found) > copies.PAGE else None,
        first=before is None,
    )
    waits = any(_waits(each) for each in shown)
    return page, 200, {"Refresh": str(LOOK_AGAIN)} if waits and before is None else {}


def _waits(listed: Listed) -> bool:
    if listed.record is not None:
        return listed.record.state == RecordState.PENDING
    return listed.copy.state == CopyState.PREPARING


@blueprint.route("/records/<code>/copies/new", methods=["GET", "POST"])
@requires(Permission.SIGNED_IN)
def new(code: str) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    record, official = copies.original(session, actor(), code)
    copies.check_there(record)
    form = CopyForm(
        posted_form() or None,
        purposes=[(each.code, each.name) for each in copies.purposes(pack)],
        languages=[(each, i18n.LANGUAGES.get(each, each)) for each in pack.languages],
        data={"language": i18n.language() if i18n.language() in pack.languages else pack.default_language},
    )
    key = posted_form().get("key", "")
    key = key if _KEY.fullmatch(key) else token()
    status = 200
    if request.method == "POST":
        if not record.ready:
            raise records.NotReady
        status = 422
        if form.validate():
            wanted = Wanted(form.purpose.data or "", form.purpose_text.data or "", form.language.data or "")
            try:
                copy = copies.ask(session, pack, actor(), record, wanted, official=official, idempotency_key=key)
            except Invalid as error:
                session.rollback()
                form.refuse(error.problems)
            else:
                session.commit()
                charge = session.get(Charge, copy.charge_id) if copy.charge_id is not None else None
                if charge is not None and copy.state == CopyState.UNPAID:
                    return redirect(url_for("payments.pay", reference=charge.reference), 303)
                flash(_("Your copy is being prepared. We write to you when it is ready."))
                return redirect(url_for("copies.of_record", code=record.code), 303)
    page = render_template(
        "web/copies/new.html",
        record=record,
        kind=records.kind_title(record.kind),
        standing=records.standing(session, record),
        official=official,
        fee=None if official else copies.fee(pack),
        rules=copies.tariff(pack),
        form=form,
        key=key,
    )
    return page, status
