"""One's own details: name, language, and moving to another e-mail address."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.audit.models import Entry, Personal
from app.core import clock
from app.identity import links
from app.identity.actor import Role
from app.identity.models import Token, User
from app.notifications.models import Message
from tests.factories.people import PASSWORD, make_user
from tests.web.conftest import SignIn, post

NEW = "new@address.example"


@pytest.fixture
def person(session: Session, sign_in: SignIn) -> User:
    user = make_user(session, name="Aline Uwase", email="old@address.example")
    sign_in(user)
    return user


def ask(client: FlaskClient, email: str = NEW, password: str = PASSWORD) -> TestResponse:
    return post(client, "/account/email", {"email": email, "current_password": password})


def link(session: Session, email: str = NEW) -> str:
    body = session.scalars(select(Message.body).where(Message.email == email, Message.template == "new_address")).one()
    found = re.search(r"http://localhost(/account/email/\S+)", body)
    assert found
    return found.group(1)


def templates_to(session: Session, email: str) -> list[str]:
    return list(session.scalars(select(Message.template).where(Message.email == email).order_by(Message.id)))


def hidden(session: Session, found: Entry) -> Personal:
    """What the entry says about people, kept apart from it."""
    return session.get_one(Personal, found.id)


def entry(session: Session, verb: str) -> Entry:
    return session.scalars(select(Entry).where(Entry.verb == verb)).one()


def test_name_and_language_are_saved_and_recorded(client: FlaskClient, session: Session, person: User) -> None:
    page = client.get("/account/details").text
    assert 'value="Aline Uwase"' in page
    saved = post(client, "/account/details", {"name": "  Aline  Uwase Keza ", "language": "fr"})
    assert saved.location == "/account"
    session.refresh(person)
    assert (person.name, person.locale) == ("Aline Uwase Keza", "fr_RW")
    page = client.get("/account").text
    assert '<html lang="fr"' in page
    assert "Aline Uwase Keza" in page
    found = entry(session, "account.details_changed")
    assert found.detail == {"locale": ["en_RW", "fr_RW"]}
    assert hidden(session, found).detail == {"name": ["Aline Uwase", "Aline Uwase Keza"]}


def test_saving_without_a_change_records_nothing(client: FlaskClient, session: Session, person: User) -> None:
    post(client, "/account/details", {"name": person.name, "language": "en"})
    assert session.scalars(select(Entry).where(Entry.verb == "account.details_changed")).all() == []


@pytest.mark.parametrize("fields", [{"name": "", "language": "en"}, {"name": "A", "language": "xx"}])
def test_wrong_details_change_nothing(
    client: FlaskClient, session: Session, person: User, fields: dict[str, str]
) -> None:
    assert post(client, "/account/details", fields).status_code == 422
    session.refresh(person)
    assert (person.name, person.locale) == ("Aline Uwase", "en_RW")


def test_moving_to_another_address(
    app: Flask, client: FlaskClient, session: Session, sign_in: SignIn, person: User
) -> None:
    other = sign_in(person, browser=app.test_client())
    assert ask(client).location == "/account"
    session.refresh(person)
    assert person.email == "old@address.example"
    assert templates_to(session, "old@address.example") == ["address_asked"]
    assert session.scalars(select(Message.private).where(Message.email == NEW)).one()
    links.make(session, person, "reset_password")
    session.commit()

    address = link(session)
    assert NEW in client.get(address).text
    session.refresh(person)
    assert person.email == "old@address.example"  # a mail program that opens links changes nothing
    assert post(client, address).location == "/account"
    session.refresh(person)
    assert person.email == NEW
    assert templates_to(session, "old@address.example") == ["address_asked", "address_changed"]
    assert hidden(session, entry(session, "account.email_changed")).detail == {"email": ["old@address.example", NEW]}
    assert hidden(session, entry(session, "account.email_asked")).detail == {"email": NEW}
    assert session.scalars(select(Token).where(Token.user_id == person.id)).all() == []  # the old mailbox opens nothing
    assert other.get("/account").status_code == 303
    assert client.get("/account").status_code == 200
    assert post(client, address).status_code == 404
    assert post(app.test_client(), "/sign-in", {"email": NEW, "password": PASSWORD}).status_code == 303


def test_the_password_is_asked(client: FlaskClient, session: Session, person: User) -> None:
    refused = ask(client, password="not the password")
    assert refused.status_code == 422
    assert "This is not your current password." in refused.text
    assert NEW in refused.text
    assert templates_to(session, NEW) == []
    assert ask(client, email="OLD@address.example").status_code == 422


def test_a_link_is_worth_nothing_to_others_and_after_a_day(
    app: Flask, client: FlaskClient, session: Session, sign_in: SignIn, person: User
) -> None:
    """A mistyped address must not give the account to its reader."""
    ask(client)
    address = link(session)
    nobody = post(app.test_client(), address)
    assert "/sign-in" in nobody.location
    stranger = sign_in(make_user(session), browser=app.test_client())
    assert stranger.get(address).status_code == 404
    assert post(stranger, address).status_code == 404
    assert client.get(address[:-4] + "AAAA").status_code == 404
    with clock.at(clock.now() + timedelta(hours=25)):
        sign_in(person)
        assert post(client, address).status_code == 404
    session.refresh(person)
    assert person.email == "old@address.example"


def test_an_address_of_somebody_else_is_refused_only_to_who_reads_its_mail(
    client: FlaskClient, session: Session, person: User
) -> None:
    make_user(session, email=NEW)
    session.commit()
    assert ask(client).location == "/account"
    refused = post(client, link(session))
    assert refused.status_code == 422
    assert "Another account has this address." in refused.text
    session.refresh(person)
    assert person.email == "old@address.example"


def test_asking_is_limited(client: FlaskClient, person: User) -> None:
    answers = [ask(client, email=f"new{number}@address.example").status_code for number in range(6)]
    assert answers == [303] * 5 + [429]


def test_an_official_without_the_code_changes_nothing(client: FlaskClient, session: Session, sign_in: SignIn) -> None:
    sign_in(make_user(session, role=Role.CLERK, agencies=("RDB",)), second_factor=False)
    for page in ("/account/details", "/account/email", "/account/email/x"):
        assert "/sign-in/code" in client.get(page).location
