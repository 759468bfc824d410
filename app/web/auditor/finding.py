"""``/audit``: one box over everything; the filters are in the address and are about cases."""

from dataclasses import dataclass, field
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app.businesses import lookup as businesses
from app.businesses.models import STATE_KINDS as BUSINESS_KINDS
from app.businesses.models import STATE_TITLES as BUSINESS_TITLES
from app.businesses.models import BusinessState
from app.cases import registry
from app.cases.bundles import MOST
from app.cases.models import Case
from app.cases.workflow import STATE_KINDS, STATE_TITLES, State
from app.core import clock, db
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.documents import records
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.permits import verification
from app.permits.models import STATE_KINDS as PERMIT_KINDS
from app.permits.models import STATE_TITLES as PERMIT_TITLES
from app.web.accounts.words import ROLE_TITLES
from app.web.auditor import blueprint, search
from app.web.auditor.addresses import row_id
from app.web.guards import requires
from app.web.paging import cursor, read_cursor
from app.web.templating import url_with
from forms.auditor import BundleForm, SearchForm

FILTERS = ("q", "service", "state", "agency", "business", "official", "since", "until")  # what finds cases


@dataclass(frozen=True)
class Row:
    """One thing found, whatever it is."""

    title: str
    reference: str
    url: str
    note: str = ""
    state: Text = ""
    kind: str = "none"
    business: str = ""
    at: Any = None
    more: str = ""  # a second way on
    more_url: str = ""


@dataclass(frozen=True)
class Group:
    code: str
    title: Text
    rows: list[Row] = field(default_factory=list)
    all_url: str | None = None  # where the rest is


def form_from(arguments: MultiDict[str, str]) -> SearchForm:
    form = SearchForm(arguments)
    offer_choices(form)
    return form


def offer_choices(form: SearchForm) -> None:
    pack = load.current()
    form.kind.offer(search.KINDS.items())
    form.service.offer([(each.code, each.noun) for each in registry.services()])
    form.state.offer([(state.value, STATE_TITLES[state]) for state in State])
    form.agency.offer(pack.agencies)


def filters_of(form: SearchForm) -> search.CaseFilters:
    return search.CaseFilters(
        query=form.q.data or "",
        service=form.service.data or "",
        state=form.state.data or "",
        agency=form.agency.data or "",
        business=form.business.data or "",
        official=form.official.data or "",
        since=form.since.data,
        until=form.until.data,
    )


@blueprint.get("/audit")
@requires(Permission.AUDIT)
def find() -> ResponseReturnValue:
    form = form_from(request.args)
    if not form.validate():
        return _page(form, []), 422
    kind = form.kind.data or ""
    if kind and kind != "cases" and form.q.data:
        return _page(form, [_others(kind, form.q.data)])
    groups = [_cases(filters_of(form))]
    if form.q.data and not kind and not form.narrowed and "after" not in request.args:
        groups += [_others(other, form.q.data, few=True) for other in search.KINDS if other != "cases"]
    return _page(form, [group for group in groups if group.rows])


def _page(form: SearchForm, groups: list[Group]) -> str:
    return render_template(
        "web/auditor/find.html",
        form=form,
        groups=groups,
        asked=bool(form.q.data or form.narrowed),
        filters=[(name, request.args[name]) for name in FILTERS if request.args.get(name)],
        first=url_with(after=None, before=None) if {"after", "before"} & set(request.args) else None,
        bundle=BundleForm(),
        most=MOST,
    )


def _cases(filters: search.CaseFilters) -> Group:
    session, pack = db.session(), load.current()
    found = search.cases(session, pack, filters, after=read_cursor(request.args.get("after")))
    firms = businesses.several(session, [case.business_id for case in found.rows])
    rows = []
    for case in found.rows:
        firm = firms.get(case.business_id) if case.business_id is not None else None
        rows.append(_case_row(case, firm.name if firm else ""))
    last = cursor((found.rows[-1].updated_at, found.rows[-1].id)) if found.more else None
    return Group("cases", search.KINDS["cases"], rows, url_with(after=last, kind="cases") if last else None)


def _case_row(case: Case, business: str) -> Row:
    definition, state = registry.service(case.service), State(case.state)
    return Row(
        title=case.title or str(definition.noun),
        reference=case.reference,
        url=url_for("auditor.case_file", reference=case.reference),
        note=str(definition.noun),
        state=definition.workflow.official_title(state),
        kind=STATE_KINDS[state],
        business=business,
        at=case.updated_at,
    )


def _others(kind: str, query: str, *, few: bool = False) -> Group:
    session, pack = db.session(), load.current()
    before = row_id("before")
    limit = search.FEW if few else search.PAGE
    if kind == "businesses":
        found = search.businesses(session, pack, query, before=before, limit=limit)
    elif kind == "permits":
        found = search.permits(session, query, before=before, limit=limit)
    elif kind == "records":
        found = search.records(session, query, before=before, limit=limit)
    else:
        found = search.people(session, query, before=before, limit=limit)
    rows = [_ROWS[kind](each) for each in found.rows]
    rest = None
    if found.more:
        rest = url_with(kind=kind, before=None if few else found.rows[-1].id)
    return Group(kind, search.KINDS[kind], rows, rest)


def _business_row(business: Any) -> Row:
    state = BusinessState(business.state)
    return Row(
        business.name,
        business.number,
        url_for("businesses.audit_detail", number=business.number),
        state=BUSINESS_TITLES[state],
        kind=BUSINESS_KINDS[state],
        more=_("Its cases"),
        more_url=url_for("auditor.find", business=business.number),
    )


def _permit_row(permit: Any) -> Row:
    state = verification.state(permit, clock.now())
    return Row(
        permit.title,
        permit.number,
        url_for("permits.audit_detail", number=permit.number),
        state=PERMIT_TITLES[state],
        kind=PERMIT_KINDS[state],
    )


def _record_row(record: Any) -> Row:
    return Row(
        record.title,
        record.number,
        url_for("downloads.record_page", code=record.code),
        note=str(records.kind_title(record.kind)),
        at=record.issued_at,
    )


def _person_row(user: Any) -> Row:
    role = Role(user.role)
    return Row(
        user.name,
        user.email,
        url_for("auditor.log", person=user.id),
        note=str(ROLE_TITLES[role]),
        more=_("Cases they acted on") if role.official else "",
        more_url=url_for("auditor.find", official=user.email) if role.official else "",
    )


_ROWS = {"businesses": _business_row, "permits": _permit_row, "records": _record_row, "people": _person_row}
