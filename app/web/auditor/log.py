"""``/audit/log``: every audit entry in plain words."""

from collections.abc import Sequence

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.audit import entries, verbs
from app.audit.entries import EntryPage
from app.audit.models import Entry
from app.businesses import lookup as businesses
from app.cases.case_file_print import authority_title
from app.cases.models import Case
from app.core import db
from app.core.errors import Invalid
from app.core.i18n import gettext as _
from app.identity import people
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.accounts.words import ROLE_TITLES
from app.web.auditor import blueprint
from app.web.auditor.addresses import row_id
from app.web.auditor.search import bounds
from app.web.guards import requires
from app.web.templating import url_with
from forms.auditor import LogForm


@blueprint.get("/audit/log")
@requires(Permission.AUDIT)
def log() -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    form = LogForm(request.args)
    form.verb.offer(sorted(((code, str(title)) for code, title in verbs.registered().items()), key=lambda row: row[1]))
    person = row_id("person")
    found, status = EntryPage((), None), 200
    if form.validate():
        since, until = bounds(pack, form.since.data, form.until.data)
        try:
            found = entries.search(
                session,
                query=form.q.data or "",
                verb=form.verb.data or "",
                actor=person if person is not None else form.actor.data,
                reference=form.reference.data or "",
                since=since,
                until=until,
                after=request.args.get("after"),
            )
        except Invalid as error:
            form.refuse(error.problems)
            status = error.status
    else:
        status = 422
    return (
        render_template(
            "web/auditor/log.html",
            form=form,
            entries=found.entries,
            older=url_with(after=found.next) if found.next else None,
            first=url_with(after=None) if "after" in request.args else None,
            filtered=person is not None or any(field.data for field in form),
            person=person,
            person_name=people.names(session, [person]).get(person, "") if person is not None else "",
            verb_title=verbs.title,
            authority_title=authority_title,
            links=links(found.entries),
            role_title=lambda role: ROLE_TITLES[Role(role)] if role in set(Role) else "",
            portal=_("The portal"),
        ),
        status,
    )


def links(found: Sequence[Entry]) -> dict[int, str]:
    """By entry id, where the thing it is about can be read: its case first of all."""
    session = db.session()
    ids = {entry.case_id for entry in found if entry.case_id is not None}
    rows = session.execute(select(Case.id, Case.reference).where(Case.id.in_(ids))) if ids else ()
    cases = {row.id: row.reference for row in rows}
    firms = businesses.several(
        session, [entry.business_id for entry in found if entry.case_id is None and _kind(entry) == "business"]
    )
    addresses: dict[int, str] = {}
    for entry in found:
        if entry.case_id in cases:
            addresses[entry.id] = url_for("auditor.case_file", reference=cases[entry.case_id])
        elif entry.business_id in firms and _kind(entry) == "business":
            addresses[entry.id] = url_for("businesses.audit_detail", number=firms[entry.business_id].number)
        elif _kind(entry) == "permit" and entry.reference:
            addresses[entry.id] = url_for("permits.audit_detail", number=entry.reference)
        elif _kind(entry) == "bundle":
            addresses[entry.id] = url_for("auditor.bundles")
    return addresses


def _kind(entry: Entry) -> str:
    return entry.subject.partition(":")[0]
