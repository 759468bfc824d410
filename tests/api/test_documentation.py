"""The OpenAPI document and the page agree with what the portal does."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, seed, settings
from pydantic import BaseModel, Field
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.api import docs, openapi, paging
from app.api.guards import SCOPES
from app.api.problems import TITLES
from app.core.errors import Invalid
from tests.api.conftest import BASE, Platform


@pytest.fixture
def document(portal: Flask) -> dict[str, Any]:
    answer = portal.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": BASE}]
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    for reference in re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]


def test_it_has_every_operation_with_its_scope_and_errors(document: dict[str, Any]) -> None:
    permit = document["paths"]["/api/v1/permits/{number}"]["get"]
    assert permit["security"] == [{"oauth": ["permits:read"]}]
    assert {"200", "304", "401", "403", "404", "429", "500"} == set(permit["responses"])
    assert permit["parameters"] == [{"name": "number", "in": "path", "required": True, "schema": {"type": "string"}}]
    token = document["paths"]["/oauth/token"]["post"]
    assert token["security"] == []
    assert "application/x-www-form-urlencoded" in token["requestBody"]["content"]
    question = document["paths"]["/api/v1/readiness"]["post"]
    assert {"200", "400", "401", "403", "404", "413", "415", "422", "429", "500"} == set(question["responses"])
    assert "permit.state_changed" in document["webhooks"]
    flows = document["components"]["securitySchemes"]["oauth"]["flows"]
    assert set(flows["clientCredentials"]["scopes"]) == set(SCOPES)
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_every_route_under_api_is_an_operation_or_documentation(portal: Flask) -> None:
    for rule in portal.url_map.iter_rules():
        if rule.rule.startswith(("/api/v1/", "/oauth/")) and not rule.rule.endswith("/openapi.json"):
            view = portal.view_functions[rule.endpoint]
            assert hasattr(view, "operation"), rule
            assert getattr(view, "permission", None), rule


def test_it_is_in_english_whoever_asks_first(portal: Flask) -> None:
    french = portal.test_client().get("/api/v1/openapi.json", headers={"Accept-Language": "fr"}).get_json()
    assert french["paths"]["/api/v1/permits/{number}"]["get"]["summary"] == "Look a permit up"


def test_answers_fit_the_document(platform: Platform, document: dict[str, Any]) -> None:
    schemas = {"components": document["components"]}

    def fits(answer: Any, path: str, method: str) -> None:
        response = document["paths"][path][method]["responses"][str(answer.status_code)]
        (content,) = response["content"].values()
        jsonschema_rs.Draft202012Validator(schemas | content["schema"]).validate(answer.get_json())

    hook = {"url": "https://market.example/hook", "event_types": ["permit.state_changed"]}
    added = platform.call("POST", "/webhook-endpoints", json=hook)
    fits(added, "/api/v1/webhook-endpoints", "post")
    fits(platform.call("POST", "/webhook-endpoints", json={}), "/api/v1/webhook-endpoints", "post")
    fits(platform.call("GET", "/webhook-endpoints"), "/api/v1/webhook-endpoints", "get")
    test = f"/webhook-endpoints/{added.get_json()['id']}/test"
    fits(platform.call("POST", test), "/api/v1/webhook-endpoints/{endpoint_id}/test", "post")
    fits(platform.ask_token(), "/oauth/token", "post")
    fits(platform.ask_token(scope="everything"), "/oauth/token", "post")


def test_the_page_shows_each_operation_with_a_command(portal: Flask) -> None:
    answer = portal.test_client().get("/api/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    for route in openapi.routes(portal):
        assert f'id="{route.operation.id}"' in answer.text
        assert str(route.path) in answer.text
    for code in TITLES:
        assert f'id="problem-{code}"' in answer.text
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert "permit.state_changed" in answer.text
    ids = re.findall(r' id="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))


def test_the_example_in_a_command_is_accepted(portal: Flask, platform: Platform) -> None:
    for route in openapi.routes(portal):
        body = route.operation.body
        if body is None or not route.operation.parsed:
            continue
        schema = body.model_json_schema(mode="validation")
        answer = platform.http.open(
            route.path,
            method=route.method,
            json=docs.example(schema, schema),
            headers={"Authorization": f"Bearer {platform.token()}"},
        )
        assert answer.status_code not in {400, 415, 500}, answer.text
        if answer.status_code == 422:
            # The codes of the example may not exist here, but its shape must be right.
            assert not any(error["code"] in {"missing", "extra_forbidden"} for error in answer.get_json()["errors"])


def test_whatever_is_sent_the_answer_is_one_the_document_promises(
    portal: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests made from the document, right and wrong ones, with a good token."""
    monkeypatch.setattr("app.api.guards.REQUESTS", 100_000)
    monkeypatch.setattr("app.api.oauth.ATTEMPTS", 100_000)
    monkeypatch.setattr("app.outbox.endpoints.MOST", 100_000)
    headers = {"Authorization": f"Bearer {platform.token()}"}
    found = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", portal)
    operations = [result.ok() for result in found.get_all_operations()]
    assert len(operations) >= 6
    for operation in operations:

        @seed(20261121)
        @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def hold(case: Any) -> None:
            # A body of the right shape may still be wrong, such as the address of a hook that is not one.
            case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

        hold()


class _Inner(BaseModel):
    name: str = Field(examples=["one"])
    also: list[int]


class _Outer(BaseModel):
    inner: _Inner
    many: list[_Inner]
    maybe: str | None


def test_an_example_is_made_from_the_schema() -> None:
    schema = _Outer.model_json_schema()
    inner = {"name": "one", "also": [1]}
    assert docs.example(schema, schema) == {"inner": inner, "many": [inner], "maybe": "…"}


def test_a_cursor_comes_back_as_it_was_and_no_other_way() -> None:
    cursor = paging.cursor("2026-11-21", 7)
    assert paging.read_cursor(cursor, str, int) == ("2026-11-21", 7)
    for text in ("", "x", cursor[:-3], "é", paging.cursor(7, 7), paging.cursor("a"), paging.cursor("a", True)):
        with pytest.raises(Invalid):
            paging.read_cursor(text, str, int)
