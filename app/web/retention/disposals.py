"""``/retention/disposals``: lists of what is past its period; proposing, approving, and what became of them."""

import csv
import io

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.cases import disposals
from app.cases.disposing import period
from app.cases.retention_models import Disposal, DisposalItem
from app.core import db, i18n
from app.core.errors import DomainError, Problem
from app.core.i18n import gettext as _
from app.documents.models import Record
from app.identity import people
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.auditor.addresses import row_id
from app.web.guards import actor, posted_form, requires
from app.web.paging import read_id
from app.web.retention import blueprint
from app.web.retention.words import ITEM_STATES, STATES
from app.web.templating import url_with
from forms.retention import ReasonForm


@blueprint.get("/disposals", endpoint="disposals")
@requires(Permission.RETENTION)
def overview() -> ResponseReturnValue:
    before = row_id("before")
    found = disposals.listed(db.session(), actor(), before=before)
    return render_template(
        "web/retention/disposals.html",
        disposals=found.rows,
        states=STATES,
        pick=i18n.pick,
        agencies={agency.code: agency.name for agency in load.current().agencies},
        older=url_with(before=found.following) if found.following else None,
        first=url_with(before=None) if before else None,
    )


@blueprint.get("/disposals/<number>", endpoint="disposal")
@requires(Permission.RETENTION)
def one(number: str) -> ResponseReturnValue:
    return _page(disposals.by_number(db.session(), actor(), number))


@blueprint.post("/disposals/<number>", endpoint="decide_disposal")
@requires(Permission.RETENTION)
def decide(number: str) -> ResponseReturnValue:
    session, who = db.session(), actor()
    disposal = disposals.by_number(session, who, number)
    reason, version = request.form.get("reason", ""), request.form.get("version", type=int) or 0
    try:
        if "keep" in request.form:
            item = disposals.keep(session, who, disposal, read_id(request.form.get("keep")) or 0, reason=reason)
            said = _("%(reference)s is kept.", reference=item.reference)
        elif "propose" in request.form:
            disposals.propose(session, who, disposal, reason=reason, version=version)
            said = _("List %(number)s is proposed. A colleague has to approve it.", number=disposal.number)
        elif "refuse" in request.form:
            disposals.refuse(session, who, disposal, reason=reason, version=version)
            said = _("All of list %(number)s is kept.", number=disposal.number)
        else:
            disposals.approve(session, who, disposal, reason=reason, version=version)
            said = _("List %(number)s is approved and is being destroyed.", number=disposal.number)
        session.commit()
    except DomainError as error:
        if error.status == 404:
            raise
        session.rollback()
        form = ReasonForm(posted_form() or None)
        form.refuse([Problem(each.message, "reason", each.code) for each in error.problems])
        return _page(disposals.by_number(session, who, number), form, error.status)
    flash(said, "ok")
    return redirect(url_for("retention.disposal", number=disposal.number), 303)


@blueprint.get("/disposals/<number>/list.csv", endpoint="disposal_list")
@requires(Permission.RETENTION)
def as_csv(number: str) -> ResponseReturnValue:
    """The whole list with every hash that is kept; never more than ``disposals.MOST`` things."""
    session = db.session()
    disposal = disposals.by_number(session, actor(), number)
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(("reference", "state", "period_ended", "destroyed", "what", "name", "sha256"))
    wanted = select(DisposalItem).where(DisposalItem.disposal_id == disposal.id).order_by(DisposalItem.id)
    for item in session.scalars(wanted):
        done = item.done_at.isoformat() if item.done_at else ""
        about = (item.reference, item.state, item.ended_at.isoformat(), done)
        for each in item.hashes or [{"what": "", "name": "", "hash": ""}]:
            lines.writerow((*about, each["what"], each["name"], each["hash"]))
    answer = Response(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{disposal.number}.csv"'
    return answer


def _page(disposal: Disposal, form: ReasonForm | None = None, status: int = 200) -> ResponseReturnValue:
    session, who = db.session(), actor()
    after = row_id("after") or 0
    found = disposals.items(session, disposal, after=after)
    page = render_template(
        "web/retention/disposal.html",
        disposal=disposal,
        form=form or ReasonForm(posted_form() or None),
        items=found.rows,
        counts=disposals.counts(session, disposal),
        states=STATES,
        item_states=ITEM_STATES,
        pick=i18n.pick,
        period=period(disposal.rule),
        names=people.names(session, [disposal.proposed_by, disposal.approved_by, disposal.refused_by]),
        may_propose=disposal.state == "found" and disposals.may_propose(who),
        may_approve=disposal.state == "proposed" and disposals.may_approve(who, disposal),
        agency=next((each.name for each in load.current().agencies if each.code == disposal.agency), ""),
        certificate=session.get(Record, disposal.record_id) if disposal.record_id else None,
        following=url_with(after=found.following) if found.following else None,
        first=url_with(after=None) if after else None,
    )
    headers = {"Refresh": "5"} if disposal.state == "approved" and status == 200 else {}
    return page, status, headers
