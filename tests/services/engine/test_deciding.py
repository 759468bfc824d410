"""Reasons from the list, conditions, dates for answers, previews, and several approvals at once."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.audit import entries
from app.cases import answers, case_file, case_file_print, engine, grounds, previews, together
from app.cases.models import Case, CaseCounter, CaseEvent, Decision, InformationRequest, Outcome, Recommendation
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock, i18n
from app.core.errors import Invalid, NotAllowed, Stale
from app.documents.models import Record
from app.jurisdictions import load, lookup, working_days
from app.notifications.models import Message
from app.permits.models import Permit
from app.web.auditor.neighbours import around
from tests.factories.cases import licence, pay, submitted
from tests.services.conftest import cast, move

COUNTRIES = ("RW", "CG")
SERVICES = ("registration", "export_licence", "customs")
QUESTION = AskedField("name", "name.name", "Name of the business")


@pytest.fixture
def naeb(rwanda):
    return cast(rwanda, "NAEB")


def taken(session, exporter, naeb):
    case = submitted(session, exporter, "export_licence", licence())
    pay(session, case, exporter)
    return move(session, case, Action.TAKE, naeb.registrar)


def recommended(session, exporter, naeb, **payload):
    case = taken(session, exporter, naeb)
    return move(session, case, Action.RECOMMEND, naeb.registrar, "", Payload(outcome=Outcome.APPROVE, **payload))


@pytest.mark.parametrize("country", COUNTRIES)
def test_each_country_has_reasons_to_choose_from(country):
    pack = load.load(country)
    today = clock.today(pack.zone)
    refusals = {row.code for service in SERVICES for row in lookup.reasons_for(pack, "refuse", service, today)}
    questions = {row.code for service in SERVICES for row in lookup.reasons_for(pack, "ask", service, today)}
    assert len(refusals) >= 8
    assert len(questions) >= 5
    for service in SERVICES:
        assert lookup.reasons_for(pack, "recommend", service, today)
    assert lookup.reasons_for(pack, "conditions", "export_licence", today)


def test_a_listed_reason_is_kept_as_it_was_and_read_in_each_language(rwanda, people):
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.TAKE, people.registrar)
    reasons = ("refuse-name", "refuse-document-missing")
    move(rwanda, case, Action.RECOMMEND, people.registrar, "", Payload(outcome=Outcome.REFUSE, reasons=reasons))
    move(rwanda, case, Action.REFUSE, people.supervisor, "Close to a bank's.", Payload(reasons=reasons))
    decision = rwanda.scalars(select(Decision).where(Decision.case_id == case.id)).one()
    assert [each["code"] for each in decision.reasons] == ["refuse-document-missing", "refuse-name"]
    with i18n.use_locale("fr_RW"):
        french = grounds.told(decision.reasons, decision.reason)
    assert "Le nom est pris, trompeur ou réservé." in french
    assert french.endswith("Close to a bank's.")
    event = rwanda.scalars(select(CaseEvent).where(CaseEvent.case_id == case.id, CaseEvent.action == "refuse")).one()
    assert event.reasons == decision.reasons
    mail = rwanda.scalars(select(Message).where(Message.case_id == case.id, Message.template == "case_refused")).one()
    assert "The name is taken, misleading or reserved. (illustrative)\nClose to a bank's." in mail.body
    pack = load.current()
    file = case_file.gather(rwanda, pack, case, around)
    printed = dict(case_file_print.data(rwanda, pack, people.supervisor, file)["decision"])
    assert "The name is taken" in printed["Reason"]


def test_a_reason_must_be_on_the_list_of_the_service_and_the_action(rwanda, people):
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.TAKE, people.registrar)
    for code in ("no-such", "refuse-quality", "ask-incomplete"):
        with pytest.raises(Invalid):
            move(
                rwanda, case, Action.RECOMMEND, people.registrar, "x" * 9,
                Payload(outcome=Outcome.REFUSE, reasons=(code,)),
            )  # fmt: skip


def test_without_reason_or_text_nothing_is_refused(rwanda, people):
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.TAKE, people.registrar)
    with pytest.raises(Invalid):
        move(rwanda, case, Action.RECOMMEND, people.registrar, "", Payload(outcome=Outcome.REFUSE))


def test_conditions_go_from_the_recommendation_to_the_permit_and_its_paper(rwanda, exporter, naeb):
    case = recommended(
        rwanda, exporter, naeb, reasons=("recommend-in-order",), conditions=("condition-origin",),
        own_conditions=("Shipped by air only.", " ", "Shipped by air only."),
    )  # fmt: skip
    recommendation = rwanda.scalars(select(Recommendation).where(Recommendation.case_id == case.id)).one()
    assert len(recommendation.conditions) == 2
    # What the decider posts is not looked at: others would be another recommendation.
    payload = Payload(conditions=("condition-report",), own_conditions=("Mine.",))
    move(rwanda, case, Action.APPROVE, naeb.supervisor, "", payload)
    decision = rwanda.scalars(select(Decision).where(Decision.case_id == case.id)).one()
    assert decision.conditions == recommendation.conditions
    permit = rwanda.scalars(select(Permit).where(Permit.case_id == case.id)).one()
    assert permit.conditions.endswith("Shipped by air only.")
    record = rwanda.scalars(select(Record).where(Record.case_id == case.id, Record.kind == "permit")).one()
    assert record.data["conditions"][:2] == permit.conditions.split("\n")
    assert "certificate of origin" in record.data["conditions"][0]
    mail = rwanda.scalars(select(Message).where(Message.case_id == case.id, Message.template == "case_approved")).one()
    assert "Shipped by air only." in mail.body


def test_conditions_are_for_services_whose_papers_carry_them(rwanda, people):
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.TAKE, people.registrar)
    for payload in ({"own_conditions": ("Mine.",)}, {"conditions": ("condition-origin",)}):
        with pytest.raises(Invalid):
            move(
                rwanda,
                case,
                Action.RECOMMEND,
                people.registrar,
                "in order",
                Payload(outcome=Outcome.APPROVE, **payload),
            )


def test_a_refusal_carries_no_conditions(rwanda, exporter, naeb):
    case = taken(rwanda, exporter, naeb)
    move(
        rwanda, case, Action.RECOMMEND, naeb.registrar, "not ripe",
        Payload(outcome=Outcome.REFUSE, conditions=("condition-origin",)),
    )  # fmt: skip
    assert rwanda.scalars(select(Recommendation).where(Recommendation.case_id == case.id)).one().conditions == []


# --- questions ------------------------------------------------------------------------------------------------------


def asked(session, people, **payload):
    case = submitted(session, people.applicant)
    move(session, case, Action.TAKE, people.registrar)
    move(session, case, Action.ASK, people.registrar, "Which street?", Payload(fields=(QUESTION,), **payload))
    return case, session.scalars(select(InformationRequest).where(InformationRequest.case_id == case.id)).one()


def told(session, case):
    return session.scalars(select(Message.template).where(Message.case_id == case.id).order_by(Message.id)).all()


def remind_at(session, monkeypatch, moment):
    monkeypatch.setattr(clock, "now", lambda: moment)
    answers.remind(session)
    answers.remind(session)  # twice is once


def test_a_question_has_a_day_from_the_pack_or_as_the_official_says(rwanda, people):
    pack = load.current()
    now = clock.now()
    _case, usual = asked(rwanda, people)
    assert usual.due_at == working_days.add(pack, now, pack.answers.working_days)
    _case, short = asked(rwanda, people, answer_days=3, reasons=("ask-incomplete",))
    assert short.due_at == working_days.add(pack, now, 3)
    for days in (0, -1, 61):
        with pytest.raises(Invalid):
            asked(rwanda, people, answer_days=days)


def test_the_applicant_is_reminded_twice_and_then_the_official_is_told(rwanda, people, monkeypatch):
    pack = load.current()
    case, request = asked(rwanda, people)
    before = told(rwanda, case)
    due = request.due_at

    def days_before(days):
        moment = due
        while working_days.between(pack, moment, due) < days:
            moment -= timedelta(days=1)
        return moment

    remind_at(rwanda, monkeypatch, days_before(3))
    assert told(rwanda, case) == before
    remind_at(rwanda, monkeypatch, days_before(2))
    assert told(rwanda, case) == [*before, "answer_awaited"]
    remind_at(rwanda, monkeypatch, due - timedelta(hours=2))
    assert told(rwanda, case) == [*before, "answer_awaited", "answer_due_today"]
    assert not answers.no_answer(request)
    remind_at(rwanda, monkeypatch, due + timedelta(hours=1))
    assert told(rwanda, case) == [*before, "answer_awaited", "answer_due_today", "no_answer"]
    last = rwanda.scalars(select(Message).where(Message.template == "no_answer")).one()
    assert last.user_id == people.registrar.user_id
    assert answers.no_answer(request)
    assert case.state == State.RETURNED  # nothing is refused by itself


def test_one_who_answers_is_left_in_peace(rwanda, people, monkeypatch):
    case, request = asked(rwanda, people)
    move(rwanda, case, Action.SUBMIT, people.applicant, payload=Payload(declared=True))
    before = told(rwanda, case)
    remind_at(rwanda, monkeypatch, request.due_at + timedelta(days=1))
    assert told(rwanda, case) == before


def test_after_the_day_the_official_may_go_on_and_before_it_not(rwanda, people, monkeypatch):
    case, request = asked(rwanda, people)
    refusal = Payload(outcome=Outcome.REFUSE, reasons=("refuse-no-answer",))
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.RECOMMEND, people.registrar, "", refusal)
    late = request.due_at + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: late)
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.RECOMMEND, people.second_registrar, "", refusal)
    move(rwanda, case, Action.RECOMMEND, people.registrar, "", refusal)
    assert case.state == State.RECOMMENDED
    assert case.due_at is not None  # the agency's clock runs again


# --- the draft ------------------------------------------------------------------------------------------------------


def test_a_preview_leaves_no_trace(rwanda, exporter, naeb):
    case = recommended(rwanda, exporter, naeb, reasons=("recommend-in-order",), conditions=("condition-origin",))

    def traces():
        counts = [
            rwanda.scalar(select(func.count()).select_from(table)) for table in (Permit, Record, Message, CaseEvent)
        ]
        numbers = rwanda.execute(select(CaseCounter.series, CaseCounter.year, CaseCounter.value)).all()
        return counts, sorted(map(tuple, numbers)), rwanda.get(Case, case.id).version

    before = traces()
    preview = previews.of_approval(rwanda, case, naeb.supervisor)
    assert traces() == before
    assert preview["number"] == preview["data"]["number"] == "number not given yet"
    assert "certificate of origin" in preview["data"]["conditions"][0]
    move(rwanda, case, Action.APPROVE, naeb.supervisor, "")
    record = rwanda.scalars(select(Record).where(Record.case_id == case.id, Record.kind == "permit")).one()
    assert {**record.data, "number": ""} == {**preview["data"], "number": ""}
    assert record.number.endswith("-2026-00001-" + record.number[-1])


def test_who_may_not_approve_has_no_preview(rwanda, exporter, naeb):
    case = recommended(rwanda, exporter, naeb, reasons=("recommend-in-order",))
    for somebody in (naeb.registrar, naeb.second_registrar, exporter):
        with pytest.raises(NotAllowed):
            previews.of_approval(rwanda, case, somebody)


# --- several at once --------------------------------------------------------------------------------------------------


def opened(session, case, actor):
    entries.record(session, actor, "case.viewed", subject=f"case:{case.id}", reference=case.reference, case_id=case.id)
    session.flush()


def test_only_what_was_opened_since_the_recommendation_is_approved(rwanda, exporter, naeb):
    case = taken(rwanda, exporter, naeb)
    opened(rwanda, case, naeb.supervisor)  # before it was recommended
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, "in order", Payload(outcome=Outcome.APPROVE))
    like = ("export_licence", "coffee-export")
    opened(rwanda, case, naeb.second_supervisor)  # by somebody else
    assert [each.opened for each in together.waiting(rwanda, naeb.supervisor)] == [False]
    with pytest.raises(NotAllowed) as refused:
        together.approve(rwanda, case, naeb.supervisor, version=case.version, like=like)
    assert refused.value.code == "not_opened"
    opened(rwanda, case, naeb.supervisor)
    assert [each.opened for each in together.waiting(rwanda, naeb.supervisor)] == [True]
    with pytest.raises(NotAllowed):
        together.approve(rwanda, case, naeb.supervisor, version=case.version, like=("export_licence", "tea-export"))
    with pytest.raises(Stale):
        together.approve(rwanda, case, naeb.supervisor, version=case.version - 1, like=like)
    together.approve(rwanda, case, naeb.supervisor, version=case.version, like=like)
    assert case.state == State.APPROVED
    assert together.waiting(rwanda, naeb.supervisor) == []


def test_ones_own_recommendation_is_not_among_them(rwanda, exporter, naeb):
    case = submitted(rwanda, exporter, "export_licence", licence())
    pay(rwanda, case, exporter)
    move(rwanda, case, Action.TAKE, naeb.supervisor)
    move(rwanda, case, Action.RECOMMEND, naeb.supervisor, "in order", Payload(outcome=Outcome.APPROVE))
    opened(rwanda, case, naeb.supervisor)
    assert together.waiting(rwanda, naeb.supervisor) == []
    with pytest.raises(NotAllowed) as refused:
        together.approve(rwanda, case, naeb.supervisor, version=case.version, like=("export_licence", "coffee-export"))
    assert refused.value.code == "four_eyes"
    assert [each.case.id for each in together.waiting(rwanda, naeb.second_supervisor)] == [case.id]


def test_a_note_tells_who_was_named(rwanda, people):
    from app.cases.colleagues import Colleague, named

    case = submitted(rwanda, people.applicant)
    everyone = [Colleague(people.second_registrar.user_id, people.second_registrar.name)]
    assert named("Nobody at all", None, everyone) == []
    tell = named(f"Look, @{people.second_registrar.name}!", None, everyone)
    note = engine.add_note(rwanda, case, people.registrar, "Secret of the desk.", tell=tell)
    assert note.mentions == [{"id": people.second_registrar.user_id, "name": people.second_registrar.name}]
    message = rwanda.scalars(select(Message).where(Message.template == "mentioned")).one()
    assert message.user_id == people.second_registrar.user_id
    assert f"/desk/{case.reference}" in message.body
    assert "Secret" not in message.body
