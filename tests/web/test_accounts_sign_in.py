"""Signing in and out, the second factor, lock-out, and what a stranger can learn (nothing)."""

import pyotp
import pytest
from sqlalchemy import func, select

from app.audit.models import Entry
from app.core import clock
from app.identity import limits, people, second_factor, sessions, signin
from app.identity.actor import Role
from app.identity.models import UserSession
from app.notifications.models import Message
from tests.factories.people import PASSWORD, TOTP_SECRET, make_user, totp_code
from tests.web.conftest import post


def verbs_of(session, user):
    return session.execute(select(Entry.verb).where(Entry.actor_id == user.id).order_by(Entry.id)).scalars().all()


def test_right_password_opens_a_session_and_sign_out_ends_it(client, session):
    user = make_user(session)
    answer = post(client, "/sign-in", {"email": user.email.upper(), "password": PASSWORD})
    assert answer.status_code == 303
    assert answer.location == "/"
    assert client.get("/account").status_code == 200
    copied = client.get_cookie("kibali").value
    post(client, "/sign-out")
    assert client.get("/account").location == "/sign-in?next=/account"
    client.set_cookie("kibali", copied)
    assert client.get("/account").status_code == 303, "a copied cookie must not outlive signing out"
    assert verbs_of(session, user) == ["account.signed_in", "account.signed_out"]


def test_the_token_is_new_at_each_sign_in(client, session):
    user = make_user(session)
    post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    with client.session_transaction() as cookie:
        first, first_csrf = cookie["_user_id"], cookie.get("csrf_token")
    client.get("/account")
    post(client, "/sign-out")
    post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    client.get("/account")
    with client.session_transaction() as cookie:
        assert cookie["_user_id"] != first
        assert cookie.get("csrf_token") != first_csrf
    assert people.actor_by_token(session, first) is None


def test_only_a_digest_of_the_token_is_stored(client, session):
    user = make_user(session)
    post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    with client.session_transaction() as cookie:
        token = cookie["_user_id"]
    row = session.execute(select(UserSession).where(UserSession.user_id == user.id)).scalar_one()
    assert token not in vars(row).values()


def page_without_tokens(answer, email):
    import re

    text = re.sub(r'value="[^"]*"', "", answer.text)
    return text.replace(email, "EMAIL")


def test_wrong_password_and_unknown_address_look_the_same(client, session):
    user = make_user(session)
    disabled = make_user(session)
    disabled.disabled_at = clock.now()
    session.flush()
    pages = [
        post(client, "/sign-in", {"email": email, "password": password})
        for email, password in [
            (user.email, "not the password"),
            ("nobody@test.example", "not the password"),
            (disabled.email, PASSWORD),
        ]
    ]
    assert [page.status_code for page in pages] == [422, 422, 422]
    texts = {
        page_without_tokens(page, email)
        for page, email in zip(pages, [user.email, "nobody@test.example", disabled.email], strict=True)
    }
    assert len(texts) == 1
    assert "The e-mail address or the password is wrong" in pages[0].text
    assert "<title>Error:" in pages[0].text


def test_an_unknown_address_costs_a_hash_too(session, monkeypatch):
    from app.identity import passwords

    seen = []
    real = passwords._hasher.verify
    monkeypatch.setattr(
        passwords, "_hasher", type("Spy", (), {"verify": lambda self, *a: seen.append(a) or real(*a)})(), raising=True
    )
    assert not passwords.verify(make_user_hash := None, "anything")
    assert make_user_hash is None
    assert len(seen) == 1


@pytest.mark.parametrize("email_exists", [True, False])
def test_lock_out_after_ten_attempts_for_real_and_unknown_addresses(client, session, email_exists):
    email = make_user(session).email if email_exists else "nobody@test.example"
    for _attempt in range(signin.PASSWORD_ATTEMPTS):
        assert post(client, "/sign-in", {"email": email, "password": "wrong wrong"}).status_code == 422
    locked = post(client, "/sign-in", {"email": email, "password": PASSWORD})
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) > 600
    assert "Too many attempts to sign in" in locked.text


def test_a_known_device_is_not_locked_out_by_an_attacker(app, client, session):
    user = make_user(session)
    post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    post(client, "/sign-out")
    attacker = app.test_client()
    for _attempt in range(signin.PASSWORD_ATTEMPTS + 1):
        last = post(attacker, "/sign-in", {"email": user.email, "password": "guess guess"})
    assert last.status_code == 429
    assert post(client, "/sign-in", {"email": user.email, "password": PASSWORD}).status_code == 303
    # ... and the victim's success does not give the attacker new attempts.
    assert post(attacker, "/sign-in", {"email": user.email, "password": "guess guess"}).status_code == 429


def test_a_known_device_of_someone_else_helps_nobody(app, client, session):
    mine, victim = make_user(session), make_user(session)
    post(client, "/sign-in", {"email": mine.email, "password": PASSWORD})
    post(client, "/sign-out")
    for _attempt in range(signin.PASSWORD_ATTEMPTS):
        post(client, "/sign-in", {"email": victim.email, "password": "guess guess"})
    assert post(client, "/sign-in", {"email": victim.email, "password": PASSWORD}).status_code == 429


def test_a_forged_device_cookie_is_no_device(app, client, session):
    user = make_user(session)
    post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    value = client.get_cookie("kibali_device").value
    post(client, "/sign-out")
    client.set_cookie("kibali_device", value[:-3] + "abc")
    for _attempt in range(signin.PASSWORD_ATTEMPTS):
        post(client, "/sign-in", {"email": user.email, "password": "guess guess"})
    assert post(client, "/sign-in", {"email": user.email, "password": PASSWORD}).status_code == 429


def test_success_is_not_counted_against_the_address(client, session):
    user = make_user(session)
    for _time in range(3):
        post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
        post(client, "/sign-out")
    limits.check("sign_in:ip:127.0.0.1", 1)


def test_a_second_device_is_told_by_mail_the_first_is_not(app, client, session):
    user = make_user(session)
    templates = select(Message.template).where(Message.email == user.email)
    post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    post(client, "/sign-out")
    post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    assert session.execute(templates).scalars().all() == []
    post(app.test_client(), "/sign-in", {"email": user.email, "password": PASSWORD})
    assert session.execute(templates).scalars().all() == ["new_device"]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/%0d%0aevil: 1\r\nx",
        "javascript:alert(1)",
        "evil.example",
        "/\t/evil.example",
        "http:///evil.example",
    ],
)
def test_next_never_leads_elsewhere(client, session, target):
    user = make_user(session)
    answer = client.get("/sign-in", query_string={"next": target})
    assert answer.status_code == 200
    from tests.web.conftest import csrf_token

    answer = client.post(
        "/sign-in",
        query_string={"next": target},
        data={"email": user.email, "password": PASSWORD, "csrf_token": csrf_token(client)},
    )
    assert answer.location == "/"


def test_next_brings_back_to_the_page_asked_for(client, session):
    user = make_user(session)
    asked = client.get("/account/sessions?x=1&y=a%20b")
    assert asked.status_code == 303
    assert asked.location == "/sign-in?next=/account/sessions?x%3D1%26y%3Da%2520b"
    back = post(client, asked.location, {"email": user.email, "password": PASSWORD})
    assert back.location == "/account/sessions?x=1&y=a%20b"


def test_posting_without_a_csrf_token_is_refused(client, session):
    user = make_user(session)
    answer = client.post("/sign-in", data={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 400
    assert session.execute(select(func.count()).select_from(UserSession)).scalar_one() == 0


def test_an_unverified_person_gets_a_new_link_and_no_session(client, session):
    user = make_user(session, verified=False)
    answer = post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    assert answer.location == "/sign-up/check-mail"
    assert client.get("/account").status_code == 303
    assert session.execute(select(Message.template).where(Message.email == user.email)).scalars().all() == [
        "verify_email"
    ]


class TestSecondFactor:
    def enter(self, client, user):
        answer = post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
        assert answer.location == "/sign-in/code"

    def test_an_official_goes_nowhere_without_the_code(self, client, session):
        user = make_user(session, role=Role.ADMINISTRATOR)
        self.enter(client, user)
        assert client.get("/admin").location == "/sign-in/code?next=/admin"
        assert client.get("/account").location == "/sign-in/code?next=/account"
        assert client.get("/account/second-factor").location.startswith("/sign-in/code")
        assert client.get("/account/second-factor/picture.svg").status_code == 404
        with client.session_transaction() as cookie:
            before = cookie["_user_id"]
        answer = post(client, "/sign-in/code", {"one_time_code": totp_code()})
        assert answer.location == "/admin"
        assert client.get("/admin").status_code == 200
        assert people.actor_by_token(session, before) is None, "the token from before the code must be worthless"
        assert "account.second_factor_given" in verbs_of(session, user)

    def test_a_code_works_once(self, app, client, session):
        user = make_user(session, role=Role.AUDITOR)
        code = totp_code()
        self.enter(client, user)
        assert post(client, "/sign-in/code", {"one_time_code": code}).status_code == 303
        other = app.test_client()
        self.enter(other, user)
        again = post(other, "/sign-in/code", {"one_time_code": code})
        assert again.status_code == 422
        assert "account.second_factor_failed" in verbs_of(session, user)

    def test_codes_are_rate_limited(self, client, session):
        user = make_user(session, role=Role.CLERK, agencies=["rdb"])
        self.enter(client, user)
        for _attempt in range(signin.CODE_ATTEMPTS):
            assert post(client, "/sign-in/code", {"one_time_code": "000000"}).status_code == 422
        assert post(client, "/sign-in/code", {"one_time_code": totp_code()}).status_code == 429

    def test_a_recovery_code_works_once(self, app, client, session):
        user = make_user(session, role=Role.CLERK)
        codes = second_factor.renew_recovery_codes(session, user)
        self.enter(client, user)
        assert post(client, "/sign-in/code", {"one_time_code": codes[0].lower()}).status_code == 303
        assert second_factor.recovery_codes_left(session, user.id) == 9
        other = app.test_client()
        self.enter(other, user)
        assert post(other, "/sign-in/code", {"one_time_code": codes[0]}).status_code == 422
        assert post(other, "/sign-in/code", {"one_time_code": codes[1].replace("-", " ")}).status_code == 303

    def test_setting_it_up_at_the_first_sign_in(self, client, session):
        user = make_user(session, role=Role.SUPERVISOR, enrolled=False)
        answer = post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
        assert answer.location == "/account/second-factor"
        page = client.get("/account/second-factor")
        assert page.status_code == 200
        picture = client.get("/account/second-factor/picture.svg")
        assert picture.mimetype == "image/svg+xml"
        assert b"style" not in picture.data
        secret = second_factor.begin(session, user)
        assert secret not in (user.totp_pending or ""), "the secret is stored encrypted"
        assert post(client, "/account/second-factor", {"one_time_code": "123"}).status_code == 422
        now = int(clock.now().timestamp()) // 30
        done = post(client, "/account/second-factor", {"one_time_code": pyotp.TOTP(secret).generate_otp(now)})
        assert done.status_code == 200
        assert done.text.count('class="ref"') >= 10
        assert client.get("/account").status_code == 200
        assert client.get("/account/second-factor/picture.svg").status_code == 404

    def test_another_phone_replaces_the_first_only_after_its_code(self, sign_in, client, session):
        user = make_user(session, role=Role.AUDITOR)
        sign_in(user)
        client.get("/account/second-factor")
        assert second_factor.verify(session, user, totp_code()), "the old phone still works"
        secret = second_factor.begin(session, user)
        assert secret != TOTP_SECRET
        step = int(clock.now().timestamp()) // 30
        post(client, "/account/second-factor", {"one_time_code": pyotp.TOTP(secret).generate_otp(step)})
        assert not second_factor.verify(session, user, totp_code(1))


def test_disabling_ends_the_session_at_once(sign_in, client, session):
    user = make_user(session)
    sign_in(user)
    assert client.get("/account").status_code == 200
    user.disabled_at = clock.now()
    session.commit()
    assert client.get("/account").status_code == 303


def test_idle_and_absolute_end(sign_in, client, session, monkeypatch):
    user = make_user(session)
    sign_in(user)
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + sessions.IDLE)
    assert client.get("/account").status_code == 303
