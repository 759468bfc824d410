"""Paying in the browser: every state of a bill, whose it is, and callbacks that prove nothing."""

import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import notifications
from app.audit.models import Entry
from app.core import clock
from app.documents import records
from app.documents.models import Record
from app.documents.tasks import render_record
from app.fees import charges, payments, receipts
from app.fees.models import Charge, Payment
from app.fees.providers import Outcome, Status
from app.identity.actor import Role
from app.identity.models import User
from app.jobs import queue
from app.notifications.models import Message
from tests.factories.businesses import make_registration
from tests.factories.fees import NEVER_ANSWERS, NO_FUNDS, PAYS, make_charge, momo, rule, run_for
from tests.factories.people import make_user
from tests.web.conftest import SignIn, post
from tools.standins.mtn_momo import StandIn


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with momo() as state:
        yield state


@pytest.fixture
def payer(session: Session) -> User:
    return make_user(session)


@pytest.fixture
def charge(session: Session, payer: User) -> Charge:
    return make_charge(session, payer.id, rule(15000), rule(500, code="stamp"))


@pytest.fixture
def payer_page(stand_in: StandIn, sign_in: SignIn, payer: User, charge: Charge) -> FlaskClient:
    return sign_in(payer)


def run_payments(session: Session) -> None:
    """Let a minute pass; PDFs and mail are not what is tested here."""
    run_for(session, 60, only="fees.%")


def words_of(pdf: bytes) -> str:
    """The text of a PDF with plain spaces."""
    found = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True).stdout
    return " ".join(found.decode().split())


def attempts(session: Session, charge: Charge) -> int:
    return session.scalar(select(func.count()).where(Payment.charge_id == charge.id)) or 0


def test_the_bill_says_what_it_is_for(payer_page: FlaskClient, charge: Charge) -> None:
    answer = payer_page.get(f"/pay/{charge.reference}")
    assert answer.status_code == 200
    for words in (charge.reference, "15,500\u00a0RWF", "Fee licence", "Illustrative amount", "Pay by", "23:59"):
        assert words in answer.text
    assert "Refresh" not in answer.headers


def test_in_french(payer_page: FlaskClient, charge: Charge) -> None:
    answer = payer_page.get(f"/pay/{charge.reference}?lang=fr")
    assert "Droit licence" in answer.text
    assert "15\u00a0500\u00a0RWF" in answer.text


def test_from_the_form_to_the_receipt(
    payer_page: FlaskClient, session: Session, charge: Charge, stand_in: StandIn
) -> None:
    answer = post(payer_page, f"/pay/{charge.reference}", {"msisdn": PAYS})
    assert answer.status_code == 303
    assert answer.location == f"/pay/{charge.reference}"
    assert stand_in.requests_to_pay == 0
    waiting = payer_page.get(answer.location)
    assert "Approve on your phone" in waiting.text
    assert "+250 ••• 001" in waiting.text
    assert "788000001" not in waiting.text
    assert waiting.headers["Refresh"] == "5"
    assert "Refresh" not in payer_page.get(f"{answer.location}?still=1").headers
    run_payments(session)
    paid = payer_page.get(answer.location)
    receipt = receipts.for_charge(session, charge.id)
    assert receipt is not None
    assert receipt.reference in paid.text
    assert "Payment received" in paid.text
    record = session.scalars(select(Record).where(Record.kind == "receipt")).one()
    assert (record.code, record.number) == (receipt.record_code, receipt.reference)
    assert "preparing your receipt" in paid.text
    assert paid.headers["Refresh"] == "5"
    render_record(session, record_id=record.id)
    answer = payer_page.get(answer.location)
    assert f"/records/{record.code}.pdf" in answer.text
    assert "Refresh" not in answer.headers
    words = words_of(records.open_bytes(record))
    for expected in (receipt.reference, charge.reference, "Coffee export licence", "15,500", "+250 ••• 001"):
        assert expected in words
    assert "788000001" not in words
    verbs = session.scalars(select(Entry.verb).where(Entry.subject == f"charge:{charge.id}").order_by(Entry.id)).all()
    assert verbs == ["payment.started", "payment.received"]
    message = session.scalars(select(Message).where(Message.template == "payment_received")).one()
    assert receipt.reference in message.body


def test_a_double_click_makes_one_attempt(payer_page: FlaskClient, session: Session, charge: Charge) -> None:
    for _click in range(3):
        assert post(payer_page, f"/pay/{charge.reference}", {"msisdn": PAYS}).status_code == 303
    assert attempts(session, charge) == 1


@pytest.mark.parametrize("number", ["", "12", "0728000001", "+33612345678", "x" * 40])
def test_a_wrong_number_is_said_at_the_field(
    payer_page: FlaskClient, session: Session, charge: Charge, number: str
) -> None:
    answer = post(payer_page, f"/pay/{charge.reference}", {"msisdn": number})
    assert answer.status_code == 422
    assert "<title>Error:" in answer.text
    assert 'href="#msisdn"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert f'value="{number}"' in answer.text
    assert attempts(session, charge) == 0


def test_a_failed_attempt_says_what_to_do(payer_page: FlaskClient, session: Session, charge: Charge) -> None:
    post(payer_page, f"/pay/{charge.reference}", {"msisdn": NO_FUNDS})
    run_payments(session)
    answer = payer_page.get(f"/pay/{charge.reference}")
    assert "Top it up, then try again." in answer.text
    assert 'name="msisdn"' in answer.text
    message = session.scalars(select(Message).where(Message.template == "payment_failed")).one()
    assert "Top it up" in message.body
    assert f"/pay/{charge.reference}" in message.body


def test_check_now_asks_the_provider(payer_page: FlaskClient, session: Session, charge: Charge) -> None:
    post(payer_page, f"/pay/{charge.reference}", {"msisdn": NEVER_ANSWERS})
    queue.run_pending(session)
    assert post(payer_page, f"/pay/{charge.reference}/check").status_code == 303
    queue.run_pending(session)
    assert session.scalars(select(Payment)).one().checks == 1


def test_a_bill_that_ran_out_is_replaced(payer_page: FlaskClient, session: Session, charge: Charge) -> None:
    charge.expires_at = clock.now() - timedelta(days=1)
    assert "Get a new bill" in payer_page.get(f"/pay/{charge.reference}").text
    assert post(payer_page, f"/pay/{charge.reference}", {"msisdn": PAYS}).status_code == 422
    answer = post(payer_page, f"/pay/{charge.reference}/renew")
    assert answer.status_code == 303
    assert answer.location != f"/pay/{charge.reference}"
    assert 'name="msisdn"' in payer_page.get(answer.location).text
    assert "was cancelled" in payer_page.get(f"/pay/{charge.reference}").text


def test_a_bill_that_was_replaced_leads_to_the_new_one(
    payer_page: FlaskClient, session: Session, payer: User, charge: Charge
) -> None:
    charge.case_id = make_registration(session, payer).id
    charge.expires_at = clock.now() - timedelta(days=1)
    answers = [post(payer_page, f"/pay/{charge.reference}/renew") for _click in range(2)]
    assert answers[0].location == answers[1].location != f"/pay/{charge.reference}"
    old = payer_page.get(f"/pay/{charge.reference}").text
    assert f'href="{answers[0].location}"' in old
    assert "There is nothing to pay" not in old


def test_a_bill_that_needs_no_new_one_stays_on_its_page(payer_page: FlaskClient, charge: Charge) -> None:
    answer = post(payer_page, f"/pay/{charge.reference}/renew")
    assert answer.location == f"/pay/{charge.reference}"
    assert "does not need to be renewed" in payer_page.get(answer.location).text


def test_who_paid_another_amount_is_not_simply_asked_again(
    payer_page: FlaskClient, session: Session, charge: Charge, stand_in: StandIn
) -> None:
    post(payer_page, f"/pay/{charge.reference}", {"msisdn": PAYS})
    queue.run_pending(session)
    payment = session.scalars(select(Payment)).one()
    stand_in.collections[str(payment.provider_reference)].body["amount"] = "1"
    run_payments(session)
    assert "Ask there before you pay again." in payer_page.get(f"/pay/{charge.reference}").text


def test_of_a_bill_taken_back_no_failure_is_told(
    payer_page: FlaskClient, session: Session, charge: Charge, stand_in: StandIn
) -> None:
    post(payer_page, f"/pay/{charge.reference}", {"msisdn": NO_FUNDS})
    queue.run_pending(session)
    charges.cancel(session, charge)
    run_payments(session)
    assert session.scalars(select(Payment)).one().state == "failed"
    assert session.scalars(select(Message).where(Message.template == "payment_failed")).all() == []


@pytest.mark.parametrize(("method", "tail"), [("get", ""), ("post", ""), ("post", "/check"), ("post", "/renew")])
def test_anothers_bill_does_not_exist(
    client: FlaskClient, sign_in: SignIn, session: Session, charge: Charge, method: str, tail: str
) -> None:
    sign_in(make_user(session))
    mine = f"/pay/{charge.reference}{tail}"
    missing = f"/pay/BILL-2020-00001-X{tail}"
    ask = client.get if method == "get" else lambda url: post(client, url, {"msisdn": PAYS})
    assert ask(mine).status_code == ask(missing).status_code == 404
    assert attempts(session, charge) == 0


def test_officials_do_not_pay(client: FlaskClient, sign_in: SignIn, session: Session, charge: Charge) -> None:
    for role in (Role.CLERK, Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR):
        sign_in(make_user(session, role=role))
        assert client.get(f"/pay/{charge.reference}").status_code == 403


def test_nobody_is_sent_to_sign_in(client: FlaskClient, charge: Charge) -> None:
    answer = client.get(f"/pay/{charge.reference}")
    assert answer.status_code == 303
    assert "/sign-in" in answer.location


def test_the_list_of_bills(payer_page: FlaskClient, session: Session, payer: User, charge: Charge) -> None:
    other = make_charge(session, make_user(session).id)
    text_of_page = payer_page.get("/pay").text
    assert charge.reference in text_of_page
    assert other.reference not in text_of_page


def test_an_empty_list_says_what_will_be_there(client: FlaskClient, sign_in: SignIn, session: Session) -> None:
    sign_in(make_user(session))
    assert "Nothing to pay" in client.get("/pay").text


# --- callbacks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["put", "post"])
def test_a_callback_cannot_settle(
    client: FlaskClient, payer_page: FlaskClient, session: Session, charge: Charge, method: str
) -> None:
    post(payer_page, f"/pay/{charge.reference}", {"msisdn": NEVER_ANSWERS})
    payment = session.scalars(select(Payment)).one()
    forged: dict[str, Any] = {"status": "SUCCESSFUL", "amount": "15500", "currency": "EUR"}
    answer = client.open(f"/callbacks/mtn/{payment.provider_reference}", method=method.upper(), json=forged)
    assert (answer.status_code, answer.data) == (202, b"")
    session.refresh(payment)
    assert payment.pending
    run_payments(session)
    session.refresh(charge)
    assert charge.state == "due"


def test_a_callback_makes_us_ask(
    client: FlaskClient, payer_page: FlaskClient, session: Session, charge: Charge, stand_in: StandIn
) -> None:
    post(payer_page, f"/pay/{charge.reference}", {"msisdn": PAYS})
    queue.run_pending(session)
    payment = session.scalars(select(Payment)).one()
    stand_in.collections[str(payment.provider_reference)].polls = 2
    assert client.put(f"/callbacks/mtn/{payment.provider_reference}").status_code == 202
    queue.run_pending(session, limit=1)
    session.refresh(charge)
    assert charge.settled


def test_a_callback_tells_nothing(
    client: FlaskClient, payer_page: FlaskClient, session: Session, charge: Charge
) -> None:
    post(payer_page, f"/pay/{charge.reference}", {"msisdn": PAYS})
    known = session.scalars(select(Payment)).one().provider_reference
    answers = [client.put(f"/callbacks/mtn/{reference}") for reference in (known, uuid.uuid4())]
    assert answers[0].status_code == answers[1].status_code == 202
    assert answers[0].data == answers[1].data == b""
    before = session.scalar(text("SELECT count(*) FROM procrastinate_jobs"))
    for _flood in range(20):
        assert client.put(f"/callbacks/mtn/{known}").status_code == 202
    after = session.scalar(text("SELECT count(*) FROM procrastinate_jobs"))
    assert after - before <= 6


# --- what a person must clear ----------------------------------------------------------------------------------------


def test_money_that_settles_nothing_is_shown_to_those_who_clear_it(
    client: FlaskClient, sign_in: SignIn, session: Session, charge: Charge, stand_in: StandIn
) -> None:
    auditor, administrator = make_user(session, role=Role.AUDITOR), make_user(session, role=Role.ADMINISTRATOR)
    sign_in(auditor)
    assert "Nothing to clear" in client.get("/audit/payments").text
    for number in (1, 2):
        payment = Payment(
            charge_id=charge.id,
            provider="mtn_momo",
            msisdn=f"+25078800000{number}",
            amount_minor=charge.total_minor,
            currency=charge.currency,
            state="expired",
        )
        session.add(payment)
        session.flush()
        payments.learn(session, payment.id, Status(Outcome.SUCCESSFUL, reported="15500 RWF"))
    for person, url in ((auditor, "/audit/payments"), (administrator, "/admin/payments")):
        sign_in(person)
        answer = client.get(url)
        assert answer.text.count(charge.reference) == 1
        assert "+250 ••• 002" in answer.text
        assert "+250 ••• 001" not in answer.text
    sign_in(make_user(session, role=Role.CLERK))
    assert client.get("/audit/payments").status_code == 403
    assert session.scalars(select(Message).where(Message.template == "payment_surplus")).one()


# --- messages --------------------------------------------------------------------------------------------------------


def test_the_inbox(client: FlaskClient, sign_in: SignIn, session: Session, payer: User) -> None:
    sign_in(payer)
    assert "No messages yet" in client.get("/messages").text
    values = {"reference": "A-1", "title": "<b>Coffee</b>", "path": "/cases/A-1"}
    message = notifications.send(session, user_id=payer.id, template="case_approved", values=values)
    assert "1 new message" in client.get("/messages").text
    shown = client.get(f"/messages/{message.id}").text
    assert "&lt;b&gt;Coffee" in shown
    assert "/cases/A-1" in shown
    assert message.read_at is not None
    assert "new message" not in client.get("/messages").text
    sign_in(make_user(session))
    assert client.get(f"/messages/{message.id}").status_code == 404


def test_mark_all_read(client: FlaskClient, sign_in: SignIn, session: Session, payer: User) -> None:
    sign_in(payer)
    for _number in range(2):
        notifications.send(session, user_id=payer.id, template="case_approved", values={"reference": "A-1"})
    assert "2 new messages" in client.get("/messages").text
    assert post(client, "/messages/read").status_code == 303
    assert "new message" not in client.get("/messages").text


def test_there_is_no_mailbox_outside_the_demo(client: FlaskClient, session: Session) -> None:
    message = notifications.send(session, email="a@demo.example", template="case_approved", values={"reference": "A-1"})
    assert client.get("/demo/mailbox").status_code == 404
    assert client.get(f"/demo/mailbox/{message.id}").status_code == 404


def test_the_demo_mailbox(client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    app = client.application
    monkeypatch.setitem(app.config, "KIBALI", replace(app.config["KIBALI"], mode="demo"))
    assert "No mail yet" in client.get("/demo/mailbox?to=nobody@demo.example").text
    message = notifications.send(
        session, email="a@demo.example", template="case_approved", values={"reference": "A-1", "path": "/verify/x"}
    )
    notifications.send(session, email="b@demo.example", template="case_approved", values={"reference": "B-1"})
    listed = client.get("/demo/mailbox?to=A@demo.example").text
    assert "A-1: approved" in listed
    assert "B-1" not in listed
    shown = client.get(f"/demo/mailbox/{message.id}").text
    assert "/verify/x</a>" in shown
