"""Who signed, and how anyone checks it without us: in plain words, to everybody."""

from collections.abc import Iterator

import pytest
from cryptography import x509
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.core import i18n
from app.documents import records, seals, signing
from app.documents.models import Record
from app.jobs import queue
from tests.support.seals import Office, open_office

KIND = "test.seal_pages"
NAEB = "National Agricultural Export Development Board"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("office") / "seal") as made:
        yield made


@pytest.fixture
def record(client: FlaskClient, session: Session, office: Office) -> Iterator[Record]:
    """``client`` comes first: the portal it belongs to has its own settings."""
    records.register_kind(KIND, "Permit", records.as_issued)
    office.configure()
    made = records.request(
        session, kind=KIND, template="generic.html", title="Export licence", data={"number": "RW-EXP-2026-00042"},
        locale="en_RW", subject="permit:1", issuer=NAEB,
    )  # fmt: skip
    queue.run_pending(session)
    session.refresh(made)
    yield made
    signing.configure("")
    del records._kinds[KIND]


def test_the_check_says_who_signed_and_when(client: FlaskClient, record: Record) -> None:
    page = client.get(f"/verify/{record.code}").text
    assert record.signed_at is not None
    assert "The signature in the PDF" in page
    assert page.count(NAEB) >= 2
    assert i18n.format_datetime(record.signed_at) in page
    assert 'href="/seal"' in page


def test_by_its_number_the_check_says_nothing_of_the_signature(client: FlaskClient, record: Record) -> None:
    assert "The signature in the PDF" not in client.get("/verify/RW-EXP-2026-00042").text


def test_the_root_can_be_downloaded_and_compared(client: FlaskClient, record: Record, office: Office) -> None:
    answer = client.get("/seal/root.pem")
    assert answer.content_type == "application/x-pem-file"
    root = x509.load_pem_x509_certificate(answer.data)
    assert answer.data == (office.folder / "root.pem").read_bytes()
    page = client.get("/seal").text
    shown = seals.fingerprint(root).upper()
    assert " ".join(shown[at : at + 4] for at in range(0, 64, 4)) in page
    assert 'href="/seal/root.pem"' in page
    assert client.get("/seal/time-stamps.pem").data == (office.folder / "tsa-roots.pem").read_bytes()


def test_without_a_seal_there_is_no_root_and_the_page_says_so(client: FlaskClient) -> None:
    signing.configure("")
    assert client.get("/seal/root.pem").status_code == 404
    assert "does not sign its documents" in client.get("/seal").text
