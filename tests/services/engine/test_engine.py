"""The engine with a real service: what moves, what is refused, what is kept."""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.audit import entries
from app.businesses.models import Business
from app.cases import access, drafts, engine, four_eyes, registry, worklist
from app.cases.models import Case, CaseEvent, Decision, InformationRequest, Outcome, Submission
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core.errors import Invalid, NotAllowed, NotFound, Stale
from app.identity.policy import Permission
from tests.factories.cases import drafted, fill, registration, submitted

APPROVAL = Payload(outcome=Outcome.APPROVE)
QUESTION = Payload(fields=(AskedField("name", "name.name", "Name of the business"),))


def move(session, case, action, actor, reason="because it is so", payload=None):
    return engine.perform(session, case, action, actor, version=case.version, reason=reason, payload=payload)


def recommended(session, people, outcome=Outcome.APPROVE):
    case = submitted(session, people.applicant)
    move(session, case, Action.TAKE, people.registrar)
    return move(session, case, Action.RECOMMEND, people.registrar, payload=Payload(outcome=outcome))


def test_the_road_from_draft_to_a_registered_business(rwanda, people):
    case = recommended(rwanda, people)
    move(rwanda, case, Action.APPROVE, people.supervisor)
    assert case.state == State.APPROVED
    business = rwanda.scalars(select(Business).where(Business.case_id == case.id)).one()
    assert case.business_id == business.id
    decision = rwanda.scalars(select(Decision).where(Decision.case_id == case.id)).one()
    assert (decision.recommended_by, decision.decided_by) == (people.registrar.user_id, people.supervisor.user_id)
    rwanda.commit()
    rwanda.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def test_every_step_is_in_the_history_and_in_the_audit_log(rwanda, people):
    case = recommended(rwanda, people)
    move(rwanda, case, Action.APPROVE, people.supervisor)
    actions = rwanda.scalars(select(CaseEvent.action).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id)).all()
    assert actions == ["submit", "take", "recommend", "approve"]
    verbs = [entry.verb for entry in entries.for_case(rwanda, case.id).entries]
    assert {"case.started", "case.submit", "case.take", "case.recommend", "case.approve"} <= set(verbs)


def test_an_incomplete_application_says_what_is_missing(rwanda, people):
    case = engine.start(rwanda, "registration", people.applicant, idempotency_key=uuid.uuid4().hex)
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, people.applicant, payload=Payload(declared=True))
    assert "legal_form" in {problem.field for problem in refused.value.problems}
    assert case.state == State.DRAFT


def test_without_the_declaration_nothing_is_sent(rwanda, people):
    case = drafted(rwanda, people.applicant)
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, people.applicant)
    assert refused.value.field == "declared"


def test_the_one_who_recommended_cannot_decide(rwanda, people):
    case = submitted(rwanda, people.applicant)
    both = replace(people.supervisor)
    move(rwanda, case, Action.TAKE, both)
    move(rwanda, case, Action.RECOMMEND, both, payload=APPROVAL)
    with pytest.raises(NotAllowed) as refused:
        move(rwanda, case, Action.APPROVE, both)
    assert refused.value.code == "four_eyes"


def test_a_clerk_cannot_decide_at_all(rwanda, people):
    case = recommended(rwanda, people)
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.APPROVE, people.second_registrar)


def written(session, row):
    with session.begin_nested():
        session.add(row)
        session.flush()


def test_the_schema_itself_refuses_one_pair_of_eyes(rwanda, people):
    """Whatever the code does: a decision by the recommender cannot be written."""
    case = recommended(rwanda, people)
    recommendation = four_eyes.standing(rwanda, case)
    submission = rwanda.get(Submission, case.current_submission_id)
    values = {
        "case_id": case.id, "submission_id": submission.id, "submission_sha256": submission.sha256,
        "submitted_by": submission.submitted_by, "recommendation_id": recommendation.id, "four_eyes": True,
        "outcome": "approve", "reason": "", "decided_at": submission.submitted_at, "pack_version": "x",
    }  # fmt: skip
    forged = [
        {"recommended_by": people.registrar.user_id, "decided_by": people.registrar.user_id},
        {"recommended_by": people.supervisor.user_id, "decided_by": people.registrar.user_id},  # a false recommender
        {"recommended_by": people.registrar.user_id, "decided_by": people.applicant.user_id},
    ]
    for people_of in forged:
        with pytest.raises(DBAPIError):
            written(rwanda, Decision(**values, **people_of))
        rwanda.expunge_all()


def test_a_case_cannot_be_approved_behind_the_engines_back(rwanda, people):
    case = recommended(rwanda, people)
    rwanda.execute(text("UPDATE cases SET state = 'approved' WHERE id = :id"), {"id": case.id})
    with pytest.raises(DBAPIError, match="without a decision"):
        rwanda.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    rwanda.rollback()


@pytest.mark.parametrize("table", ["submissions", "case_events", "decisions"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id + 1000000", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_happened_cannot_be_changed(rwanda, people, table, statement):
    case = recommended(rwanda, people)
    move(rwanda, case, Action.APPROVE, people.supervisor)
    with pytest.raises(DBAPIError, match=r"append-only|not supported|cannot"), rwanda.begin_nested():
        rwanda.execute(text(statement.format(table)))


def test_a_stale_page_is_told(rwanda, people):
    case = submitted(rwanda, people.applicant)
    seen = case.version
    move(rwanda, case, Action.TAKE, people.registrar)
    with pytest.raises(Stale):
        engine.perform(rwanda, case, Action.TAKE, people.second_registrar, version=seen)


def test_an_answer_is_a_new_submission_and_voids_nothing_that_is_not_there(rwanda, people):
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.TAKE, people.registrar)
    move(rwanda, case, Action.ASK, people.registrar, reason="Which name?", payload=QUESTION)
    assert case.state == State.RETURNED
    assert case.due_at is None, "the clock stands still while the applicant has the case"
    fill(rwanda, case, registration("Another Name Altogether"))
    move(rwanda, case, Action.SUBMIT, people.applicant, payload=Payload(declared=True))
    assert case.state == State.IN_REVIEW
    assert case.due_at is not None
    numbers = rwanda.scalars(
        select(Submission.number).where(Submission.case_id == case.id).order_by(Submission.number)
    ).all()
    assert numbers == [1, 2]
    request = rwanda.scalars(select(InformationRequest).where(InformationRequest.case_id == case.id)).one()
    assert request.answer_submission_id == case.current_submission_id


def test_asking_needs_a_field_and_a_question(rwanda, people):
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.TAKE, people.registrar)
    with pytest.raises(Invalid):
        move(rwanda, case, Action.ASK, people.registrar, reason="Which?")
    with pytest.raises(Invalid):
        move(rwanda, case, Action.ASK, people.registrar, reason=" ", payload=QUESTION)


def test_a_supervisor_decides_what_was_recommended_or_sends_it_back(rwanda, people):
    case = recommended(rwanda, people, Outcome.REFUSE)
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.APPROVE, people.supervisor)
    move(rwanda, case, Action.SEND_BACK, people.supervisor)
    assert case.state == State.IN_REVIEW
    assert case.assigned_to == people.registrar.user_id
    assert four_eyes.standing(rwanda, case) is None


def test_refusal_gives_the_name_back(rwanda, people):
    case = submitted(rwanda, people.applicant, raw=registration("Inzira Nziza"))
    meanwhile = drafted(rwanda, people.stranger, raw=registration("Inzira Nziza"))
    assert not meanwhile.draft["name"]["complete"], "the name is held while the case is open, so the page says so"
    move(rwanda, case, Action.TAKE, people.registrar)
    move(rwanda, case, Action.RECOMMEND, people.registrar, payload=Payload(outcome=Outcome.REFUSE))
    move(rwanda, case, Action.REFUSE, people.supervisor)
    again = drafted(rwanda, people.stranger, raw=registration("Inzira Nziza"))
    assert again.draft["name"]["complete"]


def test_another_persons_case_looks_like_none(rwanda, people):
    case = submitted(rwanda, people.applicant)
    assert access.load(rwanda, people.applicant, case.reference, Permission.CASE_VIEW_OWN).id == case.id
    for actor, permission in (
        (people.stranger, Permission.CASE_VIEW_OWN),
        (people.registrar, Permission.CASE_VIEW_OWN),
        (people.applicant, Permission.DESK),
        (None, Permission.DESK),
    ):
        with pytest.raises(NotFound):
            access.load(rwanda, actor, case.reference, permission)


def test_a_draft_is_nobodys_but_the_applicants(rwanda, people):
    case = drafted(rwanda, people.applicant)
    with pytest.raises(NotFound):
        access.load(rwanda, people.registrar, case.reference, Permission.DESK)


def test_the_same_key_gives_the_same_case(rwanda, people):
    key = uuid.uuid4().hex
    first = engine.start(rwanda, "registration", people.applicant, idempotency_key=key)
    assert engine.start(rwanda, "registration", people.applicant, idempotency_key=key).id == first.id
    assert engine.start(rwanda, "registration", people.stranger, idempotency_key=key).id != first.id


def test_the_next_case_is_the_oldest_and_never_ones_own(rwanda, people):
    first = submitted(rwanda, people.applicant)
    second = submitted(rwanda, people.applicant)
    assert worklist.next_case(rwanda, people.registrar).id == first.id
    assert worklist.next_case(rwanda, people.registrar).id == first.id, "what one has taken comes before new work"
    assert worklist.next_case(rwanda, people.second_registrar).id == second.id
    assert worklist.next_case(rwanda, replace(people.second_supervisor, agencies=frozenset({"RRA"}))) is None


def test_a_sent_application_cannot_be_edited(rwanda, people):
    case = submitted(rwanda, people.applicant)
    definition = registry.service("registration")
    step = definition.steps[0]
    from app.jurisdictions import load

    form = drafts.form(step, case, drafts.context(rwanda, definition, load.current(), case))
    with pytest.raises(NotAllowed):
        drafts.save(rwanda, case, step, form, complete=True)


def test_withdrawing_ends_it(rwanda, people):
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.WITHDRAW, people.applicant)
    assert case.state == State.WITHDRAWN
    with pytest.raises(Stale):
        move(rwanda, case, Action.TAKE, people.registrar)


def test_what_one_may_do_now(rwanda, people):
    case = submitted(rwanda, people.applicant)
    assert {t.action for t in engine.available(rwanda, case, people.registrar)} == {Action.TAKE}
    move(rwanda, case, Action.TAKE, people.registrar)
    assert {t.action for t in engine.available(rwanda, case, people.registrar)} == {
        Action.ASK, Action.RECOMMEND, Action.RELEASE_CASE,
    }  # fmt: skip
    assert engine.available(rwanda, case, people.second_registrar) == []
    move(rwanda, case, Action.RECOMMEND, people.registrar, payload=APPROVAL)
    assert {t.action for t in engine.available(rwanda, case, people.supervisor)} == {
        Action.APPROVE, Action.SEND_BACK, Action.REASSIGN,
    }  # fmt: skip


def test_cases_are_found_by_any_part_of_reference_or_title(rwanda, people):
    case = submitted(rwanda, people.applicant, raw=registration("Urumuri Rw'Umusozi"))
    found = worklist.queue(rwanda, people.registrar, worklist.Filters(query="umusozi"))
    assert [row.id for row in found.cases] == [case.id]
    assert isinstance(found.cases[0], Case)
