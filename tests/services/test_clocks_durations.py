"""How long cases take, from their history: the applicant's time left out, open cases counted as longer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.cases import deadlines
from app.cases.models import Case, Escalation, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.core import clock
from app.jurisdictions import load, working_days
from app.statistics import durations
from app.statistics.durations import Calendar, Course, Step, course
from tests.factories.cases import submitted
from tests.services.conftest import People, move
from tests.support.statements import counted

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # ten in Kigali
NOW = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)


def at(day: int, hour: int = 8) -> datetime:
    return MONDAY.replace(day=day, hour=hour)


def steps(*happened: tuple[str, str, str, datetime], due: datetime | None = None, overdue: bool = False) -> list[Step]:
    return [Step(1, "registration", "RDB", "", due, overdue, *each) for each in happened]


def of(happened: Sequence[Step]) -> Course | None:
    return course(happened, Calendar(load.load("RW")), NOW)


SENT = ("submit", "draft", "submitted", at(2))
TAKEN = ("take", "submitted", "in_review", at(3))


def test_the_applicants_time_does_not_count():
    asked, answered = ("ask", "in_review", "returned", at(4)), ("submit", "returned", "in_review", at(19))
    decided = ("approve", "recommended", "approved", at(24))
    assert of(steps(SENT, TAKEN, asked, answered, decided, due=at(25))) == Course(2 + 2, True, False, True)
    assert of(steps(SENT, TAKEN, asked)) == Course(2, False, False, None)


def test_a_question_in_the_night_hides_no_day():
    asked, answered = ("ask", "in_review", "returned", at(3, 18)), ("submit", "returned", "in_review", at(3, 19))
    assert of(steps(SENT, asked, answered, ("approve", "recommended", "approved", at(5)))) == Course(
        3, True, False, True
    )


def test_a_question_on_a_late_case_does_not_bring_it_back_into_time():
    asked, answered = ("ask", "in_review", "returned", at(4)), ("submit", "returned", "in_review", at(19))
    decided = ("approve", "recommended", "approved", at(24))
    assert of(steps(SENT, TAKEN, asked, overdue=True)) == Course(2, False, False, False)
    assert of(steps(SENT, TAKEN, asked, answered, decided, due=at(25), overdue=True)) == Course(4, True, False, False)


def test_an_open_case_has_taken_so_long_so_far_and_is_late_when_overdue():
    assert of(steps(SENT, TAKEN)) == Course(20, False, False, None), "the twentieth of March is Eid al-Fitr"
    assert of(steps(SENT, TAKEN, due=at(30))) == Course(20, False, False, False)


def test_silence_ends_a_case_and_is_never_in_time():
    silent = ("deem_approved", "in_review", "approved", at(9))
    assert of(steps(SENT, TAKEN, silent, due=at(9))) == Course(5, True, True, False)


def test_what_follows_the_decision_does_not_count_and_withdrawn_says_only_longer():
    decided, cancelled = ("approve", "in_review", "approved", at(4)), ("cancel", "approved", "cancelled", at(30))
    assert of(steps(SENT, TAKEN, decided, cancelled)) == Course(2, True, False, True)
    gone = ("withdraw", "in_review", "withdrawn", at(5))
    assert of(steps(SENT, TAKEN, gone)) == Course(3, False, False, None)
    assert of(steps(SENT, TAKEN, gone, due=at(5))) == Course(3, False, False, None)
    assert of(steps(SENT, TAKEN, gone, due=at(4))) == Course(3, False, False, False), "given up when it was late"


def test_of_a_case_decided_anew_the_first_decision_counts_but_its_deadline_is_another_since():
    late, corrected = ("approve", "in_review", "approved", at(4)), ("correct", "approved", "submitted", at(9))
    assert of(steps(SENT, late, corrected, ("approve", "in_review", "approved", at(12)), due=at(20))) == Course(
        2, True, False, None
    )
    silent = ("deem_refused", "in_review", "refused", at(4))
    assert of(steps(SENT, silent, corrected, due=at(20))) == Course(2, True, True, False)


def test_what_comes_on_a_sunday_is_counted_from_monday_and_a_draft_not_at_all():
    sunday = ("confirm_payment", "awaiting_payment", "submitted", at(8))
    assert of(steps(sunday, ("approve", "in_review", "approved", at(9)))) == Course(0, True, False, True)
    assert of(steps(("submit", "draft", "awaiting_payment", at(2)))) is None


def test_they_are_counted_by_night_and_read_in_one_statement(rwanda: Session, people: People) -> None:
    pack = load.current()
    start = working_days.counted_from(pack, clock.now())
    for days in (0, 1, 2, 3, None, None):  # None: still open, for two months
        with clock.at(start):
            case = submitted(rwanda, people.applicant)
            move(rwanda, case, Action.TAKE, people.registrar)
            if days is not None:
                move(rwanda, case, Action.RECOMMEND, people.registrar, payload=Payload(outcome=Outcome.APPROVE))
        if days is not None:
            with clock.at(working_days.add(pack, start, days) if days else start + timedelta(hours=2)):
                move(rwanda, case, Action.APPROVE, people.supervisor)
    rwanda.execute(update(Case).where(Case.id == case.id).values(due_at=None))
    with clock.at(working_days.add(pack, start, 40)):
        durations.refresh(rwanda, pack)
        durations.refresh(rwanda, pack)
        with counted(rwanda) as said:
            [usual] = durations.latest(rwanda)
    assert len(said) == 1
    assert (usual.cases, usual.decided, usual.median, usual.p75, usual.p90) == (6, 4, 2, None, None)
    assert usual.on_time == 100 * 1 // 5, "within six hours; three were late, one is, one is not due"
    found = durations.like(rwanda, case)
    assert found is not None
    assert found.median == 2
    assert durations.latest(rwanda, agencies=["NAEB"]) == []
    punctual = rwanda.scalars(select(Case).order_by(Case.id)).first()
    assert punctual is not None
    rwanda.add(Escalation(case_id=punctual.id, level="overdue", due_at=start, marked_at=start))
    with clock.at(working_days.add(pack, start, 40)):
        durations.refresh(rwanda, pack)
    assert durations.latest(rwanda)[0].on_time == 0


def test_too_few_say_nothing_and_old_ones_no_more(rwanda: Session, people: People) -> None:
    for _each in range(durations.ENOUGH):
        case = submitted(rwanda, people.applicant)
    with clock.at(clock.now() + timedelta(days=durations.DAYS + 1)):
        durations.refresh(rwanda, load.current())
        assert durations.like(rwanda, case) is None
    durations.refresh(rwanda, load.current())
    assert durations.like(rwanda, case) is not None


def at_six_hours(start: datetime) -> datetime:
    return working_days.add_time(load.current(), start, 6 * 60)


def test_six_office_hours_are_promised_and_what_is_left_of_them_is_kept(rwanda: Session, people: People) -> None:
    monday = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # two o'clock
    with clock.at(monday):
        case = submitted(rwanda, people.applicant)
        assert case.due_at == at_six_hours(monday) == datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
        move(rwanda, case, Action.TAKE, people.registrar)
    with clock.at(monday + timedelta(hours=1)):
        asked = (AskedField("name", "name.name", "Name"),)
        move(rwanda, case, Action.ASK, people.registrar, payload=Payload(fields=asked))
    assert (case.due_at, case.clock_minutes_left, case.clock_days_left) == (None, 5 * 60, 1)
    sunday = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)
    with clock.at(sunday):
        move(rwanda, case, Action.SUBMIT, people.applicant, payload=Payload(declared=True))
        assert case.due_at == datetime(2026, 3, 9, 12, 0, tzinfo=UTC), "five hours of Monday"
        face = deadlines.face(case, load.current())
        assert face.days_left == 1


def test_what_comes_in_at_night_says_from_when_it_counts(rwanda: Session, people: People) -> None:
    night = datetime(2026, 3, 3, 20, 0, tzinfo=UTC)
    with clock.at(night):
        case = submitted(rwanda, people.applicant)
        face = deadlines.face(case, load.current())
    assert (face.received_at, face.counts_from) == (night, datetime(2026, 3, 4, 7, 0, tzinfo=UTC))
    assert case.due_at == datetime(2026, 3, 4, 13, 0, tzinfo=UTC)
