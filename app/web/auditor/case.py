"""``/audit/<reference>``: one case whole and read-only, and the case file as a PDF record."""

from datetime import timedelta
from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.audit import entries, verbs
from app.audit.models import Entry
from app.cases import (
    access,
    appeal_models,
    case_file,
    case_file_print,
    findings_lists,
    grounds,
    routed_events,
    silence_words,
    teams,
)
from app.cases.models import Case
from app.cases.workflow import STATE_KINDS, State
from app.core import clock, db
from app.core.i18n import gettext as _
from app.documents.models import RecordState
from app.fees import phones
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.permits.models import STATE_KINDS as PERMIT_KINDS
from app.web.auditor import blueprint
from app.web.auditor.beside import words as beside_words
from app.web.auditor.findings import WORDS
from app.web.auditor.neighbours import WithFindings, around
from app.web.guards import actor, requires

ENTRIES = 25  # audit entries on one page
ONE_READING = timedelta(minutes=15)
LOOK_AGAIN = 4  # seconds, while a case file is being prepared


@blueprint.get("/audit/<reference>", endpoint="case_file")
@requires(Permission.AUDIT)
def page(reference: str) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    case = _load(reference)
    after = request.args.get("after")
    if not _still_reading(case):
        entries.record(
            session, who, "case.viewed", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
            business_id=case.business_id,
        )  # fmt: skip
        session.commit()
    beside = WithFindings(who)
    file = case_file.gather(session, pack, case, beside)
    log = entries.for_case(session, case.id, after=after, limit=ENTRIES)
    state = State(case.state)
    answer = render_template(
        "web/auditor/case.html",
        file=file,
        held=silence_words.held(file.holds),
        case=case,
        service=file.definition,
        state=file.definition.workflow.official_title(state),
        kind=STATE_KINDS[state],
        agency=lookup.agency(pack, case.agency) if case.agency else None,
        found=beside.found,
        finding_states=WORDS["states"],
        finding_overdue=findings_lists.overdue,
        entries=log.entries,
        older=log.next,
        paged=bool(after),
        verb_title=verbs.title,
        happened=partial(routed_events.happened, file.definition.workflow),
        events=routed_events.among(
            file.events,
            [*routed_events.of_flags(file.flags, file.names), *routed_events.of_team(pack, file.routed)],
        ),
        team=teams.name_of(pack, case.team),
        authority_title=case_file_print.authority_title,
        outcome_title=case_file_print.outcome_title,
        said=grounds.said,
        beside_words=beside_words(pack),
        appeal_states=appeal_models.STATE_TITLES,
        appeal_kinds=appeal_models.STATE_KINDS,
        appeal_grounds=appeal_models.GROUND_TITLES,
        charge_title=case_file_print.charge_title,
        payment_title=case_file_print.payment_title,
        posting_title=case_file_print.posting_title,
        masked=phones.masked,
        permit_kinds={permit_state.value: look for permit_state, look in PERMIT_KINDS.items()},
    )
    headers = {}
    if any(record.state == RecordState.PENDING for record in file.printed) and not after:
        headers["Refresh"] = f"{LOOK_AGAIN}; url={url_for('auditor.case_file', reference=case.reference, look=1)}"
    return answer, 200, headers


@blueprint.post("/audit/<reference>/case-file")
@requires(Permission.AUDIT)
def print_case_file(reference: str) -> ResponseReturnValue:
    """Issue the case file as it is now; a new one each time."""
    session, pack = db.session(), load.current()
    case = _load(reference)
    record = case_file_print.ask(session, pack, actor(), case_file.gather(session, pack, case, around))
    session.commit()
    flash(_("Case file %(number)s is being prepared.", number=record.number))
    return redirect(url_for("auditor.case_file", reference=case.reference, look=1, _anchor="case-files"), 303)


def _still_reading(case: Case) -> bool:
    """Whether this is one more look at a page whose opening was recorded just now: it refreshes itself, or turns."""
    if not {"look", "after"} & set(request.args):
        return False
    wanted = select(Entry.id).where(
        Entry.case_id == case.id,
        Entry.verb == "case.viewed",
        Entry.actor_kind == "user",
        Entry.actor_id == actor().user_id,
        Entry.at > clock.now() - ONE_READING,
    )
    return db.session().scalar(wanted.limit(1)) is not None


def _load(reference: str) -> Case:
    return access.load(db.session(), actor(), reference, Permission.AUDIT)
