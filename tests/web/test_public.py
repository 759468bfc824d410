"""Pages for anyone: the first page, start pages, tracking, standards and the small print."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.cases import numbering, registry
from app.cases.models import Case, Submission
from app.cases.workflow import State
from app.core import clock, i18n
from app.identity import limits, people
from app.identity.actor import Actor, Role
from app.installed import SERVICES
from app.jurisdictions import load
from app.web import guards, privacy_request, public, standards
from tests.web.kit_app import CLERK, TRADER, build

AUDITOR = Actor(kind="user", name="A. Auditor", user_id=9, role=Role.AUDITOR, second_factor=True)
ADMINISTRATOR = Actor(kind="user", name="A. Admin", user_id=10, role=Role.ADMINISTRATOR, second_factor=True)


@pytest.fixture(autouse=True)
def tidy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(standards, "counted", list)  # nothing was counted yet
    pack, services = load._pack, registry.services()
    registry.install(SERVICES)
    with i18n.use_locale("en_RW", ZoneInfo("Africa/Kigali")):
        yield
    load._pack = pack
    registry.install(services)


def portal(actor: Actor | None = None, **options: Any) -> Flask:
    app = build(actor, **options)
    app.register_blueprint(public.blueprint)
    app.register_blueprint(privacy_request.blueprint)
    return app


@pytest.fixture
def client() -> FlaskClient:
    return portal().test_client()


@pytest.mark.parametrize("country", ["RW", "CG"])
@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(
    "path",
    ["/", "/start", "/start/registration", "/start/export_licence", "/start/customs", "/track", "/service-standards",
     "/help", "/accessibility", "/privacy", "/contact"],
)  # fmt: skip
def test_every_page_opens_for_anyone_in_both_countries_and_languages(path: str, language: str, country: str) -> None:
    answer = portal(country=country, language=language).test_client().get(path)
    assert answer.status_code == 200
    assert answer.text.count("<h1>") == 1
    assert len(answer.data) < 40_000


def test_first_page_shows_the_road_and_what_needs_no_account(client: FlaskClient) -> None:
    html = client.get("/").text
    for address in (
        "/start/registration",
        "/start/export_licence",
        "/readiness",
        "/start/customs",
        "/sign-up",
        "/sign-in",
    ):
        assert f'href="{address}"' in html
    assert 'action="/verify"' in html
    assert 'action="/track"' in html


@pytest.mark.parametrize(("actor", "target"), [(CLERK, "/desk"), (AUDITOR, "/audit"), (ADMINISTRATOR, "/admin")])
def test_officials_go_to_their_work(actor: Actor, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "current_actor", lambda: actor)
    answer = portal(actor).test_client().get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, target)


def test_an_entrepreneur_sees_their_own_first_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.web.applicant import home

    monkeypatch.setattr(public, "current_actor", lambda: TRADER)
    monkeypatch.setattr(home, "page", lambda: "their work")
    assert portal(TRADER).test_client().get("/").text == "their work"


class TestStart:
    def test_signed_out_leads_to_sign_in_and_back_with_what_is_known(self, client: FlaskClient) -> None:
        html = client.get("/start/export_licence?hs=090111&destination=CN&lang=en").text
        assert 'href="/sign-in?next=%2Fstart%2Fexport_licence%3Fhs%3D090111%26destination%3DCN%26lang%3Den"' in html
        assert '<button class="btn btn--big">' not in html

    def test_start_button_posts_what_is_known_with_a_key(self) -> None:
        html = portal(TRADER).test_client().get("/start/export_licence?hs=090111&lang=en&key=x").text
        form = html.partition('<form method="post" action="/start/export_licence">')[2].partition("</form>")[0]
        assert 'name="hs" value="090111"' in form
        assert 'name="lang"' not in form
        assert re.search(r'name="key" value="[A-Za-z0-9_-]{16,64}"', form)
        assert form.count('name="key"') == 1
        assert 'name="csrf_token"' in form

    def test_who_has_no_business_is_led_to_register_first(self) -> None:
        nobody = replace(TRADER, business_id=None, memberships={})
        html = portal(nobody).test_client().get("/start/export_licence").text
        assert "First you need a registered business" in html
        assert 'action="/start/export_licence"' not in html
        assert 'action="/start/registration"' in portal(nobody).test_client().get("/start/registration").text

    def test_officials_cannot_start(self) -> None:
        assert 'action="/start/' not in portal(CLERK).test_client().get("/start/registration").text

    def test_free_is_said_and_illustrative_amounts_are_marked(self, client: FlaskClient) -> None:
        assert "free of charge" in client.get("/start/registration").text
        html = client.get("/start/export_licence").text
        assert "15,000\u00a0RWF" in html
        assert "(illustrative)" in html

    def test_unknown_service(self, client: FlaskClient) -> None:
        assert client.get("/start/nothing").status_code == 404


def make_case(session: Session, **values: Any) -> Case:
    owner = people.create_user(
        session, email="track@demo.example", name="Secret Person", password="a long password", role=Role.ENTREPRENEUR,
        locale="en_RW",
    )  # fmt: skip
    moment = datetime(2026, 11, 20, 9, tzinfo=UTC)
    fields: dict[str, Any] = {
        "reference": numbering.reference("BR", 2026, 42), "service": "registration", "agency": "RDB",
        "title": "Secret Coffee Ltd", "state": State.IN_REVIEW.value, "applicant_id": owner.id,
        "idempotency_key": "k" * 20, "submitted_at": moment, "due_at": datetime(2099, 1, 5, 15, tzinfo=UTC),
        "created_at": moment, "updated_at": moment,
    }  # fmt: skip
    fields |= values
    case = Case(**{**fields, "state": State.DRAFT.value})
    session.add(case)
    session.flush()
    if fields["state"] != State.DRAFT.value:
        submission = Submission(
            case_id=case.id, number=1, data={}, documents=[], sha256="0" * 64, declaration="True.",
            submitted_by=owner.id, submitted_at=moment, pack_version="RW-test",
        )  # fmt: skip
        session.add(submission)
        session.flush()
        case.current_submission_id, case.state = submission.id, fields["state"]
        session.flush()
    return case


class TestTrack:
    @pytest.fixture(autouse=True)
    def unlimited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hits: list[tuple[Any, ...]] = []
        monkeypatch.setattr(limits, "hit", lambda *asked: self.hits.append(asked))

    def test_state_agency_and_day_but_no_names(self, client: FlaskClient, session: Session) -> None:
        case = make_case(session)
        answer = client.get("/track", query_string={"reference": f" {case.reference.lower()} "})
        assert answer.status_code == 200
        assert "In review" in answer.text
        assert "5 January 2099" in answer.text
        assert "Secret" not in answer.text
        assert self.hits == [("track:127.0.0.1", 30, 600)]

    def test_a_draft_looks_like_nothing(self, client: FlaskClient, session: Session) -> None:
        case = make_case(session, state=State.DRAFT.value, agency=None, submitted_at=None, due_at=None)
        unknown = numbering.reference("BR", 2026, 43)
        answers = [client.get("/track", query_string={"reference": ref}) for ref in (case.reference, unknown)]
        assert [answer.status_code for answer in answers] == [404, 404]
        bodies = [re.sub(r"BR-2026-000\d\d-\w", "", answer.text) for answer in answers]
        assert bodies[0].replace("00042", "") == bodies[1].replace("00043", "")

    def test_late_is_said(self, client: FlaskClient, session: Session) -> None:
        case = make_case(session, due_at=datetime(2020, 1, 5, tzinfo=UTC))
        assert "The decision is late." in client.get(f"/track?reference={case.reference}").text

    def test_a_decided_case_is_not_late(self, client: FlaskClient, session: Session) -> None:
        """It keeps the date it was due, for the statistics."""
        case = make_case(session, state=State.APPROVED.value, due_at=datetime(2020, 1, 5, tzinfo=UTC))
        page = client.get(f"/track?reference={case.reference}").text
        assert "The decision is late." not in page
        assert "Decision due by" not in page

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ("", "Enter the reference of the application."),
            ("hello", "A reference looks like"),
            ("BR-2026-00042-?", "A reference looks like"),
        ],
    )
    def test_what_is_no_reference(self, client: FlaskClient, typed: str, words: str) -> None:
        answer = client.get("/track", query_string={"reference": typed})
        assert answer.status_code == 422
        assert words in answer.text
        assert "<title>Error:" in answer.text
        assert not self.hits

    def test_a_misread_sign_is_found_before_the_register_is_asked(self, client: FlaskClient) -> None:
        right = numbering.reference("BR", 2026, 42)
        answer = client.get("/track", query_string={"reference": right.replace("00042", "00024")})
        assert answer.status_code == 422
        assert "One sign of this reference is wrong" in answer.text


def test_standards_name_every_service_and_permit_kind(client: FlaskClient) -> None:
    html = client.get("/service-standards").text
    pack = load.current()
    for kind in pack.permit_kinds:
        if kind.in_force(clock.today(pack.zone)):
            assert str(i18n.pick(kind.names)).split("&")[0] in html
    for service in SERVICES:
        assert f"<h2>{service.noun}</h2>" in html


def test_every_view_declares_that_it_is_public() -> None:
    app = portal()
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("public."):
            assert app.view_functions[rule.endpoint].permission is guards.Permission.PUBLIC  # type: ignore[attr-defined]
