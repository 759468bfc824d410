"""Creating an account and confirming the address; choosing a password by mail."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core import clock
from app.identity import people, sessions
from app.identity.actor import Role
from app.identity.models import User
from app.notifications.models import Message
from tests.factories.people import PASSWORD, make_user
from tests.web.conftest import post

NEW = "an even longer password"


def mails(session, email):
    return session.execute(select(Message).where(Message.email == email).order_by(Message.id)).scalars().all()


def link_in(message):
    return re.search(r"http://localhost(/\S+)", message.body).group(1)


def sign_up(client, email, *, name="Aline Uwase", password=PASSWORD, url="/sign-up"):
    return post(client, url, {"name": name, "email": email, "password": password})


def test_signing_up_confirming_and_being_in(client, session):
    answer = sign_up(client, "Aline@Test.example")
    assert answer.location == "/sign-up/check-mail"
    user = people.by_email(session, "aline@test.example")
    assert user.role == Role.ENTREPRENEUR
    assert user.verified_at is None
    assert user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    link = link_in(mails(session, user.email)[0])
    assert client.get(link).status_code == 200
    assert client.get("/account").status_code == 303, "opening the link alone signs nobody in"
    assert post(client, link, {"password": "not the password"}).status_code == 422
    assert post(client, link, {"password": PASSWORD}).location == "/"
    assert user.verified_at is not None
    assert client.get("/account").status_code == 200
    post(client, "/sign-out")
    assert client.get(link).status_code == 404, "a link works once"


def test_the_answer_is_the_same_for_an_address_that_has_an_account(client, session):
    taken = make_user(session)
    free, known = sign_up(client, "new@test.example"), sign_up(client, taken.email, password=NEW)
    assert (free.status_code, free.location) == (known.status_code, known.location)
    assert client.get(free.location).status_code == 200
    assert [mail.template for mail in mails(session, taken.email)] == ["already_registered"]
    assert post(client, "/sign-in", {"email": taken.email, "password": NEW}).status_code == 422


def test_a_stranger_cannot_prepare_an_account_for_someone_elses_address(client, session):
    """The stranger signs up first with the victim's address; the victim's own sign-up replaces the password, and
    without both the mail and the password nobody confirms."""
    sign_up(client, "victim@test.example", password="the stranger's password")
    first = link_in(mails(session, "victim@test.example")[0])
    sign_up(client, "victim@test.example", password=PASSWORD)
    second = link_in(mails(session, "victim@test.example")[1])
    assert client.get(first).status_code == 404
    assert post(client, second, {"password": "the stranger's password"}).status_code == 422
    assert post(client, second, {"password": PASSWORD}).status_code == 303


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "password123", "aline@test.example", "Aline Uwase"])
def test_weak_passwords_are_refused_and_the_rest_is_kept(client, session, password):
    answer = sign_up(client, "aline@test.example", password=password)
    assert answer.status_code == 422
    assert 'value="aline@test.example"' in answer.text
    assert f'value="{password}"' not in answer.text.replace('value="aline@test.example"', "").replace(
        'value="Aline Uwase"', ""
    )
    assert session.execute(select(User)).first() is None


def test_mail_to_one_address_is_limited_and_the_page_does_not_say_so(client, session):
    answers = {sign_up(client, "flood@test.example").location for _time in range(8)}
    assert answers == {"/sign-up/check-mail"}
    assert len(mails(session, "flood@test.example")) == 5


def test_a_link_ends_after_a_day(client, session, monkeypatch):
    sign_up(client, "late@test.example")
    link = link_in(mails(session, "late@test.example")[0])
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(hours=24, seconds=1))
    assert client.get(link).status_code == 404


def test_next_survives_the_mail(client, session):
    sign_up(client, "guest@test.example", url="/sign-up?next=/account/sessions")
    link = link_in(mails(session, "guest@test.example")[0])
    assert post(client, link, {"password": PASSWORD}).location == "/account/sessions"


class TestReset:
    def ask(self, client, email):
        return post(client, "/password-reset", {"email": email})

    def test_same_answer_for_everyone(self, client, session):
        user = make_user(session)
        answers = {
            (self.ask(client, email).status_code, self.ask(client, email).location)
            for email in (user.email, "nobody@test.example")
        }
        assert answers == {(303, "/password-reset/sent")}
        assert mails(session, "nobody@test.example") == []

    def test_a_new_password_ends_every_session_and_the_link(self, app, client, session, sign_in):
        user = make_user(session)
        elsewhere = sign_in(user, browser=app.test_client())
        self.ask(client, user.email)
        link = link_in(mails(session, user.email)[0])
        assert client.get(link).status_code == 200
        assert post(client, link, {"password": "short"}).status_code == 422
        assert post(client, link, {"password": NEW}).location == "/sign-in"
        assert elsewhere.get("/account").status_code == 303
        assert sessions.of_user(session, user.id) == []
        assert post(client, link, {"password": PASSWORD}).status_code == 404
        assert post(client, "/sign-in", {"email": user.email, "password": NEW}).status_code == 303
        assert [mail.template for mail in mails(session, user.email)] == ["reset_password", "password_changed"]

    def test_a_link_works_for_thirty_minutes(self, client, session, monkeypatch):
        user = make_user(session)
        self.ask(client, user.email)
        link = link_in(mails(session, user.email)[0])
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(minutes=29))
        assert client.get(link).status_code == 200
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(minutes=30, seconds=1))
        assert client.get(link).status_code == 404

    def test_a_newer_link_replaces_the_older(self, client, session):
        user = make_user(session)
        self.ask(client, user.email)
        self.ask(client, user.email)
        first, second = (link_in(mail) for mail in mails(session, user.email))
        assert client.get(first).status_code == 404
        assert client.get(second).status_code == 200

    def test_it_ends_a_lock_out(self, client, session):
        user = make_user(session)
        for _attempt in range(11):
            locked = post(client, "/sign-in", {"email": user.email, "password": "guess guess"})
        assert locked.status_code == 429
        self.ask(client, user.email)
        post(client, link_in(mails(session, user.email)[0]), {"password": NEW})
        assert post(client, "/sign-in", {"email": user.email, "password": NEW}).status_code == 303

    def test_an_official_still_needs_the_second_factor(self, client, session):
        user = make_user(session, role=Role.AUDITOR)
        self.ask(client, user.email)
        post(client, link_in(mails(session, user.email)[0]), {"password": NEW})
        answer = post(client, "/sign-in", {"email": user.email, "password": NEW})
        assert answer.location == "/sign-in/code"
