"""Attacks on accounts that the everyday tests of signing in and up do not think of."""

import re
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.identity import credentials, links, people, signin
from app.identity.actor import Role
from app.notifications.models import Message
from tests.factories.people import PASSWORD, make_user
from tests.web.conftest import SignIn, csrf_token, post

NEW = "quite another password"


def _mails(session: Session, email: str) -> list[Message]:
    return list(session.scalars(select(Message).where(Message.email == email).order_by(Message.id)))


def _reset_link(client: FlaskClient, session: Session, email: str) -> str:
    post(client, "/password-reset", {"email": email})
    found = re.search(r"http://localhost(/password-reset/\S+)", _mails(session, email)[-1].body)
    assert found is not None
    return found.group(1)


def test_a_stranger_cannot_name_an_official_who_has_not_come_yet(client: FlaskClient, session: Session) -> None:
    """The account an administrator made is unconfirmed too; it must not be taken for one nobody owns."""
    clerk = people.create_user(
        session, email="clerk@gov.example", name="Jean Habimana", password=None, role=Role.CLERK, locale="en_RW",
        agencies=["RDB"], verified=False,
    )  # fmt: skip
    welcome = links.make(session, clerk, "welcome")
    session.commit()
    answer = post(client, "/sign-up", {"name": "The Minister", "email": clerk.email, "password": PASSWORD})
    assert answer.location == "/sign-up/check-mail"
    session.expire_all()
    assert (clerk.name, clerk.password_hash) == ("Jean Habimana", None)
    assert client.get(f"/password-reset/{welcome}").status_code == 200, "the welcome link still works"
    assert post(client, "/sign-in", {"email": clerk.email, "password": PASSWORD}).status_code == 422


def test_a_new_password_ends_the_links_that_could_change_it_again(
    client: FlaskClient, session: Session, sign_in: SignIn, app: Flask
) -> None:
    """Whoever read the mailbox for a minute must not keep a key."""
    user = make_user(session)
    link = _reset_link(client, session, user.email)
    owner = sign_in(user, browser=app.test_client())
    changed = post(owner, "/account/password", {"current_password": PASSWORD, "password": NEW})
    assert changed.status_code == 303
    assert client.get(link).status_code == 404
    assert post(client, link, {"password": "the thief's own password"}).status_code == 404


def test_a_password_too_weak_does_not_use_the_link_up(client: FlaskClient, session: Session) -> None:
    user = make_user(session)
    link = _reset_link(client, session, user.email)
    assert post(client, link, {"password": "short"}).status_code == 422
    assert post(client, link, {"password": NEW}).status_code == 303
    assert client.get(link).status_code == 404


def test_our_mails_do_not_carry_a_strangers_words_to_someone_elses_address(
    client: FlaskClient, session: Session
) -> None:
    lure = "Win a prize at evil.example"
    post(client, "/sign-up", {"name": lure, "email": "victim@test.example", "password": PASSWORD})
    post(client, "/password-reset", {"email": "victim@test.example"})
    post(client, "/sign-in", {"email": "victim@test.example", "password": PASSWORD})
    told = _mails(session, "victim@test.example")
    assert {mail.template for mail in told} == {"verify_email", "reset_password"}
    assert all(lure not in mail.body + mail.subject for mail in told)


def test_a_name_with_line_breaks_makes_no_header(client: FlaskClient, session: Session) -> None:
    name = "Aline\r\nBcc: everyone@test.example\r\n\r\nHello"
    post(client, "/sign-up", {"name": name, "email": "aline@test.example", "password": PASSWORD})
    user = people.by_email(session, "aline@test.example")
    assert user is not None
    assert user.name == "Aline Bcc: everyone@test.example Hello"


@pytest.mark.parametrize("spelled", ["VICTIM@test.example", " victim@TEST.example ", "victim@test.example\u200b"])
def test_another_spelling_of_the_address_is_no_new_bucket(client: FlaskClient, session: Session, spelled: str) -> None:
    make_user(session, email="victim@test.example")
    session.commit()
    for _ in range(signin.PASSWORD_ATTEMPTS):
        post(client, "/sign-in", {"email": "victim@test.example", "password": "wrong wrong wrong"})
    answer = post(client, "/sign-in", {"email": spelled, "password": PASSWORD})
    assert answer.status_code == 429


def test_a_header_does_not_change_the_address_attempts_are_counted_by(client: FlaskClient, session: Session) -> None:
    """No proxy is trusted here, so who sends X-Forwarded-For is still who they are."""
    answers = []
    for number in range(signin.ADDRESS_FAILURES + 1):
        answers.append(
            post(
                client,
                "/sign-in",
                {"email": f"nobody{number}@test.example", "password": "wrong wrong wrong"},
                headers={"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"},
            ).status_code
        )
    assert answers == [422] * signin.ADDRESS_FAILURES + [429]


@pytest.mark.parametrize(
    ("path", "status"), [("/verify/RW-GUESSED-2026-00001-K", 404), ("/track?reference=BR-2026-00001-Q", 404)]
)
def test_guessing_numbers_is_limited_for_a_whole_ipv6_network(client: FlaskClient, path: str, status: int) -> None:
    """One customer has 2⁶⁴ addresses."""
    answers = [
        client.get(path, environ_overrides={"REMOTE_ADDR": f"2001:db8:0:1::{number:x}"}).status_code
        for number in range(1, 32)
    ]
    assert answers == [status] * 30 + [429]
    assert client.get(path, environ_overrides={"REMOTE_ADDR": "2001:db8:0:2::1"}).status_code == status


def _session_cookie(answer: TestResponse) -> str:
    return next((each for each in answer.headers.getlist("Set-Cookie") if each.startswith("kibali=")), "")


def test_a_session_given_to_a_victim_is_not_theirs(app: Flask, client: FlaskClient, session: Session) -> None:
    """Fixation: the attacker plants an own cookie; after signing in, it opens nothing."""
    attacker = app.test_client()
    attacker.get("/sign-in")
    csrf_token(attacker)
    planted = attacker.get_cookie("kibali")
    assert planted is not None
    client.set_cookie("kibali", planted.value)
    user = make_user(session)
    answer = post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    assert "HttpOnly" in _session_cookie(answer)
    assert "SameSite=Lax" in _session_cookie(answer)
    assert client.get("/account").status_code == 200
    assert attacker.get("/account").status_code == 303


def test_the_cookie_from_before_the_second_factor_opens_nothing_after_it(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    from tests.factories.people import totp_code

    clerk = make_user(session, role=Role.CLERK, agencies=["RDB"])
    post(client, "/sign-in", {"email": clerk.email, "password": PASSWORD})
    before = client.get_cookie("kibali")
    assert before is not None
    post(client, "/sign-in/code", {"one_time_code": totp_code()})
    assert client.get("/desk").status_code == 200
    thief = app.test_client()
    thief.set_cookie("kibali", before.value)
    assert "/sign-in" in thief.get("/desk").headers["Location"]


@pytest.mark.parametrize("address", ["/sign-in", "/sign-out", "/sign-up", "/password-reset", "/account/business"])
def test_no_form_passes_without_its_token(client: FlaskClient, session: Session, sign_in: SignIn, address: str) -> None:
    user = make_user(session)
    sign_in(user)
    fields = {"email": user.email, "password": PASSWORD, "name": "Any Body", "business": "1"}
    answer = client.post(address, data=fields, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 400
    assert client.get("/account").status_code == 200, "still signed in"


TARGETS = (
    "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example",
    "\x00//evil.example", "////evil.example", "https:evil.example", "/%0d%0aSet-Cookie:x=y", " //evil.example",
)  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_no_way_leads_out(client: FlaskClient, session: Session, sign_in: SignIn, target: str) -> None:
    user = make_user(session)
    answer = post(client, "/sign-in", {"email": user.email, "password": PASSWORD}, query_string={"next": target})
    sign_in(user)
    again = client.get("/sign-in", query_string={"next": target})
    for each in (answer, again):
        leads = urlsplit(each.headers["Location"])
        assert (leads.scheme, leads.netloc) == ("", "")
        assert not each.headers["Location"].startswith(("//", "/\\"))
        assert "\r" not in each.headers["Location"]


def test_a_disabled_person_gets_no_link_and_a_link_of_before_is_dead(client: FlaskClient, session: Session) -> None:
    from tests.factories.cases import acting

    user = make_user(session)
    link = _reset_link(client, session, user.email)
    credentials.disable(session, acting(session, make_user(session, role=Role.ADMINISTRATOR)), user)
    session.commit()
    assert client.get(link).status_code == 404
    count = len(_mails(session, user.email))
    assert post(client, "/password-reset", {"email": user.email}).location == "/password-reset/sent"
    assert len(_mails(session, user.email)) == count
