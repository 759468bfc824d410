"""One's own account: sessions, password, language."""

import pytest
from sqlalchemy import select

from app.audit.models import Entry
from app.identity import memberships, sessions
from app.identity.actor import MembershipRole
from app.identity.models import ParkedForm, User
from forms import accounts
from forms.base import BaseForm
from forms.fields import PasswordField
from tests.factories.businesses import make_business
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
    assert post(client, "/account/password", {"current_password": "wrong wrong", "password": NEW}).status_code == 422
    assert post(client, "/account/password", {"current_password": PASSWORD, "password": PASSWORD}).status_code == 422
    assert other.get("/account").status_code == 200
    assert post(client, "/account/password", {"current_password": PASSWORD, "password": NEW}).location == "/account"
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


def test_on_a_new_browser_the_accounts_language_is_spoken(client, session, sign_in):
    user = make_user(session, locale="fr_RW")
    assert '<html lang="en"' in client.get("/help", headers={"Accept-Language": "en"}).text
    sign_in(user)
    assert '<html lang="fr"' in client.get("/account", headers={"Accept-Language": "en"}).text
    assert '<html lang="en"' in client.get("/account?lang=en", headers={"Accept-Language": "fr"}).text


def test_an_agent_leaves_a_business_and_nobody_else_by_that_door(client, session, sign_in):
    owner, agent = make_user(session), make_user(session)
    business = make_business(session, owner=owner)
    memberships.add(session, agent.id, business.id, MembershipRole.AGENT)
    sign_in(agent)
    assert "/account/business/leave" in client.get("/account").text
    left = post(client, "/account/business/leave", {"business": business.id})
    assert left.location == "/account"
    assert memberships.businesses_of(session, agent.id) == {}
    entry = session.execute(select(Entry).where(Entry.verb == "member.removed")).scalar_one()
    assert (entry.business_id, entry.detail) == (business.id, {"user": agent.id, "role": "agent"})
    sign_in(owner)
    assert "/account/business/leave" not in client.get("/account").text
    for chosen in (business.id, 999_999_999, "x", ""):
        assert post(client, "/account/business/leave", {"business": chosen}).status_code == 404
    assert memberships.businesses_of(session, owner.id) == {business.id: MembershipRole.OWNER}


def test_no_password_is_kept_with_a_form_whose_session_ended(client, session, sign_in):
    user = make_user(session)
    sign_in(user)
    sessions.end_all(session, user.id)
    session.commit()
    typed = {"email": "new@address.example", "current_password": PASSWORD, "password": NEW}
    for page in ("/account/password", "/account/email"):
        assert "/sign-in" in post(client, page, typed).location
    kept = session.execute(select(ParkedForm.fields)).scalars().all()
    assert kept == [[["email", "new@address.example"]]] * 2


def test_every_field_for_a_password_is_named_so_that_it_is_never_kept():
    named = [
        (form.__name__, name)
        for form in vars(accounts).values()
        if isinstance(form, type) and issubclass(form, BaseForm)
        for name in dir(form)
        if getattr(getattr(form, name), "field_class", None) is PasswordField
    ]
    assert len(named) >= 5
    assert [field for field in named if "password" not in field[1]] == []


def test_the_nightly_housekeeping_is_a_task_of_the_queue(app, session):
    from app.jobs import queue
    from app.web.accounts import tasks

    assert queue.tasks["accounts.forget_expired"].handler is tasks.forget_expired
    assert "accounts.forget_expired" in [periodic.name for periodic in queue.periodics]
    queue.enqueue(session, "accounts.forget_expired")
    assert queue.run_pending(session) == 1
