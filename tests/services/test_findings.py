"""Findings: who may do which step, what each leaves behind, and what can no longer be changed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import case_file, case_file_json, findings, findings_lists
from app.cases.findings import Content
from app.cases.findings_lists import Show
from app.cases.findings_models import Finding, FindingEvent
from app.cases.models import Case, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Stale
from app.core.together import Together
from app.identity.actor import Actor, Role
from app.identity.policy import Permission
from app.jurisdictions import load, working_days
from app.web.auditor.neighbours import around
from tests.factories.cases import acting, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, move

CONTENT = Content(
    title="Weight not compared",
    agency="RDB",
    seen="The certificate was not opened.",
    severity="minor",
    legal_basis="Procedure, step 4",
    answer_days=5,
    points=({"kind": "field", "key": "name.name", "label": "Name"},),
)


def of_case(session, auditor, case):
    read = Together(*findings_lists.PARTS).read(session, case=case.id, reader=auditor.user_id)
    return findings_lists.of_parts(read)


@pytest.fixture
def auditor(rwanda: Session) -> Actor:
    return acting(rwanda, make_user(rwanda, role=Role.AUDITOR))


@pytest.fixture
def case(rwanda: Session, people: People) -> Case:
    """A decided registration."""
    found = submitted(rwanda, people.applicant)
    move(rwanda, found, Action.TAKE, people.registrar)
    move(rwanda, found, Action.RECOMMEND, people.registrar, payload=Payload(outcome=Outcome.APPROVE))
    return move(rwanda, found, Action.APPROVE, people.supervisor)


def written(session: Session, who: Actor, case: Case, **changes: object) -> Finding:
    return findings.write(session, load.current(), who, case, Content(**{**vars(CONTENT), **changes}))


def sent(session: Session, who: Actor, case: Case, **changes: object) -> Finding:
    finding = written(session, who, case, **changes)
    return findings.send(session, load.current(), who, finding, case, version=finding.version)


def answered(session: Session, who: Actor, finding: Finding, case: Case) -> Finding:
    return findings.answer(session, who, finding, case, text="It was.", done="Noted.", version=finding.version)


def test_from_draft_to_conclusion(rwanda: Session, people: People, auditor: Actor, case: Case) -> None:
    before = (case.state, case.version, case.updated_at)
    friday = datetime(2026, 3, 6, 9, tzinfo=UTC)
    with clock.at(friday):
        finding = sent(rwanda, auditor, case)
    assert finding.due_at == working_days.add(load.current(), friday, 5)
    answered(rwanda, people.second_supervisor, finding, case)
    assert not finding.by_decider
    findings.close(rwanda, auditor, finding, case, accepted=False, conclusion="Not enough.", version=finding.version)
    steps = findings_lists.history(rwanda, finding)
    assert [(step.action, step.from_state, step.to_state) for step in steps] == [
        ("write", None, "draft"),
        ("send", "draft", "sent"),
        ("answer", "sent", "answered"),
        ("close", "answered", "closed"),
    ]
    verbs = rwanda.scalars(select(Entry.verb).where(Entry.reference == finding.number).order_by(Entry.id)).all()
    assert list(verbs) == ["finding.write", "finding.send", "finding.answer", "finding.close"]
    rwanda.refresh(case)
    assert (case.state, case.version, case.updated_at) == before


def test_a_draft_may_be_unfinished_but_not_sent(rwanda: Session, auditor: Actor, case: Case) -> None:
    finding = written(rwanda, auditor, case, seen="", legal_basis=" ", agency="")
    with pytest.raises(Invalid) as caught:
        findings.send(rwanda, load.current(), auditor, finding, case, version=finding.version)
    assert [problem.field for problem in caught.value.problems] == ["seen", "legal_basis", "agency"]
    with pytest.raises(Invalid):
        written(rwanda, auditor, case, title=" ")


def test_only_the_supervisors_of_the_agency_see_it_and_only_when_sent(
    rwanda: Session, people: People, auditor: Actor, case: Case
) -> None:
    elsewhere = acting(rwanda, make_user(rwanda, role=Role.SUPERVISOR, agencies=("NAEB",)))
    other_auditor = acting(rwanda, make_user(rwanda, role=Role.AUDITOR))
    finding = written(rwanda, auditor, case)

    def sees(who: Actor, permission: Permission = Permission.CASE_DECIDE) -> bool:
        try:
            findings.load(rwanda, who, finding.number, permission)
        except NotFound:
            return False
        return True

    assert sees(auditor, Permission.AUDIT)
    assert not sees(other_auditor, Permission.AUDIT)  # a draft is its author's
    assert not sees(people.supervisor)
    assert findings_lists.counts(rwanda, people.supervisor, agency=True).due == 0
    findings.send(rwanda, load.current(), auditor, finding, case, version=finding.version)
    assert sees(other_auditor, Permission.AUDIT)
    assert sees(people.supervisor)
    assert not sees(people.registrar)  # a clerk
    assert not sees(elsewhere)
    assert not sees(people.applicant)
    assert findings_lists.counts(rwanda, people.supervisor, agency=True).due == 1
    assert findings_lists.counts(rwanda, elsewhere, agency=True).due == 0
    assert [row.finding for row in findings_lists.for_agency(rwanda, people.supervisor, Show.DUE).rows] == [finding]


def test_who_decided_may_answer_and_the_finding_says_so(
    rwanda: Session, people: People, auditor: Actor, case: Case
) -> None:
    finding = sent(rwanda, auditor, case)
    assert findings.decided(rwanda, people.supervisor, case.id)
    assert answered(rwanda, people.supervisor, finding, case).by_decider


@pytest.mark.parametrize("who", ["registrar", "applicant", "stranger"])
def test_nobody_else_answers(rwanda: Session, people: People, auditor: Actor, case: Case, who: str) -> None:
    finding = sent(rwanda, auditor, case)
    with pytest.raises(NotAllowed):
        answered(rwanda, getattr(people, who), finding, case)
    with pytest.raises(NotAllowed):
        answered(rwanda, auditor, finding, case)


def test_officials_write_close_and_withdraw_nothing(
    rwanda: Session, people: People, auditor: Actor, case: Case
) -> None:
    with pytest.raises(NotAllowed):
        written(rwanda, people.supervisor, case)
    with pytest.raises(NotAllowed):
        findings.mark(rwanda, people.supervisor, case, "x")
    finding = answered(rwanda, people.supervisor, sent(rwanda, auditor, case), case)
    with pytest.raises(NotAllowed):
        findings.close(rwanda, people.supervisor, finding, case, accepted=True, conclusion="x", version=finding.version)
    with pytest.raises(NotAllowed):
        findings.withdraw(rwanda, people.supervisor, finding, case, reason="x", version=finding.version)


def test_an_old_version_is_refused(rwanda: Session, people: People, auditor: Actor, case: Case) -> None:
    finding = written(rwanda, auditor, case)
    seen = finding.version
    findings.edit(rwanda, auditor, finding, case, Content("Another title", "RDB"), version=seen)
    with pytest.raises(Stale):
        findings.edit(rwanda, auditor, finding, case, CONTENT, version=seen)
    assert finding.title == "Another title"


def test_steps_out_of_order_are_refused(rwanda: Session, people: People, auditor: Actor, case: Case) -> None:
    finding = sent(rwanda, auditor, case)
    with pytest.raises(Stale):
        findings.edit(rwanda, auditor, finding, case, CONTENT, version=finding.version)
    with pytest.raises(Stale):
        findings.close(rwanda, auditor, finding, case, accepted=True, conclusion="x", version=finding.version)
    answered(rwanda, people.supervisor, finding, case)
    with pytest.raises(Stale):
        answered(rwanda, people.supervisor, finding, case)


def test_a_withdrawn_finding_keeps_its_reason(rwanda: Session, people: People, auditor: Actor, case: Case) -> None:
    finding = sent(rwanda, auditor, case)
    with pytest.raises(Invalid):
        findings.withdraw(rwanda, auditor, finding, case, reason="  ", version=finding.version)
    findings.withdraw(rwanda, auditor, finding, case, reason="I misread the date.", version=finding.version)
    with pytest.raises(Stale):
        answered(rwanda, people.supervisor, finding, case)
    assert findings_lists.history(rwanda, finding)[-1].content == {"reason": "I misread the date."}


@pytest.mark.parametrize(
    "change", ["title = 'x'", "seen = 'x'", "due_at = now()", "case_id = case_id + 1", "answer = 'x'", "agency = 'x'"]
)
def test_the_database_keeps_what_was_sent_and_answered(
    rwanda: Session, people: People, auditor: Actor, case: Case, change: str
) -> None:
    finding = answered(rwanda, people.supervisor, sent(rwanda, auditor, case), case)
    with pytest.raises(IntegrityError), rwanda.begin_nested():
        rwanda.execute(text(f"UPDATE findings SET {change} WHERE id = {finding.id}"))


@pytest.mark.parametrize("statement", ["UPDATE finding_events SET actor_name = 'x'", "DELETE FROM finding_events"])
def test_the_history_is_append_only(rwanda: Session, auditor: Actor, case: Case, statement: str) -> None:
    sent(rwanda, auditor, case)
    with pytest.raises(IntegrityError), rwanda.begin_nested():
        rwanda.execute(text(statement))
    assert rwanda.scalar(select(FindingEvent.actor_name).limit(1)) == auditor.name


def test_the_longest_overdue_comes_first_and_lists_turn_their_pages(
    rwanda: Session, people: People, auditor: Actor, case: Case
) -> None:
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    for number in range(findings_lists.PAGE + 3):
        with clock.at(start - timedelta(days=number)):
            sent(rwanda, auditor, case, title=f"Number {number}")
    with clock.at(start + timedelta(days=1)):
        first = findings_lists.for_auditor(rwanda, auditor, Show.DUE)
        second = findings_lists.for_auditor(rwanda, auditor, Show.DUE, first.following)
        counts = findings_lists.counts(rwanda, auditor, agency=False)
        assert first.rows[0].overdue
        assert 0 < counts.overdue < counts.due == findings_lists.PAGE + 3
    dues = [row.finding.due_at for row in (*first.rows, *second.rows)]
    assert dues == sorted(dues, key=lambda due: due or start)
    assert len({row.finding.id for row in (*first.rows, *second.rows)}) == findings_lists.PAGE + 3
    assert second.following is None


def test_marks_are_one_for_each_auditor_and_can_be_taken_off(rwanda: Session, auditor: Actor, case: Case) -> None:
    other = acting(rwanda, make_user(rwanda, role=Role.AUDITOR))
    findings.mark(rwanda, auditor, case, "Look at the invoice.")
    findings.mark(rwanda, auditor, case, "Look at the weight.")
    findings.mark(rwanda, other, case, "Mine.")
    standing = of_case(rwanda, auditor, case)
    assert [mark.note for mark in standing.marks] == ["Look at the weight.", "Mine."]
    assert standing.names[other.user_id or 0] == other.name
    findings.unmark(rwanda, auditor, case)
    findings.unmark(rwanda, auditor, case)
    assert of_case(rwanda, auditor, case).mine(auditor.user_id) is None
    assert findings_lists.marked(rwanda, auditor) == ([], None)
    assert len(findings_lists.marked(rwanda, other)[0]) == 1


def test_copies_of_the_case_file_have_findings_for_auditors_alone(
    rwanda: Session, people: People, auditor: Actor, case: Case
) -> None:
    finding = answered(rwanda, people.supervisor, sent(rwanda, auditor, case), case)
    written(rwanda, auditor, case, title="Still a draft")
    findings.mark(rwanda, auditor, case, "A private note")
    file = case_file.gather(rwanda, load.current(), case, around)
    theirs = case_file_json.document(rwanda, file, auditor=True)["findings"]
    assert [each["number"] for each in theirs] == [finding.number]
    assert [step["action"] for step in theirs[0]["history"]] == ["write", "send", "answer"]
    assert theirs[0]["answer"] == "It was."
    whole = str(case_file_json.document(rwanda, file, auditor=True))
    assert "A private note" not in whole
    assert "findings" not in case_file_json.document(rwanda, file)
