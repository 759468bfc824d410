"""One's mobile number on the account page, the link in a text, what providers report, and the demo's telephone."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import notifications
from app.audit.models import Entry, Personal
from app.core import clock
from app.identity import callbacks
from app.identity.models import User
from app.notifications.models import Message
from app.notifications.sms import phones
from app.notifications.sms.models import PhoneCode, PhoneNumber, TextMessage
from app.web.accounts import phone
from config import Settings
from tests.factories import cases
from tests.factories.people import make_user
from tests.factories.texts import NUMBER, Told, using, with_phone
from tests.support.statements import counted
from tests.web.conftest import SignIn, post

PATHS = ("/account/phone", "/account/phone/code")


@pytest.fixture(autouse=True)
def provider(app: Flask) -> Iterator[Told]:
    told = Told()
    with using(told):
        yield told


@pytest.fixture
def person(session: Session, sign_in: SignIn) -> User:
    user = make_user(session)
    sign_in(user)
    return user


def code_of(session: Session, user: User) -> str:
    statement = select(TextMessage.body).where(TextMessage.user_id == user.id, TextMessage.secret)
    body = session.scalars(statement.order_by(TextMessage.id.desc()).limit(1)).one()
    found = re.match(r"(\d{6}) ", body)
    assert found
    return found[1]


def wrong(code: str) -> str:
    return "000000" if code != "000000" else "111111"


def number_of(session: Session, user: User) -> PhoneNumber | None:
    return session.get(PhoneNumber, user.id, populate_existing=True)


def confirmed(client: FlaskClient, session: Session, user: User, wanted: str = "yes") -> None:
    assert post(client, "/account/phone", {"number": "0788 123 001"}).location == "/account/phone/code"
    answer = post(client, "/account/phone/code", {"one_time_code": code_of(session, user), "wanted": wanted})
    assert answer.location == "/account"


def test_a_number_is_added_confirmed_switched_and_removed(client: FlaskClient, session: Session, person: User) -> None:
    assert "Add your mobile number" in client.get("/account").text
    confirmed(client, session, person, wanted="no")
    found = number_of(session, person)
    assert found is not None
    assert (found.number, found.wanted) == (NUMBER, False)
    page = client.get("/account").text
    assert "+250 788 123 001" in page
    post(client, "/account/phone/texts", {"wanted": "yes"})
    post(client, "/account/phone/texts", {"wanted": "yes"})
    assert "You get texts" in client.get("/account").text
    post(client, "/account/phone/remove")
    post(client, "/account/phone/remove")
    assert number_of(session, person) is None
    verbs = session.scalars(select(Entry.verb).order_by(Entry.id)).all()
    assert verbs == ["account.phone_confirmed", "account.texts_chosen", "account.phone_removed"]
    mails = session.scalars(select(Message).where(Message.user_id == person.id).order_by(Message.id)).all()
    assert [mail.template for mail in mails] == ["phone_added", "phone_removed"]
    assert NUMBER[4:] not in mails[0].body.replace(" ", "")


def test_the_log_has_the_last_digits_at_most_and_in_its_erasable_part(
    client: FlaskClient, session: Session, person: User
) -> None:
    confirmed(client, session, person)
    entry = session.scalars(select(Entry).where(Entry.verb == "account.phone_confirmed")).one()
    assert entry.detail == {"wanted": True}
    assert session.get_one(Personal, entry.id).detail == {"number": "+250 ••• 001"}


def test_a_wrong_code_is_told_at_the_field_and_five_end_it(client: FlaskClient, session: Session, person: User) -> None:
    post(client, "/account/phone", {"number": NUMBER})
    code = code_of(session, person)
    for _try in range(4):
        answer = post(client, "/account/phone/code", {"one_time_code": wrong(code), "wanted": "yes"})
        assert answer.status_code == 422
        assert "not the code we sent" in answer.text
    assert "last try" in post(client, "/account/phone/code", {"one_time_code": wrong(code), "wanted": "yes"}).text
    assert post(client, "/account/phone/code", {"one_time_code": code, "wanted": "yes"}).status_code == 422
    assert number_of(session, person) is None
    post(client, "/account/phone/again")
    answer = post(client, "/account/phone/code", {"one_time_code": code_of(session, person), "wanted": "yes"})
    assert answer.location == "/account"


def test_nothing_is_agreed_to_by_itself(client: FlaskClient, session: Session, person: User) -> None:
    post(client, "/account/phone", {"number": NUMBER})
    page = client.get("/account/phone/code").text
    assert "checked" not in page
    answer = post(client, "/account/phone/code", {"one_time_code": code_of(session, person)})
    assert answer.status_code == 422
    assert "Choose yes or no." in answer.text
    assert session.get_one(PhoneCode, person.id).tries == 0


@pytest.mark.parametrize("typed", ["", "12", "+33612345678", "0252 123 456", "x" * 40, "'; DROP TABLE users", "\x00"])
def test_what_is_no_number_is_kept_and_told(client: FlaskClient, person: User, provider: Told, typed: str) -> None:
    answer = post(client, "/account/phone", {"number": typed})
    assert answer.status_code == 422
    assert "<title>Error:" in answer.text
    assert 'href="#number"' in answer.text


def test_whose_number_it_is_makes_no_difference(client: FlaskClient, session: Session, person: User) -> None:
    with_phone(session, make_user(session))
    taken = post(client, "/account/phone", {"number": NUMBER})
    free = post(client, "/account/phone", {"number": "0788 123 555"})
    assert (taken.status_code, taken.location) == (free.status_code, free.location) == (303, "/account/phone/code")


def test_one_number_gets_few_codes_whoever_asks(
    client: FlaskClient, session: Session, sign_in: SignIn, person: User
) -> None:
    for turn in range(6):
        sign_in(make_user(session))
        answer = post(client, "/account/phone", {"number": NUMBER})
        assert answer.status_code == (303 if turn < 5 else 429)
    assert len(session.scalars(select(TextMessage)).all()) == 5


def test_one_person_gets_few_codes_for_whatever_number(client: FlaskClient, session: Session, person: User) -> None:
    for turn in range(6):
        answer = post(client, "/account/phone", {"number": f"078812300{turn}"})
        assert answer.status_code == (303 if turn < 5 else 429)


def test_nobody_makes_the_portal_pay_for_texts_without_end(
    client: FlaskClient, session: Session, sign_in: SignIn, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(clock.now(), tick=False) as day:
        for turn in range(12):
            day.shift(timedelta(minutes=61))
            sign_in(person)
            answer = post(client, "/account/phone", {"number": "0788123001"})
            assert answer.status_code == (303 if turn < 10 else 429)
    monkeypatch.setattr(phone, "CODES_IN_ALL", 11)
    for turn in range(2):
        sign_in(make_user(session))
        assert post(client, "/account/phone", {"number": f"078812340{turn}"}).status_code == (429 if turn else 303)
    assert len(session.scalars(select(TextMessage)).all()) == 11


def test_a_second_click_on_confirm_is_no_wrong_code(
    client: FlaskClient, session: Session, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client, "/account/phone", {"number": NUMBER})
    code = code_of(session, person)
    confirm = phones.confirm

    def quicker(session: Session, user_id: int, typed: str, *, wanted: bool) -> PhoneNumber | None:
        confirm(session, user_id, typed, wanted=wanted)  # the other click's
        return confirm(session, user_id, typed, wanted=wanted)

    monkeypatch.setattr(phones, "confirm", quicker)
    assert post(client, "/account/phone/code", {"one_time_code": code, "wanted": "yes"}).location == "/account"


def test_a_late_code_says_so_also_to_who_has_a_number(client: FlaskClient, session: Session, person: User) -> None:
    with_phone(session, person, "+250788123555")
    post(client, "/account/phone", {"number": NUMBER})
    session.get_one(PhoneCode, person.id).expires_at = clock.now()
    session.commit()
    answer = post(client, "/account/phone/code", {"one_time_code": code_of(session, person), "wanted": "yes"})
    assert answer.location == "/account/phone"
    assert "The code has run out." in client.get("/account/phone").text


def test_the_old_number_stays_until_the_new_one_is_confirmed(
    client: FlaskClient, session: Session, person: User
) -> None:
    confirmed(client, session, person)
    post(client, "/account/phone", {"number": "0788 123 555"})
    found = number_of(session, person)
    assert found is not None
    assert found.number == NUMBER
    assert post(client, "/account/phone", {"number": NUMBER}).status_code == 422


def test_a_stopped_number_says_why_and_can_be_confirmed_again(
    client: FlaskClient, session: Session, person: User
) -> None:
    row = with_phone(session, person)
    row.stopped_at, row.stopped_reason = clock.now(), "refuses_texts"
    session.commit()
    assert "does not take texts from us" in client.get("/account").text
    confirmed(client, session, person)
    found = number_of(session, person)
    assert found is not None
    assert found.stopped_at is None


def test_without_a_provider_nothing_is_offered(client: FlaskClient, session: Session, person: User) -> None:
    with using(None):
        assert "mobile number" not in client.get("/account").text
        assert all(client.get(path).status_code == 404 for path in PATHS)
        assert post(client, "/account/phone/remove").status_code == 404


def test_a_token_is_needed(client: FlaskClient, session: Session, person: User) -> None:
    for path in (*PATHS, "/account/phone/again", "/account/phone/texts", "/account/phone/remove"):
        answer = client.post(path, data={"number": NUMBER, "wanted": "yes"})
        assert answer.location != "/account/phone/code"
    assert session.scalars(select(TextMessage)).all() == []


# --- the link in a text -----------------------------------------------------------------------------------------------


def test_the_short_link_leads_through_the_door_to_the_case(
    client: FlaskClient, session: Session, sign_in: SignIn
) -> None:
    owner = make_user(session)
    case = cases.submitted(session, cases.acting(session, owner))
    session.commit()
    short = f"/c/{case.reference}"
    assert client.get(short).location.endswith(f"/sign-in?next=/c/{case.reference}")
    sign_in(owner)
    assert client.get(short.lower()).location == f"/cases/{case.reference}"
    assert case.reference in client.get(short, follow_redirects=True).text
    sign_in(make_user(session, role="clerk", agencies=["RDB"]))
    assert client.get(short).location == f"/desk/{case.reference}"
    sign_in(make_user(session, role="auditor"))
    assert client.get(short).location == f"/audit/{case.reference}"


def test_the_short_link_says_nothing_about_what_exists(client: FlaskClient, session: Session, sign_in: SignIn) -> None:
    theirs = cases.submitted(session, cases.acting(session, make_user(session)))
    sign_in(make_user(session))
    here, there = client.get(f"/c/{theirs.reference}"), client.get(f"/c/{theirs.reference}", follow_redirects=True)
    assert (here.status_code, there.status_code) == (303, 404)
    for nonsense in ("x", "RDB-2026-00001-A", "..%2f..%2fadmin", "%0d%0aLocation:x", "//evil.example"):
        assert client.get(f"/c/{nonsense}").status_code in (404, 308)


# --- what providers report --------------------------------------------------------------------------------------------


def sent(session: Session, person: User) -> TextMessage:
    with_phone(session, person)
    notifications.send(session, user_id=person.id, template="case_approved", values={"reference": "A-2026-00001-K"})
    text = session.scalars(select(TextMessage)).one()
    text.state, text.sent_at, text.provider, text.provider_id = "sent", clock.now(), "africastalking", "ATXid_1"
    session.commit()
    return text


REPORT = {"id": "ATXid_1", "status": "Success", "phoneNumber": NUMBER}


def test_a_report_at_the_right_address_is_taken_in(client: FlaskClient, session: Session, person: User) -> None:
    text = sent(session, person)
    assert client.post(callbacks.path("sms", "africastalking"), data=REPORT).status_code == 200
    session.refresh(text)
    assert text.state == "delivered"
    message = session.scalars(select(Message)).one()
    page = client.get(f"/messages/{message.id}").text
    assert "+250 ••• 001" in page
    assert "Delivered" in page


def test_who_does_not_know_the_address_meets_nothing(client: FlaskClient, session: Session, person: User) -> None:
    text = sent(session, person)
    right = callbacks.path("sms", "africastalking")
    for path in (right[:-1] + ("0" if right[-1] != "0" else "1"), callbacks.path("sms", "infobip"),
                 "/callbacks/sms/africastalking/" + "é" * 20):  # fmt: skip
        assert client.post(path, data=REPORT).status_code == 404
    assert client.get(right).status_code == 405
    session.refresh(text)
    assert text.state == "sent"


BODIES = (b"", b"\xff\xfe", b"[]", b"{", b'{"results": [{"messageId": "x"}]}', b"[" * 5000, b"[" * 600_000)


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_hostile_reports_are_harmless(client: FlaskClient, provider: Told, kind: str) -> None:
    for code, tells in (("africastalking", False), ("infobip", True)):
        provider.code, provider.tells = code, tells
        answers = [client.post(callbacks.path("sms", code), data=body, content_type=kind) for body in BODIES]
        assert {answer.status_code for answer in answers} <= {200, 400, 413}


# --- who runs the portal ----------------------------------------------------------------------------------------------


def test_given_up_texts_are_among_the_failures_with_the_number_masked(
    client: FlaskClient, session: Session, person: User, sign_in: SignIn
) -> None:
    text = sent(session, person)
    text.state, text.reason, text.ended_at, text.given_up = "failed", "no_credit", clock.now(), True
    session.commit()
    sign_in(make_user(session, role="administrator"))
    page = client.get("/admin/failures").text
    assert "1 text could not be sent" in page
    assert "The account with the provider of texts is empty." in page
    assert "+250 ••• 001" in page
    assert NUMBER not in page
    for _click in range(2):
        assert post(client, f"/admin/failures/texts/{text.id}/retry").status_code == 303
    session.refresh(text)
    assert (text.state, text.given_up) == ("queued", False)
    assert len(session.scalars(select(Entry).where(Entry.verb == "failure.text_retried")).all()) == 1


# --- the demonstration ------------------------------------------------------------------------------------------------


def test_the_telephone_is_in_the_demonstration_only(
    app: Flask, client: FlaskClient, session: Session, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(session, person)
    assert client.get("/demo/phone").status_code == 404
    settings: Settings = app.config["KIBALI"]
    monkeypatch.setitem(app.config, "KIBALI", Settings(**{**settings.__dict__, "mode": "demo"}))
    with counted(session) as statements:
        page = client.get("/demo/phone").text
    assert "A-2026-00001-K" in page
    assert "+250 788 123 001" in page
    assert len(statements) <= 8
