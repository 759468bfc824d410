"""The work page, its lists, and "next case"."""

from dataclasses import dataclass
from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import advice_view, assignment, deadlines, escalation, findings_lists, marks, registry, teams, worklist
from app.cases.assignment import Hand
from app.cases.grouping import Group, Times
from app.cases.models import Case
from app.cases.workflow import OFFICIAL_TITLES, STATE_KINDS, STATE_TITLES, State
from app.core import clock, db
from app.core.i18n import Text, format_date
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import people
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load, working_days
from app.web import templating
from app.web.desk import blueprint
from app.web.guards import actor, requires
from app.web.paging import cursor, read_cursor

FILTERABLE = (State.SUBMITTED, State.IN_REVIEW, State.RETURNED, State.RECOMMENDED, State.APPROVED, State.REFUSED,
              State.WITHDRAWN, State.CANCELLED)  # fmt: skip
GROUP_TITLES: dict[Group, Text] = {
    Group.STAND_IN: _l("Of colleagues you stand in for"),
    Group.OVERDUE: _l("Overdue"),
    Group.TODAY: _l("Due today"),
    Group.NEW: _l("New"),
    Group.UNDER_WAY: _l("Under way"),
    Group.WAITING: _l("Waiting for the applicant"),
}


@dataclass(frozen=True)
class QueueRow:
    """``age``: working days since it was sent; ``told``: the supervisors were told that it is overdue."""

    case: Case
    noun: Text
    state: Text
    kind: str
    clock: deadlines.ClockFace
    holder: str
    age: int | None
    soon: bool
    told: bool
    team: str
    flagged: bool
    blocked: bool
    unanswered: bool  # the day of its question has passed


@dataclass(frozen=True)
class Shown:
    """A group of rows; ``count`` of all, ``url`` leads to the rest."""

    title: Text
    rows: list[QueueRow]
    count: int | None = None
    url: str = ""


def filters_from_address() -> worklist.Filters:
    """The filters are in the address, so a view can be bookmarked and sent to a colleague."""
    arguments = request.args
    group = arguments.get("group", "")
    return worklist.Filters(
        query=arguments.get("q", "")[:100],
        service=arguments.get("service", ""),
        states=tuple(arguments.getlist("state")),
        mine=arguments.get("mine") == "1",
        team=arguments.get("team") == "1",
        overdue=arguments.get("overdue") == "1",
        group=Group(group) if group in set(Group) else None,
        after=read_cursor(arguments.get("after")),
    )


def rows(cases: list[Case]) -> list[QueueRow]:
    """Everything a list shows, with two more statements: who holds the cases, and which were marked as late."""
    pack, now, session = load.current(), clock.now(), db.session()
    names = people.names(session, sorted({case.assigned_to for case in cases if case.assigned_to is not None}))
    marked = marks.of(session, [case.id for case in cases])
    soon = escalation.horizon(pack, now)
    found = []
    for case in cases:
        definition = registry.service(case.service)
        state = State(case.state)
        face = deadlines.face(case, pack)
        found.append(
            QueueRow(
                case,
                definition.noun,
                definition.workflow.official_title(state),
                STATE_KINDS[state],
                face,
                names.get(case.assigned_to, "") if case.assigned_to else "",
                working_days.between(pack, case.submitted_at, now) if case.submitted_at else None,
                face.due_at is not None and now <= face.due_at <= soon,
                face.due_at is not None and face.due_at < now and case.id in marked.late,
                teams.name_of(pack, case.team),
                case.id in marked.flagged,
                case.id in marked.blocked,
                case.id in marked.unanswered,
            )
        )
    return found


def grouped(found: list[QueueRow]) -> list[Shown]:
    """Overdue, due within a day, due later, and those whose clock stands, each in the order of the queue."""
    now = clock.now()
    groups = (
        Shown(_l("Overdue"), []),
        Shown(_l("Due within a day"), []),
        Shown(_l("Later"), []),
        Shown(OFFICIAL_TITLES[State.RETURNED], []),
        Shown(_l("Closed cases"), []),
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


def title_of(group: Group, times: Times) -> Text:
    if group is Group.TODAY and not times.today:
        return _("Due on the next working day")
    return GROUP_TITLES[group]


@blueprint.get("/desk")
@requires(Permission.DESK)
def desk() -> ResponseReturnValue:
    """The groups with the head of each; any filter but "mine" gives a list that goes to the end."""
    session, who = db.session(), actor()
    filters, hand, times = filters_from_address(), assignment.hand_of(session, who), Times.current()
    load_ = worklist.load_of(session, who, hand=hand, times=times, mine=filters.mine, team=filters.team)
    filtered = any(name not in {"after", "lang"} for name in request.args)
    following = None
    if set(request.args) <= {"mine", "team", "lang"}:
        groups = _overview(hand, times, load_, mine=filters.mine, team=filters.team)
    else:
        page = worklist.queue(session, who, filters, hand=hand, times=times)
        following = cursor(page.following)
        found = rows(page.cases)
        groups = [Shown(title_of(filters.group, times), found)] if filters.group and found else grouped(found)
    return render_template(
        "web/desk/queue.html",
        groups=groups,
        load=load_,
        hand=hand,
        filters=filters,
        findings=findings_lists.counts(session, who, agency=True) if who.role is Role.SUPERVISOR else None,
        advice=advice_view.counts(session, who),
        services=registry.services(),
        states=[(state.value, OFFICIAL_TITLES.get(state, STATE_TITLES[state])) for state in FILTERABLE],
        following=templating.url_with(after=following) if following else None,
        first=templating.url_with(after=None) if filters.after else None,
        filtered=filtered,
        everywhere=url_for("desk.desk", q=filters.query, service=filters.service or None, state=list(FILTERABLE))
        if filters.query and not filters.states
        else None,
    )


def _overview(hand: Hand, times: Times, counts: worklist.Load, *, mine: bool, team: bool) -> list[Shown]:
    heads = worklist.work_page(db.session(), actor(), hand, times, mine=mine, team=team)
    found = {row.case.id: row for row in rows([case for cases in heads.values() for case in cases])}
    return [
        Shown(
            title_of(group, times),
            [found[case.id] for case in cases],
            counts.groups[group],
            url_for(
                "desk.desk",
                group=group.value,
                mine=1 if mine and group is not Group.STAND_IN else None,
                team=1 if team and group is not Group.STAND_IN else None,
            ),
        )
        for group, cases in heads.items()
        if cases
    ]


@blueprint.post("/desk/next")
@requires(Permission.DESK)
def next_case() -> ResponseReturnValue:
    """Hand out the next case by the fair rule."""
    session, who = db.session(), actor()
    found = worklist.next_case(session, who)
    session.commit()
    if found is None:
        until = assignment.hand_of(session, who).away_until
        if until is not None:
            flash(_("You are entered as away until %(date)s, so no case is handed to you.", date=format_date(until)))
        else:
            flash(_("There is no case waiting for you. Well done."))
        return redirect(url_for("desk.desk"), 303)
    return redirect(url_for("desk.review", reference=found.reference), 303)
