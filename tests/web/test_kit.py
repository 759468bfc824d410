"""The frame, the components and the error pages, without a database."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from app.core import i18n
from app.jurisdictions import load
from app.web import errors, navigation
from config import ROOT
from tests.web.kit_app import CLERK, TRADER, build


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    before = load._pack
    with i18n.use_locale("en_RW", ZoneInfo("Africa/Kigali")):
        yield
    load._pack = before


@pytest.fixture
def app() -> Flask:
    return build(TRADER)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class Page(HTMLParser):
    """Every id, reference to an id, and tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def ids(self) -> list[str]:
        return [str(attrs["id"]) for _tag, attrs in self.tags if "id" in attrs]


def token(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found
    return found[1]


PATHS = ["/kit", "/form", "/fail/missing", "/fail/wrong", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("actor", [None, TRADER, CLERK])
def test_pages_keep_the_strict_policy_and_their_ids(path: str, actor: object) -> None:
    html = build(actor).test_client().get(path).text  # type: ignore[arg-type]
    page = Page(html)
    ids = page.ids()
    assert len(ids) == len(set(ids))
    for tag, attrs in page.tags:
        assert tag != "script"
        assert tag != "style"
        assert "style" not in attrs, (tag, attrs)
        assert not [name for name in attrs if name.startswith("on")]
        for name in ("for", "aria-describedby", "aria-labelledby"):
            for wanted in str(attrs.get(name) or "").split():
                assert wanted in ids, (tag, name, wanted)
    assert re.search(r'href="/static/css/portal\.css\?v=[0-9a-f]{10}"', html)


@pytest.mark.parametrize("path", PATHS)
def test_every_page_has_one_main_heading_and_a_way_past_the_header(client: FlaskClient, path: str) -> None:
    html = client.get(path).text
    assert html.count('<main class="main" id="main-content"') == 1
    assert 'class="skip" href="#main-content"' in html
    if path != "/kit":  # it shows a confirmation, which is a page of its own
        assert html.count("<h1>") == 1


def test_language_switch_keeps_path_and_query(client: FlaskClient) -> None:
    html = client.get("/kit?after=3&state=a&state=b").text
    assert 'href="/kit?after=3&amp;state=a&amp;state=b&amp;lang=fr"' in html
    assert '<html lang="en" dir="ltr">' in html
    assert "lang=fr&amp;lang=" not in client.get("/kit?lang=fr").text


def test_language_switch_of_an_answer_to_a_post_leads_home(client: FlaskClient) -> None:
    csrf = token(client.get("/form").text)
    html = client.post("/only-post", data={"csrf_token": csrf}).text
    assert 'href="/?lang=fr"' in html


def test_right_to_left(client: FlaskClient) -> None:
    assert '<html lang="ar" dir="rtl">' in client.get("/kit?rtl=1").text


def test_header_says_who_and_for_whom(client: FlaskClient) -> None:
    html = client.get("/kit").text
    assert "<bdi>Aline Uwase</bdi>" in html
    assert 'name="business" value="2"' in html
    assert re.search(r'name="business" value="1" aria-current="true"', html)
    assert 'action="/sign-out"' in html
    signed_out = build(None).test_client().get("/kit").text
    assert 'href="/sign-in"' in signed_out
    assert "/sign-out" not in signed_out


def test_demo_banner_only_in_the_demo() -> None:
    assert "nothing here is real" in build(None).test_client().get("/kit").text
    assert "nothing here is real" not in build(None, demo=False).test_client().get("/kit").text


def test_tabs_by_role() -> None:
    html = build(CLERK).test_client().get("/kit").text
    assert '<li><a href="/desk">Cases</a></li>' in html
    assert 'href="/permits"' not in html


def test_the_open_tab_is_the_longest_that_fits(app: Flask) -> None:
    with app.test_request_context("/permits/EL-1"):
        assert [tab.url for tab in navigation.tabs(TRADER) if tab.current] == ["/permits"]
    with app.test_request_context("/permitsomething"):
        assert not [tab for tab in navigation.tabs(TRADER) if tab.current]


class TestForms:
    def test_errors_link_to_the_first_input_of_each_field(self, client: FlaskClient) -> None:
        csrf = token(client.get("/form").text)
        answer = client.post("/form", data={"csrf_token": csrf, "net": "abc", "people-0-name": ""})
        assert answer.status_code == 422
        assert "<title>Error: About the shipment" in answer.text
        page = Page(answer.text)
        inputs = {
            str(attrs["id"]) for tag, attrs in page.tags if tag in {"input", "select", "textarea"} and "id" in attrs
        }
        targets = re.findall(r'<li><a href="#([^"]+)">', answer.text.partition("errors-title")[2].partition("</ul>")[0])
        assert set(targets) <= inputs
        assert {"name", "form-0", "resident-0", "product", "net", "day-0", "market", "people-0-name",
                "people-0-born-0", "agreed"} == set(targets)  # fmt: skip
        assert 'value="abc"' in answer.text

    def test_what_is_wrong_is_tied_to_its_input(self, client: FlaskClient) -> None:
        csrf = token(client.get("/form").text)
        html = client.post("/form", data={"csrf_token": csrf, "net": "abc"}).text
        found = re.search(r'<input [^>]*id="net"[^>]*>', html)
        assert found
        assert 'aria-invalid="true"' in found[0]
        assert 'aria-describedby="net-error"' in found[0]
        assert "required" not in found[0]

    def test_enter_presses_save(self, client: FlaskClient) -> None:
        """The first button of a form is the one Enter presses: it must be neither search nor remove."""
        form = client.get("/form").text.partition('<form method="post" action="/form" novalidate>')[2]
        first = re.search(r"<button[^>]*>", form)
        assert first
        assert "name=" not in first[0]

    def test_search_add_and_remove_answer_200_with_everything_kept(self, client: FlaskClient) -> None:
        csrf = token(client.get("/form").text)
        data = {"csrf_token": csrf, "name": "Kivu & <b>", "product": "coffee", "net": "1,5x"}
        found = client.post("/form", data={**data, "_search": "product"})
        assert found.status_code == 200
        assert '<input type="radio" name="product" id="product-found-0" value="090111" autofocus>' in found.text
        assert 'value="Kivu &amp; &lt;b&gt;"' in found.text
        added = client.post("/form", data={**data, "_add": "people"})
        assert added.status_code == 200
        assert 'id="people-1-name"' in added.text
        assert 'value="1,5x"' in added.text

    def test_chosen_answer_is_named_under_its_code(self, client: FlaskClient) -> None:
        csrf = token(client.get("/form").text)
        html = client.post("/form", data={"csrf_token": csrf, "product": ["coffee", "090121"]}).text
        assert 'value="0901.21"' in html
        assert "Coffee, roasted" in html


class TestErrors:
    @pytest.mark.parametrize(
        ("path", "status", "words"),
        [
            ("/nowhere", 404, "We could not find that page"),
            ("/fail/missing", 404, "We could not find that page"),
            ("/fail/busy", 429, "Too many attempts"),
            ("/fail/invalid", 422, "The name is taken."),
            ("/only-post", 405, "This page cannot be opened like that"),
        ],
    )
    def test_each_has_its_words_and_a_way_on(self, client: FlaskClient, path: str, status: int, words: str) -> None:
        answer = client.get(path)
        assert answer.status_code == status
        assert words in answer.text
        assert 'href="/"' in answer.text
        assert answer.headers["Cache-Control"] == "no-store"

    def test_missing_and_forbidden_to_see_are_the_same_page(self, client: FlaskClient) -> None:
        def body(path: str) -> str:
            html: str = client.get(path).text
            return re.sub(r"nowhere|fail/missing|csrf_token\" value=\"[^\"]*", "", html)

        assert body("/nowhere") == body("/fail/missing")

    def test_a_failure_shows_a_reference_and_nothing_of_the_inside(
        self, client: FlaskClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        answer = client.get("/fail/wrong")
        assert answer.status_code == 500
        assert "secret detail" not in answer.text
        assert "Traceback" not in answer.text
        found = re.search(r'<bdi class="ref">([0-9A-Z]{4}-[0-9A-Z]{4})</bdi>', answer.text)
        assert found
        assert found[1] in caplog.text

    def test_a_failing_error_page_still_answers(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **values: object) -> str:
            raise RuntimeError("templates are gone")

        monkeypatch.setattr(errors, "render_template", broken)
        answer = app.test_client().get("/fail/wrong")
        assert answer.status_code == 500
        assert "templates are gone" not in answer.text

    def test_busy_says_when_to_come_back(self, client: FlaskClient) -> None:
        assert client.get("/fail/busy").headers["Retry-After"] == "90"

    def test_a_form_without_its_token_is_refused_in_words(self, client: FlaskClient) -> None:
        answer = client.post("/form", data={"name": "x"})
        assert answer.status_code == 400
        assert "This page was open for too long" in answer.text

    def test_a_prefix_may_answer_for_itself(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(errors, "_delegates", {})
        errors.delegate("/api", lambda error: app.response_class("{}", 418))
        client = app.test_client()
        assert client.get("/api/v1/none").status_code == 418
        assert client.get("/apiary").status_code == 404

    @pytest.mark.parametrize("country", ["RW", "CG"])
    def test_in_both_countries(self, country: str) -> None:
        html = build(None, country=country).test_client().get("/nowhere").text
        assert load.current().portal_name["en"].replace("'", "&#39;") in html


def test_values_that_are_markup_stay_markup_and_others_do_not(app: Flask) -> None:
    with app.test_request_context("/kit"):
        text = "{{ _('%(a)s & %(b)s', a='<i>'|safe, b='<b>') }}"
        assert render_template_string(text) == "<i> &amp; &lt;b&gt;"
        assert render_template_string("{{ _('%(b)s', b='<b>') }}") == "&lt;b&gt;"


def test_filters_say_not_stated_for_what_is_missing(app: Flask) -> None:
    with app.test_request_context("/kit"):
        for name in ("date", "short_date", "time", "datetime", "number", "percent", "stated"):
            assert render_template_string("{{ none | " + name + " }}") == "not stated"
        assert render_template_string("{{ 0 | stated }} {{ 0 | number }}") == "0 0"
        assert render_template_string("{{ '2026-11-21' | date }}") == "21 November 2026"
        assert render_template_string("{{ '2026-11-21T22:30:00+00:00' | date }}") == "22 November 2026"
        assert render_template_string("{{ '2026-11-21T22:30:00+00:00' | datetime }}") == "22 November 2026, 00:30"


def test_the_style_sheet_is_small_and_knows_no_left_or_right() -> None:
    import gzip

    css = Path(ROOT / "static/css/portal.css").read_text()
    assert len(gzip.compress(css.encode(), mtime=0)) <= 7000
    assert not re.search(
        r"(margin|padding|border|inset)?-?(left|right)\s*:|text-align:\s*(left|right)|\bfloat:\s*(left|right)", css
    )
    assert "url(" not in css
