"""Administration of people and API clients."""

import re

import pytest
from sqlalchemy import select

from app.audit.models import Entry
from app.core import identifiers
from app.identity import clients, people
from app.identity.actor import Role
from app.identity.models import ApiClient
from app.jurisdictions import load
from app.notifications.models import Message
from tests.factories.people import PASSWORD, make_user
from tests.web.conftest import post

CHANNEL = load.configure("RW").channels[0].code
AGENCIES = [agency.code for agency in load.configure("RW").agencies]


@pytest.fixture
def admin(session, sign_in):
    user = make_user(session, role=Role.ADMINISTRATOR)
    sign_in(user)
    return user


def verbs(session):
    return session.execute(select(Entry.verb).order_by(Entry.id)).scalars().all()


def test_adding_an_official_who_chooses_a_password(app, client, session, admin):
    fields = {"name": "Claire Official", "email": "claire@gov.example", "role": "clerk"}
    assert "Choose at least one agency" in post(client, "/admin/users/new", fields).text
    added = post(client, "/admin/users/new", fields | {"agencies": AGENCIES[:2]})
    user = people.by_email(session, "claire@gov.example")
    assert added.location == f"/admin/users/{user.id}"
    assert list(people.agencies_of(session, user.id)) == sorted(AGENCIES[:2])
    body = session.execute(select(Message.body).where(Message.email == user.email)).scalar_one()
    link = re.search(r"http://localhost(/password-reset/\S+)", body).group(1)
    browser = app.test_client()
    assert post(browser, link, {"password": PASSWORD}).location == "/sign-in"
    answer = post(browser, "/sign-in", {"email": user.email, "password": PASSWORD})
    assert answer.location == "/account/second-factor"
    assert "user.created" in verbs(session)
    assert post(client, "/admin/users/new", fields | {"agencies": AGENCIES[:1]}).status_code == 422


def test_changing_rights_signs_the_person_out_at_once(app, client, session, sign_in, admin):
    clerk = make_user(session, role=Role.CLERK, agencies=AGENCIES[:1])
    browser = sign_in(clerk, browser=app.test_client())
    url = f"/admin/users/{clerk.id}"
    assert post(client, url, {"role": "clerk", "agencies": AGENCIES[:1]}).status_code == 303
    assert browser.get("/account").status_code == 200, "nothing changed"
    assert post(client, url, {"role": "supervisor", "agencies": AGENCIES[:1]}).status_code == 303
    assert browser.get("/account").status_code == 303
    entry = session.execute(select(Entry).where(Entry.verb == "user.rights_changed")).scalar_one()
    assert entry.detail["role"] == ["clerk", "supervisor"]
    assert entry.actor_id == admin.id


def test_disabling_and_enabling(app, client, session, sign_in, admin):
    person = make_user(session)
    browser = sign_in(person, browser=app.test_client())
    post(client, f"/admin/users/{person.id}/disable")
    assert browser.get("/account").status_code == 303
    assert post(browser, "/sign-in", {"email": person.email, "password": PASSWORD}).status_code == 422
    post(client, f"/admin/users/{person.id}/enable")
    assert post(browser, "/sign-in", {"email": person.email, "password": PASSWORD}).status_code == 303
    assert {"user.disabled", "user.enabled"} <= set(verbs(session))


def test_resetting_the_second_factor(app, client, session, sign_in, admin):
    person = make_user(session, role=Role.AUDITOR)
    browser = sign_in(person, browser=app.test_client())
    post(client, f"/admin/users/{person.id}/reset-second-factor")
    assert browser.get("/account").status_code == 303
    answer = post(browser, "/sign-in", {"email": person.email, "password": PASSWORD})
    assert answer.location == "/account/second-factor"


def test_nobody_changes_their_own_rights(client, session, admin):
    make_user(session, role=Role.ADMINISTRATOR)
    assert post(client, f"/admin/users/{admin.id}", {"role": "auditor"}).status_code == 403
    for action in ("disable", "reset-second-factor"):
        assert post(client, f"/admin/users/{admin.id}/{action}").status_code == 403
    assert client.get("/admin").status_code == 200


def test_unknown_people_and_actions_are_missing(client, session, admin):
    person = make_user(session)
    assert client.get("/admin/users/999999999").status_code == 404
    assert post(client, f"/admin/users/{person.id}/explode").status_code == 404
    assert post(client, f"/admin/users/{person.id}/welcome").status_code == 404, "they have a password"


def test_finding_people(client, session, admin):
    make_user(session, role=Role.CLERK, agencies=[AGENCIES[0]], name="Zéphyrin Wanted")
    make_user(session, name="100% Other_Person")
    found = client.get("/admin?q=wanted zéph").text
    assert "Zéphyrin Wanted" in found
    assert "Other_Person" not in found
    assert "Zéphyrin" in client.get(f"/admin?agency={AGENCIES[0]}&role=clerk").text
    assert "Other_Person" in client.get("/admin?q=100%25").text
    assert "Nobody found" in client.get("/admin?q=1_0").text


def test_the_list_is_paged_by_key(client, session, admin, monkeypatch):
    from app.identity import directory

    monkeypatch.setattr(directory, "PAGE", 2)
    made = [make_user(session, name=f"Paged {number}") for number in range(5)]
    url, seen = "/admin?q=Paged", []
    while url:
        text = client.get(url).text
        seen += re.findall(r"<bdi>(Paged \d)</bdi>", text)
        more = re.search(r'rel="next" href="([^"]+)"', text)
        url = more.group(1).replace("&amp;", "&") if more else None
    assert seen == [user.name for user in reversed(made)]


def test_an_api_clients_secret_is_shown_once_and_kept_as_a_digest(client, session, admin):
    fields = {"name": "Alibaba", "channel": CHANNEL, "contact": "tech@alibaba.example", "scopes": ["permits:read"]}
    assert post(client, "/admin/api-clients", fields | {"scopes": ["everything"]}).status_code == 422
    shown = post(client, "/admin/api-clients", fields)
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    row = session.execute(select(ApiClient)).scalar_one()
    secret = next(
        text
        for text in re.findall(r'class="ref">([^<]+)<', shown.text)
        if identifiers.digest(text) == row.secret_digest
    )
    listed = client.get("/admin/api-clients").text
    assert row.client_id in listed
    assert secret not in listed
    renewed = post(client, f"/admin/api-clients/{row.client_id}/renew-secret").text
    assert secret not in renewed
    assert clients.get(session, row.client_id).secret_digest != identifiers.digest(secret)
    post(client, f"/admin/api-clients/{row.client_id}/disable")
    assert clients.get(session, row.client_id).disabled_at is not None
    assert [verb for verb in verbs(session) if verb.startswith("api_client")] == [
        "api_client.created",
        "api_client.secret_renewed",
        "api_client.disabled",
    ]
