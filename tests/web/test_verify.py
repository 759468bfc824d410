"""The public check: plain words, no personal data, and no help for someone who guesses."""

from collections.abc import Iterator
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.documents import codes, records
from app.documents.models import Record
from app.documents.records import Standing, Verification
from app.web import verify

KIND = "test.verify"
STANDING = {"now": Standing.VALID}


def _status(session: Session, record: Record) -> Verification:
    return Verification(
        STANDING["now"],
        record.title,
        record.issuer,
        valid_from=date(2026, 11, 21),
        valid_to=date(2027, 11, 20),
        facts=[("Goods", "Coffee <b>")],
    )


@pytest.fixture
def record(session: Session) -> Iterator[Record]:
    records.register_kind(KIND, "Permit", _status)
    STANDING["now"] = Standing.VALID
    made = records.request(
        session,
        kind=KIND,
        template="generic.html",
        title="Export licence",
        data={"number": "RW-EXP-2026-00042", "holder": "Jane Doe"},
        locale="en_RW",
        subject="permit:1",
        issuer="National Agricultural Export Development Board",
    )
    session.commit()
    yield made
    del records._kinds[KIND]


def test_the_page_of_a_code_says_what_holds(client: FlaskClient, record: Record) -> None:
    page = client.get(f"/verify/{record.code}")
    assert page.status_code == 200
    for expected in (
        "Valid", "Export licence", "National Agricultural Export Development Board", "21 November 2026",
        "20 November 2027", "Coffee &lt;b&gt;", codes.shown(record.code),
    ):  # fmt: skip
        assert expected in page.text
    assert "Jane Doe" not in page.text


@pytest.mark.parametrize(
    ("standing", "word"),
    [
        (Standing.SUSPENDED, "Suspended"),
        (Standing.REVOKED, "Revoked"),
        (Standing.EXPIRED, "Expired"),
        (Standing.NOT_YET, "Not yet in force"),
    ],
)
def test_a_paper_that_lost_its_force_says_so(
    client: FlaskClient, record: Record, standing: Standing, word: str
) -> None:
    STANDING["now"] = standing
    page = client.get(f"/verify/{record.code}")
    assert page.status_code == 200
    assert f">{word}<" in page.text
    assert "is in force." not in page.text


def test_every_state_has_words() -> None:
    assert set(verify.TITLES) == set(verify.EXPLANATIONS) == set(verify.KINDS) == set(Standing)


def test_the_code_may_be_typed_as_printed(client: FlaskClient, record: Record) -> None:
    answer = client.get("/verify", query_string={"code": f" {codes.shown(record.code).lower()} "})
    assert answer.status_code == 303
    assert answer.location == f"/verify/{record.code}"


def test_by_number_one_learns_the_state_but_not_the_goods(client: FlaskClient, record: Record) -> None:
    answer = client.get("/verify", query_string={"code": "rw-exp-2026-00042"}, follow_redirects=True)
    assert answer.status_code == 200
    assert ">Valid<" in answer.text
    assert "Coffee" not in answer.text
    assert record.code not in answer.text


def test_an_unknown_code_is_unknown(client: FlaskClient, record: Record) -> None:
    page = client.get("/verify/ABCDEFGHJKLMNPQRSTUVWXYZ22")
    assert page.status_code == 404
    assert ">Unknown<" in page.text


@pytest.mark.parametrize("typed", ["", "   ", "x" * 81])
def test_an_empty_or_endless_answer_is_an_error_at_the_field(client: FlaskClient, typed: str) -> None:
    page = client.get("/verify", query_string={"code": typed})
    assert page.status_code == 422
    assert "<title>Error:" in page.text
    assert 'href="#code"' in page.text


@pytest.mark.parametrize(
    "path", ["/verify/%2e%2e%2fetc%2fpasswd", "/verify/<script>", "/verify/RW/EXP/1", "/verify/%00"]
)
def test_odd_addresses_are_merely_unknown(client: FlaskClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 404
    assert "<script>" not in page.text


def test_someone_who_guesses_has_to_wait_and_someone_with_a_code_does_not(
    client: FlaskClient, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "TRIES", 3)
    statuses = [client.get(f"/verify/RW-EXP-2026-{number:05}").status_code for number in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
    assert client.get("/verify/ABCDEFGHJKLMNPQRSTUVWXYZ23").status_code == 429
    assert client.get(f"/verify/{record.code}").status_code == 200


def test_it_speaks_french(client: FlaskClient, record: Record) -> None:
    page = client.get(f"/verify/{record.code}?lang=fr")
    assert '<html lang="fr"' in page.text
    assert "21 novembre 2026" in page.text


def test_anyone_may_ask(client: FlaskClient) -> None:
    page = client.get("/verify")
    assert page.status_code == 200
    assert 'name="code"' in page.text
