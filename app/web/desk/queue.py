"""The work page and "next case"."""

from dataclasses import dataclass
from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import deadlines, registry, worklist
from app.cases.models import Case
from app.cases.workflow import OFFICIAL_TITLES, STATE_KINDS, STATE_TITLES, State
from app.core import clock, db
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import people
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import templating
from app.web.desk import blueprint
from app.web.guards import actor, requires
from app.web.paging import cursor, read_cursor

FILTERABLE = (State.SUBMITTED, State.IN_REVIEW, State.RETURNED, State.RECOMMENDED, State.APPROVED, State.REFUSED,
              State.WITHDRAWN, State.CANCELLED)  # fmt: skip


@dataclass(frozen=True)
class QueueRow:
    case: Case
    noun: Text
    state: Text
    kind: str
    clock: deadlines.ClockFace
    holder: str


@dataclass(frozen=True)
class Group:
    title: Text
    rows: list[QueueRow]


def filters_from_address() -> worklist.Filters:
    """The filters are in the address, so a view can be bookmarked and sent to a colleague."""
    arguments = request.args
    return worklist.Filters(
        query=arguments.get("q", "")[:100],
        service=arguments.get("service", ""),
        states=tuple(arguments.getlist("state")),
        mine=arguments.get("mine") == "1",
        overdue=arguments.get("overdue") == "1",
        after=read_cursor(arguments.get("after")),
    )


def rows(cases: list[Case]) -> list[QueueRow]:
    """Everything a list shows, with one more statement for the names of who holds the cases."""
    pack = load.current()
    names = people.names(db.session(), sorted({case.assigned_to for case in cases if case.assigned_to is not None}))
    found = []
    for case in cases:
        definition = registry.service(case.service)
        state = State(case.state)
        found.append(
            QueueRow(
                case,
                definition.noun,
                definition.workflow.official_title(state),
                STATE_KINDS[state],
                deadlines.face(case, pack),
                names.get(case.assigned_to, "") if case.assigned_to else "",
            )
        )
    return found


def grouped(found: list[QueueRow]) -> list[Group]:
    """Overdue, due within a day, due later, and those whose clock stands, each in the order of the queue."""
    now = clock.now()
    groups = (
        Group(_l("Overdue"), []),
        Group(_l("Due within a day"), []),
        Group(_l("Later"), []),
        Group(OFFICIAL_TITLES[State.RETURNED], []),
        Group(_l("Closed cases"), []),
    )
    overdue, soon, later, returned, closed = groups
    for row in found:
        due = row.clock.due_at
        if due is None:
            group = returned if row.clock.with_applicant else closed
        elif due < now:
            group = overdue
        else:
            group = soon if due < now + timedelta(hours=24) else later
        group.rows.append(row)
    return [group for group in groups if group.rows]


@blueprint.get("/desk")
@requires(Permission.DESK)
def desk() -> ResponseReturnValue:
    session, who = db.session(), actor()
    filters = filters_from_address()
    page = worklist.queue(session, who, filters)
    following = cursor(page.following)
    return render_template(
        "web/desk/queue.html",
        groups=grouped(rows(page.cases)),
        count=len(page.cases),
        load=worklist.load_of(session, who),
        filters=filters,
        services=registry.services(),
        states=[(state.value, OFFICIAL_TITLES.get(state, STATE_TITLES[state])) for state in FILTERABLE],
        following=templating.url_with(after=following) if following else None,
        first=templating.url_with(after=None) if filters.after else None,
        filtered=any(name not in {"after", "lang"} for name in request.args),
        everywhere=url_for("desk.desk", q=filters.query, service=filters.service or None, state=list(FILTERABLE))
        if filters.query and not filters.states
        else None,
    )


@blueprint.post("/desk/next")
@requires(Permission.DESK)
def next_case() -> ResponseReturnValue:
    """Hand out the next case by the fair rule."""
    found = worklist.next_case(db.session(), actor())
    db.session().commit()
    if found is None:
        flash(_("There is no case waiting for you. Well done."))
        return redirect(url_for("desk.desk"), 303)
    return redirect(url_for("desk.review", reference=found.reference), 303)
