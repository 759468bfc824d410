"""One's own account: sessions, password, language."""

import pytest
from sqlalchemy import select

from app.identity.models import User
from tests.factories.people import PASSWORD, make_user
from tests.web.conftest import post

NEW = "an even longer password"
PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"


def test_the_list_of_devices_and_signing_one_out(app, client, session):
    user = make_user(session)
    post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    phone = app.test_client()
    post(phone, "/sign-in", {"email": user.email, "password": PASSWORD}, headers={"User-Agent": PHONE})
    page = client.get("/account/sessions").text
    assert "Chrome on Android" in page
    assert page.count("This device") == 1
    from app.identity.sessions import of_user

    own, other = sorted(of_user(session, user.id), key=lambda row: row.id)
    assert post(client, f"/account/sessions/{own.id}/end").status_code == 404
    assert post(client, f"/account/sessions/{other.id}/end").status_code == 303
    assert phone.get("/account").status_code == 303
    assert client.get("/account").status_code == 200


def test_another_persons_session_is_as_good_as_missing(app, client, session, sign_in):
    from app.identity.sessions import of_user

    victim = make_user(session)
    theirs = sign_in(victim, browser=app.test_client())
    sign_in(make_user(session))
    answers = [
        post(client, f"/account/sessions/{number}/end") for number in (of_user(session, victim.id)[0].id, 999_999_999)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert theirs.get("/account").status_code == 200


def test_sign_out_everywhere_else(app, client, session, sign_in):
    user = make_user(session)
    others = [sign_in(user, browser=app.test_client()) for _number in range(3)]
    sign_in(user)
    post(client, "/account/sessions/end-all")
    assert [other.get("/account").status_code for other in others] == [303, 303, 303]
    assert client.get("/account").status_code == 200


def test_a_new_password_ends_the_other_sessions_at_once_and_renews_this_one(app, client, session, sign_in):
    user = make_user(session)
    other = sign_in(user, browser=app.test_client())
    sign_in(user)
    with client.session_transaction() as cookie:
        before = cookie["_user_id"]
    assert post(client, "/account/password", {"current": "wrong wrong", "password": NEW}).status_code == 422
    assert post(client, "/account/password", {"current": PASSWORD, "password": PASSWORD}).status_code == 422
    assert other.get("/account").status_code == 200
    assert post(client, "/account/password", {"current": PASSWORD, "password": NEW}).location == "/account"
    assert other.get("/account").status_code == 303
    assert client.get("/account").status_code == 200
    with client.session_transaction() as cookie:
        assert cookie["_user_id"] != before
    assert post(other, "/sign-in", {"email": user.email, "password": NEW}).status_code == 303


@pytest.mark.parametrize(("header", "html"), [("fr-FR,fr;q=0.9", 'lang="fr"'), ("de", 'lang="en"'), ("", 'lang="en"')])
def test_the_browsers_language_is_respected(client, header, html):
    assert f"<html {html}" in client.get("/sign-in", headers={"Accept-Language": header}).text


def test_a_chosen_language_is_remembered_by_browser_and_account(client, session, sign_in):
    user = make_user(session)
    sign_in(user)
    assert '<html lang="fr"' in client.get("/account?lang=fr").text
    assert '<html lang="fr"' in client.get("/account", headers={"Accept-Language": "en"}).text
    assert session.execute(select(User.locale).where(User.id == user.id)).scalar_one() == "fr_RW"
    assert '<html lang="fr"' in client.get("/account?lang=xx").text


def test_the_nightly_housekeeping_is_a_task_of_the_queue(app, session):
    from app.jobs import queue
    from app.web.accounts import tasks

    assert queue.tasks["accounts.forget_expired"].handler is tasks.forget_expired
    assert "accounts.forget_expired" in [periodic.name for periodic in queue.periodics]
    queue.enqueue(session, "accounts.forget_expired")
    assert queue.run_pending(session) == 1
