"""Changed rules and the open cases: running them, part by part, and saying beforehand what they would do.

Both read the open cases in the same way and ask ``routing.plan``; only the run writes. A case is run over once for
each version of the rules, so a run that was killed goes on where it was, and one that was finished does nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_unless
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import notifications
from app.cases import flags, history, registry
from app.cases.flags_models import CaseFlag, RuleRun
from app.cases.grouping import in_states
from app.cases.models import Case, Submission
from app.cases.routing import Change, Live, Rules, Standing, evaluate, plan
from app.cases.workflow import OPEN, State
from app.core import clock, db
from app.core.db import Base
from app.identity.actor import SYSTEM
from app.jobs import queue
from app.jurisdictions import load
from app.jurisdictions.model import Pack

LOOK, PART = "cases.look_for_changed_rules", "cases.reroute"
BATCH = 300  # cases of one transaction
SETTLED = timedelta(minutes=10)  # processes with the old pack and the new one run side by side while one is replaced
RULED = (*sorted(OPEN), State.AWAITING_PAYMENT)
_CASES = Base.metadata.tables[Case.__tablename__]
_RUNNING = select(RuleRun).where(RuleRun.finished_at.is_(None))

_LIVE = (
    select(
        func.jsonb_agg(
            func.jsonb_build_array(
                CaseFlag.id, CaseFlag.submission_id, CaseFlag.code, CaseFlag.blocks, CaseFlag.clearable_by,
                CaseFlag.cleared_at.is_not(None), CaseFlag.basis,
            )
        )
    )
    .where(CaseFlag.case_id == Case.id, flags.LIVE)
    .correlate(Case)
    .scalar_subquery()
)  # fmt: skip


@dataclass(frozen=True)
class Looked:
    """An open case as the rules see it, and what they would change."""

    id: int
    reference: str
    title: str
    business_id: int | None
    agency: str
    assigned_to: int | None
    standing: Standing
    change: Change


def _open_cases() -> Any:
    return (
        select(
            Case.id, Case.reference, Case.title, Case.business_id, Case.service, Case.agency, Case.assigned_to,
            Case.team, Case.team_by, Case.current_submission_id, Submission.data, Submission.submitted_at,
            _LIVE.label("live"), *history.columns(),
        )
        .join(Submission, Submission.id == Case.current_submission_id)
        .where(in_states(*RULED))
    )  # fmt: skip


def _look(pack: Pack, rules: Rules, row: Any) -> Looked:
    definition = registry.service(row.service)
    facts = flags.facts_of(pack, definition, row.agency, row, history.of(tuple(row)[-3:], pack.zone))
    standing = Standing(
        row.agency, row.current_submission_id, row.team, row.team_by, tuple(Live(*each) for each in row.live or ())
    )
    change = plan(rules, standing, evaluate(rules, facts))
    return Looked(row.id, row.reference, row.title, row.business_id, row.agency, row.assigned_to, standing, change)


# --- running changed rules -----------------------------------------------------------------------------------------


def in_force(pack: Pack) -> Rules:
    return Rules.of(pack, clock.today(pack.zone))


def _under_others(version: str) -> Any:
    return or_(Case.rules_version.is_(None), Case.rules_version != version)


def waiting(session: Session, pack: Pack) -> bool:
    """Whether an open case has not met the rules in force."""
    wanted = select(Case.id).where(in_states(*RULED), _under_others(in_force(pack).version)).limit(1)
    return session.scalar(wanted) is not None


@queue.task(LOOK, queue="bulk")
def look(session: Session) -> None:
    """Begin a run where one is needed. One begun for other rules a moment ago is another process's, with another pack:
    whichever is still there in ten minutes has the last word."""
    pack = load.current()
    version, now = in_force(pack).version, clock.now()
    running = session.scalars(_RUNNING.where(RuleRun.rules_version == version)).one_or_none()
    if running is not None:
        if running.started_at < now - SETTLED:  # its job may be gone
            queue.enqueue(session, PART, lock=PART, run=running.id, after=0)
        return
    others = select(RuleRun.id).where(RuleRun.rules_version != version, RuleRun.started_at > now - SETTLED)
    if session.scalar(others.limit(1)) is not None or not waiting(session, pack):
        return
    begin(session, version)


def ask_at_start() -> None:
    """A worker that starts looks at once; one that starts without its database looks five minutes later."""
    try:
        with db.unit_of_work() as session:
            if waiting(session, load.current()):
                queue.enqueue(session, LOOK)
    except DBAPIError:
        return


def begin(session: Session, version: str) -> None:
    """A run of the rules of this version, unless one runs."""
    session.execute(
        update(RuleRun)
        .where(RuleRun.finished_at.is_(None), RuleRun.rules_version != version)
        .values(finished_at=clock.now())
    )
    new = insert_unless(RuleRun).values(rules_version=version, started_at=clock.now()).on_conflict_do_nothing()
    run = session.scalar(new.returning(RuleRun.id))
    if run is not None:
        queue.enqueue(session, PART, lock=PART, run=run, after=0)


@queue.task(PART, queue="bulk")
def run_part(session: Session, run: int, after: int) -> None:
    """The next cases by id in one transaction; whoever is at work on a case now keeps it, and it is met again later."""
    pack = load.current()
    rules = in_force(pack)
    of_run = session.get(RuleRun, run)
    if of_run is None or of_run.finished_at is not None:
        return
    if of_run.rules_version != rules.version:
        of_run.finished_at = clock.now()
        return
    rows = session.execute(
        _open_cases()
        .where(Case.id > after, _under_others(rules.version))
        .order_by(Case.id)
        .limit(BATCH)
        .with_for_update(of=Case, skip_locked=True, key_share=True)
    ).all()
    looked = [_look(pack, rules, row) for row in rows]
    _write(session, rules, looked)
    _tell(session, of_run, looked)
    changed = [each.change for each in looked if not each.change.nothing]
    of_run.seen += len(looked)
    of_run.moved += sum(change.moves for change in changed)
    of_run.raised += sum(len(change.raised) for change in changed)
    of_run.lapsed += sum(len(change.lapsed) for change in changed)
    of_run.blocked += sum(change.blocks_now for change in changed)
    if len(rows) == BATCH:
        queue.enqueue(session, PART, lock=PART, run=run, after=rows[-1].id)
    else:
        of_run.finished_at = clock.now()


def _write(session: Session, rules: Rules, looked: list[Looked]) -> None:
    alike: dict[tuple[str | None, str | None], list[int]] = {}
    for each in looked:
        alike.setdefault((each.change.team, each.change.team_by), []).append(each.id)
    for (team, team_by), ids in alike.items():
        session.execute(
            _CASES.update().where(_CASES.c.id.in_(ids)).values(team=team, team_by=team_by, rules_version=rules.version)
        )
    for each in looked:
        change, former = each.change, each.standing.team
        if change.nothing:
            continue
        flags.write(session, rules, each.id, each.standing.submission_id, change)
        flags.note(
            session, SYSTEM, rules, change, case_id=each.id, reference=each.reference, business_id=each.business_id,
            former=former,
        )  # fmt: skip


def _tell(session: Session, run: RuleRun, looked: list[Looked]) -> None:
    """Once for each person and run: a new rule may move a thousand cases."""
    holders = {each.assigned_to for each in looked if each.change.moves and each.assigned_to is not None}
    new = sorted(holders - set(run.told))
    for user_id in new:
        notifications.send(session, user_id=user_id, template="cases_to_teams", values={"path": "/desk?mine=1"})
    run.told = [*run.told, *new]


@dataclass(frozen=True)
class Ran:
    """The runs of the latest rules together: a case that somebody was at work on is met by a later one."""

    rules_version: str
    finished_at: datetime | None  # None: one is at work
    seen: int
    moved: int
    raised: int
    lapsed: int
    blocked: int


def latest(session: Session) -> Ran | None:
    newest = select(RuleRun.rules_version).order_by(RuleRun.id.desc()).limit(1).scalar_subquery()
    others = select(func.max(RuleRun.id)).where(RuleRun.rules_version != newest).scalar_subquery()
    numbers = (RuleRun.seen, RuleRun.moved, RuleRun.raised, RuleRun.lapsed, RuleRun.blocked)
    row = session.execute(
        select(
            RuleRun.rules_version,
            case((func.bool_and(RuleRun.finished_at.is_not(None)), func.max(RuleRun.finished_at))),
            *(func.sum(number) for number in numbers),
        )
        .where(RuleRun.rules_version == newest, RuleRun.id > func.coalesce(others, 0))
        .group_by(RuleRun.rules_version)
    ).one_or_none()
    return Ran(row[0], row[1], *(int(number) for number in row[2:])) if row is not None else None


queue.periodic("*/5 * * * *", LOOK)


# --- trying rules out ----------------------------------------------------------------------------------------------

SHOWN = 50  # cases of each list, the oldest first
MOST = 10_000  # open cases looked at while somebody waits; more are counted from a part of them
USUAL = 100  # rules of a pack; the more there are, the fewer cases are looked at
CHUNK = 500


@dataclass
class OfAgency:
    """What rules would do to the open cases of one agency."""

    looked: int = 0
    moved: dict[tuple[str | None, str | None], int] = field(default_factory=dict)  # from, to
    raised: dict[str, int] = field(default_factory=dict)  # by the flag's code
    lapsed: dict[str, int] = field(default_factory=dict)
    blocked: int = 0  # are blocked, and were not


@dataclass
class Preview:
    """``every``: one case in so many was looked at; ``total`` open cases there are. The lists are cut at SHOWN."""

    total: int
    every: int
    agencies: dict[str, OfAgency] = field(default_factory=dict)
    changed: int = 0  # cases, the blocked ones too
    blocked: list[Looked] = field(default_factory=list)
    others: list[Looked] = field(default_factory=list)  # that change, without being blocked by it

    @property
    def looked(self) -> int:
        return sum(each.looked for each in self.agencies.values())

    @property
    def newly_blocked(self) -> int:
        return sum(each.blocked for each in self.agencies.values())


def preview(session: Session, pack: Pack, *, most: int | None = MOST) -> Preview:
    """What the rules of ``pack`` would do to the open cases now; writes nothing.

    Above ``most`` open cases (fewer, where there are very many rules) every second, third … of them by id is looked at.
    ``most`` None: all of them.
    """
    total = session.scalar(select(func.count()).select_from(Case).where(in_states(*RULED))) or 0
    rules = max(USUAL, len(pack.routing) + len(pack.flags))
    every = 1 if most is None else max(1, -(-total * rules // (most * USUAL)))
    found = Preview(total, every)
    for looked in _stream(session, pack, every):
        _count(found, looked)
    return found


def _stream(session: Session, pack: Pack, every: int) -> Iterator[Looked]:
    rules = in_force(pack)
    statement = _open_cases().order_by(Case.id)
    if every > 1:
        statement = statement.where(Case.id % every == 0)
    for row in session.execute(statement.execution_options(yield_per=CHUNK)):
        yield _look(pack, rules, row)


def _count(found: Preview, looked: Looked) -> None:
    agency = found.agencies.setdefault(looked.agency, OfAgency())
    agency.looked += 1
    change = looked.change
    if change.nothing:
        return
    found.changed += 1
    if change.moves:
        way = (looked.standing.team, change.team)
        agency.moved[way] = agency.moved.get(way, 0) + 1
    for code in (each.rule.code for each in change.raised):
        agency.raised[code] = agency.raised.get(code, 0) + 1
    for code in (flag.code for flag in change.lapsed):
        agency.lapsed[code] = agency.lapsed.get(code, 0) + 1
    agency.blocked += change.blocks_now
    listed = found.blocked if change.blocks_now else found.others
    if len(listed) < SHOWN:
        listed.append(looked)
