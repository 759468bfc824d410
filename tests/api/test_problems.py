"""Every error under /api and /oauth is a problem document."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from babel.support import NullTranslations
from flask import Flask
from pydantic import BaseModel, ValidationError

from app.api import mistakes
from app.core.errors import Stale
from tests.api.conftest import BASE, Platform


def _is_problem(answer: object, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text  # type: ignore[attr-defined]
    assert answer.mimetype == "application/problem+json"  # type: ignore[attr-defined]
    assert answer.headers["Cache-Control"] == "no-store"  # type: ignore[attr-defined]
    told: dict[str, Any] = answer.get_json()  # type: ignore[attr-defined]
    assert told["type"] == f"{BASE}/api/docs#problem-{code}"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    return told


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api", "/api/v2/permits/1", "/oauth/nothing", "/api/v1/"])
def test_an_address_that_does_not_exist(portal: Flask, path: str) -> None:
    told = _is_problem(portal.test_client().get(path), 404, "not_found")
    assert told["instance"] == path


@pytest.mark.parametrize(("method", "path"), [("GET", "/oauth/token"), ("PUT", "/api/v1/webhook-endpoints")])
def test_a_method_that_does_not_exist(portal: Flask, method: str, path: str) -> None:
    answer = portal.test_client().open(path, method=method)
    _is_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_the_pages_keep_their_own_errors(portal: Flask) -> None:
    answer = portal.test_client().get("/apiary/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_something_nobody_expected_says_nothing_of_its_cause(
    portal: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the house")

    token = platform.token()
    monkeypatch.setattr("app.outbox.endpoints.of_client", fail)
    answer = platform.call("GET", "/webhook-endpoints", token=token)
    told = _is_problem(answer, 500, "internal")
    assert "secret of the house" not in answer.text
    assert str(told["reference"]) in str(told["detail"])


def test_a_domain_error_keeps_its_status(portal: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Stale

    token = platform.token()
    monkeypatch.setattr("app.outbox.endpoints.of_client", fail)
    _is_problem(platform.call("GET", "/webhook-endpoints", token=token), 409, "stale")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"data": "{}"}, 415, "unreadable"),
        ({"data": "{}", "content_type": "text/plain"}, 415, "unreadable"),
        ({"data": "{", "content_type": "application/json"}, 400, "unreadable"),
        ({"data": b"\xff", "content_type": "application/json"}, 400, "unreadable"),
        ({"data": "", "content_type": "application/json"}, 400, "unreadable"),
        ({"json": []}, 422, "invalid"),
        ({"json": {}}, 422, "invalid"),
    ],
)
def test_a_body_that_cannot_be_used(platform: Platform, options: dict[str, object], status: int, code: str) -> None:
    _is_problem(platform.call("POST", "/webhook-endpoints", **options), status, code)


def test_each_mistake_in_a_body_is_listed_with_its_place(platform: Platform) -> None:
    body = {"url": 5, "event_types": ["permit.state_changed", 7], "colour": "red"}
    told = _is_problem(platform.call("POST", "/webhook-endpoints", json=body), 422, "invalid")
    errors = told["errors"]
    assert isinstance(errors, list)
    assert {error["field"] for error in errors} == {"url", "event_types.1", "colour"}
    assert all(error["code"] and error["detail"] for error in errors)


def test_a_body_too_large_is_refused(portal: Flask, platform: Platform) -> None:
    token = platform.token()
    portal.config["MAX_CONTENT_LENGTH"] = 1000
    answer = platform.call("POST", "/webhook-endpoints", token=token, json={"url": "x" * 2000})
    _is_problem(answer, 413, "unreadable")


def test_nobody_has_their_body_read_before_they_are_known(portal: Flask) -> None:
    answer = portal.test_client().post("/api/v1/webhook-endpoints", data="{", content_type="application/json")
    _is_problem(answer, 401, "invalid_token")


def test_problems_speak_the_language_asked_for(a_platform: Callable[..., Platform]) -> None:
    platform = a_platform("permits:read")
    answer = platform.call("GET", "/webhook-endpoints", headers={"Accept-Language": "fr"})
    assert answer.get_json()["type"].endswith("#problem-insufficient_scope")


class Marked(NullTranslations):
    """A language in which every message of the catalogue can be told from the rest."""

    def gettext(self, message: str) -> str:
        return f"«{message}»"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"«{msgid1 if n == 1 else msgid2}»"


GOOD: dict[str, object] = {
    "business": "RW-1",
    "product": {"hs": "090111"},
    "destination": "CN",
    "channel": "alibaba-com",
}


@pytest.mark.parametrize(
    ("changes", "code", "field", "message"),
    [
        ({"colour": "red"}, "extra_forbidden", "colour", "There is no field of this name here."),
        ({"business": 7}, "string_type", "business", "Give a text."),
        ({"business": "x" * 61}, "string_too_long", "business", "Give at most 60 characters."),
        ({"destination": "C"}, "string_too_short", "destination", "Give at least 2 characters."),
        ({"product": "coffee"}, "model_type", "product", "Give an object with"),
        ({"product": {"hs": 1}}, "string_type", "product.hs", "Give a text."),
        ({"quantity": "much"}, "decimal_parsing", "quantity", "Give a number, such as"),
        ({"quantity": []}, "decimal_type", "quantity", "Give a number, such as"),
        ({"quantity": "NaN"}, "finite_number", "quantity", "Give a number, such as"),
        ({"quantity": "-1"}, "greater_than", "quantity", "Give a number above 0."),
        ({"quantity": "1.2345"}, "decimal_max_places", "quantity", "Give at most 3 digits after the point."),
        ({"quantity": "1" * 14}, "decimal_whole_digits", "quantity", "Give at most 12 digits before the point."),
        ({"quantity": "1" * 16}, "decimal_max_digits", "quantity", "Give at most 15 digits."),
    ],
)
def test_each_mistake_in_a_body_is_told_in_words_of_ours(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], code: str, field: str, message: str
) -> None:
    monkeypatch.setattr("app.core.i18n.catalogue", lambda language: Marked())
    (error,) = _is_problem(platform.call("POST", "/readiness", json=GOOD | changes), 422, "invalid")["errors"]
    assert (error["code"], error["field"]) == (code, field)
    assert error["detail"].startswith(f"«{message}")


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("limit=0", "greater_than_equal", "Give 1 or more."),
        ("limit=1000", "less_than_equal", "Give 100 or less."),
        ("limit=many", "int_parsing", "Give a whole number."),
        ("limit=1.5", "int_parsing", "Give a whole number."),
        ("limit=1&limit=2", "int_type", "Give a whole number."),
        ("state=sold", "literal_error", "Give one of these: draft, ready, frozen, delisted."),
        ("page=2", "extra_forbidden", "There is no field of this name here."),
    ],
)
def test_so_is_each_mistake_in_a_query(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, query: str, code: str, message: str
) -> None:
    monkeypatch.setattr("app.core.i18n.catalogue", lambda language: Marked())
    (error,) = _is_problem(platform.call("GET", f"/listings?{query}"), 422, "invalid")["errors"]
    assert (error["code"], error["detail"]) == (code, f"«{message}»")


def test_a_kind_of_mistake_we_have_no_words_for_is_told_all_the_same() -> None:
    class Model(BaseModel):
        day: date

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"day": "yesterday"})
    (problem,) = mistakes.invalid(caught.value).problems
    assert (problem.field, problem.code) == ("day", "date_from_datetime_parsing")
    assert "documentation" in str(problem.message)


def test_a_list_too_short_is_counted_in_entries(platform: Platform) -> None:
    told = _is_problem(
        platform.call("POST", "/webhook-endpoints", json={"url": "x", "event_types": []}), 422, "invalid"
    )
    assert [error["detail"] for error in told["errors"]] == ["Give at least 1 entry."]
