"""The applicant's pages from sending on: what it costs, the confirmation, withdrawing, and what customs cancels."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import engine, registry
from app.cases.models import Case, Outcome
from app.cases.registry import JsonObject
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core.money import Money
from app.fees import charges
from app.identity import memberships
from app.identity.actor import MembershipRole
from app.identity.models import User
from app.jurisdictions import load
from app.jurisdictions.model import FeeRule, Pack
from app.notifications.models import Message
from tests.factories import cases
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.factories.permits import line, make_permit
from tests.web.conftest import SignIn
from tests.web.test_applicant import post, shown, trader


def clerk_of(session: Session, agency: str) -> User:
    return make_user(session, role="clerk", agencies=[agency])


def moved(session: Session, case: Case, action: Action, who: User, **payload: object) -> Case:
    actor = cases.acting(session, who)
    return engine.perform(
        session, case, action, actor, version=case.version, reason="It is so.", payload=Payload(**payload)
    )


@pytest.fixture
def released(session: Session) -> tuple[User, Case]:
    """An export declaration that customs has released, and who sent it."""
    user = make_user(session)
    business = make_business(session, owner=user)
    drawn = make_permit(session, business, line("19200")).lines[0]
    exporter = cases.acting(session, user)
    case = cases.submitted(session, exporter, "customs", cases.declaration(drawn.id, "100"))
    if case.state == State.AWAITING_PAYMENT:
        cases.pay(session, case, exporter)
    assert case.agency is not None
    officer, supervisor = clerk_of(session, case.agency), make_user(session, role="supervisor", agencies=[case.agency])
    moved(session, case, Action.TAKE, officer)
    moved(session, case, Action.RECOMMEND, officer, outcome=Outcome.APPROVE)
    moved(session, case, Action.APPROVE, supervisor)
    return user, case


def test_a_declaration_is_called_a_declaration(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    business = make_business(session, owner=user)
    drawn = make_permit(session, business, line("19200")).lines[0]
    exporter = cases.acting(session, user)
    case = cases.submitted(session, exporter, "customs", cases.declaration(drawn.id, "100"))
    client = sign_in(user, business_id=business.id)
    confirmation = client.get(f"/cases/{case.reference}/sent").text
    page = client.get(f"/cases/{case.reference}").text
    for words in ("<h1>Declaration sent</h1>", "Follow this declaration"):
        assert words in confirmation
    for words in ("Declaration sent", "Withdraw this declaration"):
        assert words in page
    for text in (confirmation, page):
        assert "pplication sent" not in text
        assert "this application" not in text


def test_the_confirmation_is_shown_only_until_the_case_moves_on(
    sign_in: SignIn, released: tuple[User, Case], session: Session
) -> None:
    user, case = released
    assert sign_in(user).get(f"/cases/{case.reference}/sent").location == f"/cases/{case.reference}"


def test_only_customs_cancels_what_it_released_and_says_why(
    sign_in: SignIn, released: tuple[User, Case], session: Session
) -> None:
    user, case = released
    client, path = sign_in(user), f"/cases/{case.reference}/withdraw"
    assert "Ask the customs office" in client.get(f"/cases/{case.reference}").text
    assert post(client, path, version=case.version, reason="The lorry broke down.").status_code == 303
    assert session.get_one(Case, case.id).state == State.APPROVED
    client = sign_in(make_user(session, role="supervisor", agencies=[case.agency]))
    desk = f"/desk/{case.reference}/decide"
    without = post(client, desk, version=case.version, decision="cancel", reason=" ")
    assert (without.status_code, "Write the reason" in without.text) == (422, True)
    assert post(client, desk, version=case.version, decision="cancel", reason="It broke down.").status_code == 303
    assert session.get_one(Case, case.id).state == State.CANCELLED
    told = session.scalars(select(Message).where(Message.case_id == case.id, Message.user_id == user.id)).all()
    assert any("It broke down." in message.body for message in told)
    assert "Ask the customs office" not in sign_in(user).get(f"/cases/{case.reference}").text


def test_withdrawing_from_an_old_page_asks_again(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    case = cases.submitted(session, cases.acting(session, user))
    seen = case.version
    moved(session, case, Action.TAKE, clerk_of(session, "RDB"))
    client, path = sign_in(user), f"/cases/{case.reference}/withdraw"
    answer = post(client, path, version=seen)
    assert answer.status_code == 409
    assert "changed while you had it open" in answer.text
    assert f'name="version" value="{case.version}"' in answer.text
    assert session.get_one(Case, case.id).state == State.IN_REVIEW
    assert post(client, path, version=case.version).status_code == 303
    assert session.get_one(Case, case.id).state == State.WITHDRAWN


def test_what_can_no_longer_be_withdrawn_says_so(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    case = cases.submitted(session, cases.acting(session, user))
    seen = case.version
    clerk = clerk_of(session, "RDB")
    moved(session, case, Action.TAKE, clerk)
    moved(session, case, Action.RECOMMEND, clerk, outcome=Outcome.REFUSE)
    moved(session, case, Action.REFUSE, make_user(session, role="supervisor", agencies=["RDB"]))
    client = sign_in(user)
    answer = post(client, f"/cases/{case.reference}/withdraw", version=seen)
    assert answer.location == f"/cases/{case.reference}"
    assert "the case is now “Refused”" in client.get(answer.location).text


def test_a_discarded_draft_is_not_said_to_have_been_sent(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    case = cases.drafted(session, cases.acting(session, user))
    client = sign_in(user)
    page = client.get(post(client, f"/cases/{case.reference}/withdraw", version=case.version).location).text
    assert "The draft was discarded." in page
    assert "What you sent" not in page


def test_the_check_page_says_what_sending_costs(sign_in: SignIn, session: Session) -> None:
    user = trader(session)
    exporter = cases.acting(session, user)
    case = cases.drafted(session, exporter, "export_licence", cases.licence())
    page = sign_in(user, business_id=exporter.business_id).get(f"/cases/{case.reference}/check").text
    engine.perform(session, case, Action.SUBMIT, exporter, version=case.version, payload=Payload(declared=True))
    charge = charges.for_case(session, case.id)
    assert charge is not None
    assert f'you pay <bdi class="num">{charge.total}</bdi>' in page


def test_the_check_page_of_what_costs_nothing_says_so(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    case = cases.drafted(session, cases.acting(session, user))
    assert "free of charge" in sign_in(user).get(f"/cases/{case.reference}/check").text


@pytest.fixture
def by_quantity(app: object) -> Iterator[None]:
    """A tariff under which the quantity decides: 1 RWF a kilogram."""
    usual = registry.service("export_licence")
    rule = next(rule for rule in load.current().fees if rule.code == "coffee-licence")

    def fee(pack: Pack, data: JsonObject) -> tuple[FeeRule, ...]:
        return (rule.model_copy(update={"amount_minor": int(data["quantity"]["quantity"])}),)

    registry._services["export_licence"] = replace(usual, fee=fee)
    yield
    registry._services["export_licence"] = usual


@pytest.mark.parametrize(("quantity", "dearer"), [("25000", True), ("19200", False)])
def test_new_answers_that_cost_more_are_told_to_the_applicant_before_and_to_the_clerk_after(
    sign_in: SignIn, session: Session, by_quantity: None, quantity: str, dearer: bool
) -> None:
    user, clerk = trader(session), clerk_of(session, "NAEB")
    exporter = cases.acting(session, user)
    case = cases.submitted(session, exporter, "export_licence", cases.licence("19200"))
    cases.pay(session, case, exporter)
    moved(session, case, Action.TAKE, clerk)
    moved(session, case, Action.ASK, clerk, fields=(AskedField("quantity", "quantity.quantity", "Quantity"),))
    cases.fill(session, case, cases.licence(quantity))
    client = sign_in(user, business_id=exporter.business_id)
    page = client.get(f"/cases/{case.reference}/check").text
    assert ("Your new answers cost more" in page) is dearer
    assert (f'<bdi class="num">{Money(25000, "RWF")}</bdi>; <bdi class="num">{Money(19200, "RWF")}' in page) is dearer
    sent = post(client, f"/cases/{case.reference}/check", version=case.version, declared="y", shown=shown(client, case))
    assert sent.status_code == 303
    desk = sign_in(clerk).get(f"/desk/{case.reference}")
    assert desk.status_code == 200
    assert (f"would be {Money(25000, 'RWF')}; {Money(19200, 'RWF')} was paid" in desk.text) is dearer


def test_a_check_page_older_than_the_agencys_question_sends_nothing(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    case = cases.drafted(session, cases.acting(session, user))
    client, clerk = sign_in(user), clerk_of(session, "RDB")
    seen, answers = case.version, shown(client, case)
    moved(session, case, Action.SUBMIT, user, declared=True)
    moved(session, case, Action.TAKE, clerk)
    moved(session, case, Action.ASK, clerk, fields=(AskedField("name", "name.name", "Name"),))
    answer = post(client, f"/cases/{case.reference}/check", version=seen, declared="y", shown=answers)
    assert answer.status_code == 422
    assert "has asked you something" in answer.text
    assert f'href="/cases/{case.reference}"' in answer.text
    assert session.get_one(Case, case.id).state == State.RETURNED


def test_the_confirmation_speaks_of_mail_only_to_who_got_it(sign_in: SignIn, session: Session) -> None:
    owner, colleague = make_user(session), make_user(session)
    business = make_business(session, owner=owner)
    memberships.add(session, colleague.id, business.id, MembershipRole.AGENT)
    drawn = make_permit(session, business, line("19200")).lines[0]
    case = cases.submitted(session, cases.acting(session, owner), "customs", cases.declaration(drawn.id, "100"))
    if case.state == State.AWAITING_PAYMENT:
        cases.pay(session, case, cases.acting(session, owner))
    told = "sent you a confirmation"
    assert told in sign_in(owner, business_id=business.id).get(f"/cases/{case.reference}/sent").text
    assert told not in sign_in(colleague, business_id=business.id).get(f"/cases/{case.reference}/sent").text
