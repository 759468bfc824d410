"""The heads of the log for everybody, and its proof for auditors."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.audit import canonical, entries, heads, leaves, logkey, merkle, sequencer
from app.audit.models import Entry
from app.identity.actor import SYSTEM, Role
from app.jobs import queue
from tests.factories.people import make_user
from tests.support.statements import counted

VERB = "account.signed_out"


@pytest.fixture(autouse=True)
def place(client: FlaskClient, tmp_path: Path) -> Iterator[None]:
    """A folder of heads for each test, since the portal's outlives the rows of a test."""
    before = heads._place
    key = logkey.load(tmp_path / "key.pem", create=True)
    heads.configure(log="http://localhost/log", key=key, folder=tmp_path / "heads")
    yield
    heads._place = before


@pytest.fixture
def written(session: Session) -> list[Entry]:
    made = [entries.record(session, SYSTEM, VERB, subject=f"user:{n}") for n in range(9)]
    session.flush()
    for limit in (4, 5):
        sequencer.batch(session, limit=limit)
    return made


def test_nothing_is_published_before_the_first_head(client: FlaskClient) -> None:
    assert client.get("/log/head").status_code == 404
    assert client.get("/log/consistency?first=1").status_code == 404
    assert client.get("/log/heads").json == {"heads": [], "next": None}
    assert client.get("/log/keys").json == {"keys": []}


def test_anybody_can_check_that_a_head_continues_an_earlier_one(
    client: FlaskClient, session: Session, written: list[Entry]
) -> None:
    head: Any = client.get("/log/head").json
    keys: Any = client.get("/log/keys").json
    public = base64.b64decode(keys["keys"][0]["public"])
    unsigned = {name: value for name, value in head.items() if name != "signature"}
    assert head["key"] == logkey.key_id(public)
    assert logkey.verify(public, base64.b64decode(head["signature"]), canonical.encode(unsigned))
    listed: Any = client.get("/log/heads").json
    assert [each["size"] for each in listed["heads"]] == [9, 4]
    assert listed["heads"][0] == head
    assert [each["size"] for each in client.get("/log/heads?before=9").json["heads"]] == [4]  # type: ignore[index]
    proof: Any = client.get("/log/consistency?first=4").json
    old = bytes.fromhex(listed["heads"][1]["root"])
    path = [bytes.fromhex(each) for each in proof["path"]]
    assert merkle.verify_consistency(4, 9, old, bytes.fromhex(head["root"]), path)
    assert client.get("/log/head?keep=1").headers["Content-Disposition"] == 'attachment; filename="log-head-9.json"'


@pytest.mark.parametrize(
    "query", ["", "first=0", "first=5&second=4", "first=1&second=10", "first=x", "first=-1", f"first={10**30}"]
)
def test_sizes_the_log_never_had_are_refused(client: FlaskClient, written: list[Entry], query: str) -> None:
    assert client.get(f"/log/consistency?{query}").status_code == 422


def test_an_auditor_gets_the_proof_of_one_entry(
    client: FlaskClient, session: Session, written: list[Entry], sign_in: Callable[..., Any]
) -> None:
    address = f"/log/inclusion/{written[2].id}"
    assert client.get(address).status_code == 303
    sign_in(make_user(session, role=Role.AUDITOR))
    told: Any = client.get(address).json
    assert told["document"] == leaves.document(written[2])
    leaf = merkle.leaf_hash(canonical.encode(told["document"]))
    path = [bytes.fromhex(each) for each in told["path"]]
    assert merkle.verify_inclusion(leaf, told["sequence"], 9, path, bytes.fromhex(told["head"]["root"]))
    assert client.get(f"/log/inclusion/{2**63}").status_code == 404
    assert client.get("/log/inclusion/0").status_code == 404


def test_the_page_says_what_was_signed_and_what_waits(
    client: FlaskClient, session: Session, written: list[Entry], sign_in: Callable[..., Any]
) -> None:
    sign_in(make_user(session, role=Role.AUDITOR))
    entries.record(session, SYSTEM, VERB, subject="user:1")
    session.flush()
    with counted(session) as said:
        page = client.get("/audit/log/proof")
    assert page.status_code == 200
    assert len(said) <= 8
    latest = heads.latest(session)
    assert latest is not None
    assert latest.root.hex() in page.text
    assert latest.key_id in page.text
    assert "/log/head?keep=1" in page.text
    assert "/audit/log/proof" in client.get("/audit/log").text


def test_another_head_outside_is_an_alarm_among_the_failures(
    client: FlaskClient, session: Session, written: list[Entry], sign_in: Callable[..., Any]
) -> None:
    latest = heads.latest(session)
    assert latest is not None
    heads.export(latest).write_text('{"root": "00"}')
    queue.enqueue(session, sequencer.SEQUENCE)
    queue.run_pending(session, reraise=False)
    sign_in(make_user(session, role=Role.ADMINISTRATOR))
    page = client.get("/admin/failures").text
    assert "Take new audit entries into the log and sign it" in page
    assert "RolledBack" in page
