"""The door of every page: deny by default, headers, and forms that survive the end of a session."""

import logging
from datetime import timedelta

import pytest
from flask import Blueprint, Flask, request
from sqlalchemy import select, text

from app.core import clock
from app.identity import parking
from app.identity.actor import Role
from app.identity.models import ParkedForm
from app.identity.policy import Permission
from app.web import guards, hooks
from app.web.guards import requires
from tests.factories.people import PASSWORD, make_user
from tests.web.conftest import post, settings_for, share

probe = Blueprint("probe", __name__)


@probe.route("/probe/undeclared")
def undeclared():
    return "open door"


@probe.route("/probe/apply", methods=["GET", "POST"])
@requires(Permission.APPLY)
def apply():
    form = guards.posted_form()
    return {"fields": list(form.items(multi=True)), "method": request.method}


@probe.post("/probe/apply/act")
@requires(Permission.APPLY)
def act():
    return "done"


@probe.route("/probe/audit")
@requires(Permission.AUDIT)
def audit():
    return "<!doctype html>for auditors"


@probe.route("/probe/open")
@requires(Permission.PUBLIC)
def open_page():
    return "<!doctype html>for all"


@probe.route("/probe/cached")
@requires(Permission.PUBLIC)
def cached():
    return "data", 200, {"Content-Type": "text/csv", "Cache-Control": "public, max-age=60"}


@pytest.fixture(scope="session")
def probed(portal, tmp_path_factory, database) -> Flask:
    """The portal with a few pages of the test's own."""
    from app import create_app

    app = create_app(settings_for(database, tmp_path_factory.mktemp("probe")))
    app.register_blueprint(probe)
    return app


@pytest.fixture
def portal_app(probed, app, session):
    share(probed, session)
    return probed


@pytest.fixture
def client(portal_app):
    return portal_app.test_client()


class TestDenyByDefault:
    def test_an_endpoint_without_a_permission_is_closed_to_all_and_logged(self, client, session, sign_in, caplog):
        sign_in(make_user(session, role=Role.ADMINISTRATOR), browser=client)
        with caplog.at_level(logging.ERROR, logger="kibali.guards"):
            answer = client.get("/probe/undeclared")
        assert answer.status_code == 403
        assert "open door" not in answer.text
        assert "probe.undeclared declares no permission" in caplog.text

    @pytest.mark.parametrize("role", list(Role))
    def test_roles_and_pages(self, client, session, sign_in, role):
        sign_in(make_user(session, role=role), browser=client)
        assert client.get("/probe/apply").status_code == (200 if role is Role.ENTREPRENEUR else 403)
        assert client.get("/probe/audit").status_code == (200 if role is Role.AUDITOR else 403)
        assert client.get("/probe/open").status_code == 200

    def test_nobody_is_sent_to_sign_in(self, client):
        assert client.get("/probe/audit?a=1").location == "/sign-in?next=/probe/audit?a%3D1"

    def test_an_official_without_the_code_is_sent_to_the_code_page(self, client, session, sign_in):
        sign_in(make_user(session, role=Role.AUDITOR), browser=client, second_factor=False)
        assert client.get("/probe/audit").location == "/sign-in/code?next=/probe/audit"

    def test_a_missing_page_is_missing_for_everyone(self, client):
        assert client.get("/no/such/page").status_code == 404

    def test_one_statement_for_who_is_signed_in_none_for_strangers(self, client, session, sign_in):
        from sqlalchemy import event

        seen = []
        engine = session.get_bind().engine

        def count(_connection, _cursor, statement, *_rest):
            if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
                seen.append(statement)

        sign_in(make_user(session, role=Role.AUDITOR), browser=client)
        event.listen(engine, "before_cursor_execute", count)
        try:
            client.get("/probe/audit")
            assert len(seen) == 1
            seen.clear()
            client.application.test_client().get("/probe/open")
            assert seen == []
        finally:
            event.remove(engine, "before_cursor_execute", count)


class TestCsrf:
    def test_a_signed_in_post_needs_the_token(self, client, session, sign_in):
        sign_in(make_user(session), browser=client)
        assert client.post("/probe/apply").status_code == 400
        assert post(client, "/probe/apply", {"a": "1"}).json["method"] == "POST"

    def test_another_sessions_token_does_not_fit(self, portal_app, client, session, sign_in):
        from tests.web.conftest import csrf_token

        user = make_user(session)
        sign_in(user, browser=client)
        other = sign_in(user, browser=portal_app.test_client())
        assert client.post("/probe/apply", data={"csrf_token": csrf_token(other)}).status_code == 400
        assert client.get("/account").status_code == 200

    def test_a_form_of_an_older_session_comes_back_filled(self, portal_app, client, session, sign_in):
        """Signed in anew in another window, then the old page is sent: nothing happens, nothing is lost."""
        from tests.web.conftest import csrf_token

        user = make_user(session)
        sign_in(user, browser=client)
        old = csrf_token(client)
        sign_in(user, browser=client)
        fields = {"csrf_token": old, "name": "Café"}
        answer = client.post("/probe/apply", data=fields, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.location.startswith("/probe/apply?parked=")
        assert client.get(answer.location).json["fields"] == [["name", "Café"]]
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert client.post("/probe/apply", data=fields, headers=headers).status_code == 400


class TestParkedForms:
    FIELDS = [("name", "Café Ntare"), ("hs_code", "090111"), ("people", "a"), ("people", "b")]

    def lose_session(self, session, user):
        from app.identity import sessions

        sessions.end_all(session, user.id)
        session.commit()

    def sign_in_at(self, client, location, user):
        answer = post(client, location, {"email": user.email, "password": PASSWORD})
        assert answer.status_code == 303
        return answer.location

    def test_the_round_trip(self, client, session, sign_in):
        user = make_user(session)
        sign_in(user, browser=client)
        self.lose_session(session, user)
        extra = [("password", "hunter2hunter2"), ("new_password", "x" * 12), ("csrf_token", "whatever")]
        answer = client.post("/probe/apply", data=dict_of(self.FIELDS + extra))
        assert answer.status_code == 303
        assert "hunter2" not in str(session.execute(select(ParkedForm.fields)).scalars().all())
        assert "What you typed is kept" in client.get(answer.location).text
        back = self.sign_in_at(client, answer.location, user)
        assert back.startswith("/probe/apply?parked=")
        page = client.get(back)
        assert [tuple(pair) for pair in page.json["fields"]] == self.FIELDS
        assert client.get(back).json["fields"], "a reload shows it again"
        assert client.get("/probe/apply").json["fields"] == []

    def test_it_is_for_the_person_whose_session_it_was(self, client, session, sign_in):
        user, other = make_user(session), make_user(session)
        sign_in(user, browser=client)
        self.lose_session(session, user)
        answer = client.post("/probe/apply", data=dict_of(self.FIELDS))
        back = self.sign_in_at(client, answer.location, other)
        assert client.get(back).json["fields"] == []

    def test_without_a_known_session_it_is_for_the_browser(self, portal_app, client, session, sign_in):
        user, thief = make_user(session), make_user(session)
        answer = client.post("/probe/apply", data=dict_of(self.FIELDS))
        target = answer.location.partition("next=")[2].replace("%3D", "=")
        stranger = sign_in(thief, browser=portal_app.test_client())
        assert stranger.get(target).json["fields"] == [], "without the browser's cookie"
        back = self.sign_in_at(client, answer.location, user)
        assert [tuple(pair) for pair in client.get(back).json["fields"]] == self.FIELDS
        sign_in(thief, browser=client)
        assert client.get(back).json["fields"] == [], "the first who signs in takes it"

    def test_other_pages_and_later_days_get_nothing(self, client, session, sign_in, monkeypatch):
        user = make_user(session)
        sign_in(user, browser=client)
        self.lose_session(session, user)
        answer = client.post("/probe/apply", data=dict_of(self.FIELDS))
        back = self.sign_in_at(client, answer.location, user)
        token = back.partition("parked=")[2]
        with client.application.test_request_context(f"/probe/open?parked={token}"):
            assert parking.fetch(session, token=token, path="/probe/open", user_id=user.id, nonce=None) == []
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(hours=24, seconds=1))
        assert parking.fetch(session, token=token, path="/probe/apply", user_id=user.id, nonce=None) == []
        assert parking.purge(session) == 1

    def test_a_post_only_address_comes_back_to_the_page_with_the_form(self, client):
        answer = client.post(
            "/probe/apply/act", data={"reason": "because"}, headers={"Referer": "http://localhost/probe/apply?x=1"}
        )
        assert answer.location.startswith("/sign-in?next=/probe/apply?parked%3D")
        away = client.post("/probe/apply/act", data={"a": "1"}, headers={"Referer": "https://evil.example/probe/apply"})
        assert away.location == "/sign-in"

    @pytest.mark.parametrize("origin", ["cross-site", "same-site"])
    def test_what_another_site_posts_is_not_kept(self, client, session, origin):
        answer = client.post("/probe/apply", data=dict_of(self.FIELDS), headers={"Sec-Fetch-Site": origin})
        assert answer.location == "/sign-in?next=/probe/apply"
        assert session.execute(select(ParkedForm.id)).first() is None

    def test_too_much_is_not_kept(self, client, session):
        answer = client.post("/probe/apply", data={"text": "x" * (parking.LARGEST + 1)})
        assert answer.location == "/sign-in?next=/probe/apply"
        assert session.execute(select(ParkedForm.id)).first() is None

    def test_files_are_not_kept(self, client, session):
        import io

        client.post("/probe/apply", data={"name": "n", "scan": (io.BytesIO(b"%PDF-secret"), "scan.pdf")})
        assert session.execute(select(ParkedForm.fields)).scalar_one() == [["name", "n"]]


def dict_of(pairs):
    from werkzeug.datastructures import MultiDict

    return MultiDict(pairs)


class TestHeaders:
    def test_every_kind_of_answer_is_protected(self, client, session, sign_in):
        sign_in(make_user(session), browser=client)
        for path in ("/probe/open", "/account", "/no/such/page", "/probe/audit", "/static/css/portal.css", "/sign-in"):
            headers = client.get(path, buffered=True).headers
            assert headers["Content-Security-Policy"] == hooks.POLICY, path
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert "camera=()" in headers["Permissions-Policy"]
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert "Strict-Transport-Security" not in headers, "not over plain HTTP"

    def test_the_policy_word_for_word(self):
        assert hooks.POLICY == (
            "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'self'"
        )

    def test_personal_pages_are_not_stored(self, client, session, sign_in):
        assert "no-store" not in client.get("/probe/open").headers.get("Cache-Control", "")
        for path in ("/sign-in", "/sign-up", "/password-reset"):
            assert client.get(path).headers["Cache-Control"] == "no-store"
        sign_in(make_user(session), browser=client)
        for path in ("/probe/open", "/account", "/no/such/page", "/static/missing.css"):
            assert client.get(path).headers["Cache-Control"] == "no-store", path
        assert client.get("/probe/cached").headers["Cache-Control"] == "public, max-age=60"

    def test_static_files_with_a_version_are_kept_for_ever(self, client):
        assert "immutable" in client.get("/static/css/portal.css?v=abc", buffered=True).headers["Cache-Control"]
        assert "immutable" not in client.get("/static/css/portal.css", buffered=True).headers["Cache-Control"]
        assert "immutable" not in client.get("/static/missing.css?v=abc").headers.get("Cache-Control", "")

    def test_cookies_in_production(self, database, tmp_path):
        app = Flask("production")
        app.config.update(
            SECRET_KEY="s" * 40,
            KIBALI=settings_for(
                database,
                tmp_path,
                mode="production",
                https=True,
                base_url="https://kibali.example",
                secret_key="s" * 40,
            ),
        )
        hooks.install(app)
        assert app.config["SESSION_COOKIE_SECURE"]
        assert app.config["SESSION_COOKIE_HTTPONLY"]
        assert app.config["SESSION_COOKIE_SAMESITE"] == "Lax"
        assert app.config["SESSION_COOKIE_NAME"].startswith("__Host-")
        assert app.config["TRUSTED_HOSTS"] == ["kibali.example"]
        assert app.config["MAX_CONTENT_LENGTH"] == 12 * 1024 * 1024


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/a?b=c#d", "/a?b=c#d"),
        ("/", "/"),
        ("//evil.example", "/"),
        ("/\\evil", "/"),
        ("https:evil", "/"),
        ("evil", "/"),
        ("", "/"),
        (None, "/"),
        ("/ok\n", "/"),
        ("/" + "x" * 3000, "/"),
    ],
)
def test_local_paths(target, expected):
    assert guards.local_path(target) == expected


def test_rate_limits_survive_a_rolled_back_request(app, client, session):
    user = make_user(session)
    post(client, "/sign-in", {"email": user.email, "password": "wrong wrong"})
    session.rollback()
    assert session.execute(text("SELECT count(*) FROM rate_limits")).scalar() == 2
