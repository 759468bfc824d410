"""Schemas of records at their public address."""

import json

import pytest
from flask.testing import FlaskClient

from app.documents import schemas


def test_anyone_reads_a_schema_and_may_keep_it(client: FlaskClient) -> None:
    answer = client.get(schemas.path("permit", 1))
    assert answer.status_code == 200
    assert answer.mimetype == "application/schema+json"
    assert answer.text == schemas.published("permit", 1)
    assert json.loads(answer.text)["properties"]["record"]["const"] == "permit"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("place", ["permit/2", "permit/0", "nothing/1", "permit/99999999999", "..%2Fpermit/1"])
def test_what_is_not_published_is_not_found(client: FlaskClient, place: str) -> None:
    assert client.get(f"/schemas/records/{place}.json").status_code == 404
