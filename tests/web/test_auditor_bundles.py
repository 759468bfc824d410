"""Bundles on pages: asked for by ticks or by filters, watched, downloaded, and each download written down."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import bundles
from app.cases.models import Bundle, Case
from app.core import clock
from app.documents import store
from app.identity.actor import Role
from app.identity.models import User
from app.jobs import queue
from tests.factories.cases import acting, registration, submitted
from tests.factories.people import make_user
from tests.web.conftest import post

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def auditor(session: Session, app: Flask) -> User:
    return make_user(session, role=Role.AUDITOR, name="Agnes Auditor")


@pytest.fixture
def reader(sign_in: SignIn, auditor: User) -> FlaskClient:
    return sign_in(auditor)


@pytest.fixture
def cases(session: Session, app: Flask) -> list[Case]:
    made = [
        submitted(session, acting(session, make_user(session)), raw=registration(name))
        for name in ("Zebra Kivu Baskets", "Akagera Honey of the Zebra", "Nyungwe Textile and Zebra Prints")
    ]
    session.commit()
    return made


def verbs_of(session: Session, user: User) -> list[str]:
    return list(session.scalars(select(Entry.verb).where(Entry.actor_id == user.id).order_by(Entry.id)))


def only(session: Session) -> Bundle:
    return session.scalars(select(Bundle).execution_options(populate_existing=True)).one()


def test_ticked_cases_become_a_bundle_that_is_watched_and_downloaded(
    session: Session, reader: FlaskClient, auditor: User, cases: list[Case]
) -> None:
    search = reader.get("/audit?q=zebra")
    assert search.text.count('name="case"') == 3
    ticked = [case.reference for case in cases[:2]]
    answer = post(reader, "/audit/bundles", {"case": ticked, "title": "Two zebras", "q": "zebra"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/audit/bundles")
    page = reader.get("/audit/bundles")
    assert page.headers["Refresh"] == "3"
    assert "0 of 2 cases done" in page.text
    queue.run_pending(session)
    session.commit()
    page = reader.get("/audit/bundles")
    assert "Refresh" not in page.headers
    bundle = only(session)
    assert bundle.sha256 is not None
    assert bundle.sha256 in page.text
    download = reader.get(f"/audit/bundles/{bundle.code}.zip")
    assert download.status_code == 200
    assert download.is_streamed
    assert (download.mimetype, download.headers["Cache-Control"]) == ("application/zip", "private, no-store")
    assert int(download.headers["Content-Length"]) == len(download.data) == bundle.size
    assert hashlib.sha256(download.data).hexdigest() == bundle.sha256
    with zipfile.ZipFile(io.BytesIO(download.data)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        for each in manifest["files"]:
            assert hashlib.sha256(archive.read(each["path"])).hexdigest() == each["sha256"]
    assert {path.split("/")[1] for path in (e["path"] for e in manifest["files"]) if path.startswith("cases/")} == set(
        ticked
    )
    reader.get(f"/audit/bundles/{bundle.code}.zip").close()
    assert verbs_of(session, auditor) == [
        "bundle.requested", "case.bundled", "case.bundled", "bundle.downloaded", "bundle.downloaded",
    ]  # fmt: skip
    assert "Case put into a bundle" in reader.get(f"/audit/{ticked[0]}").text


def test_all_that_match_means_the_filters_and_not_the_page(
    session: Session, reader: FlaskClient, cases: list[Case]
) -> None:
    post(reader, "/audit/bundles", {"all": "1", "q": "zebra", "service": "registration", "case": cases[0].reference})
    bundle = only(session)
    assert bundle.total == 3
    assert bundle.selection["chosen"] == {"q": "zebra", "service": "registration"}
    assert sorted(bundle.selection["cases"]) == sorted(case.id for case in cases)


def test_nothing_ticked_or_a_wrong_filter_is_said_and_makes_nothing(session: Session, reader: FlaskClient) -> None:
    for fields in ({}, {"case": "no-such-case"}, {"all": "1", "since": "rubbish"}, {"all": "1", "q": "zzz no such"}):
        answer = post(reader, "/audit/bundles", fields)
        assert answer.status_code == 422
        assert "There is a problem" in answer.text
        assert "<title>Error:" in answer.text
    assert session.scalars(select(Bundle)).all() == []


def test_more_than_the_most_is_refused(
    session: Session, reader: FlaskClient, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "MOST", 2)
    answer = post(reader, "/audit/bundles", {"all": "1", "q": "zebra"})
    assert answer.status_code == 422
    assert "at most 2 cases" in answer.text


def test_an_expired_or_unfinished_bundle_cannot_be_downloaded(
    session: Session, reader: FlaskClient, cases: list[Case]
) -> None:
    post(reader, "/audit/bundles", {"case": cases[0].reference})
    address = f"/audit/bundles/{only(session).code}.zip"
    assert reader.get(address).status_code == 404
    queue.run_pending(session)
    session.commit()
    assert reader.get(address).status_code == 200
    bundle = only(session)
    bundle.expires_at = clock.now() - timedelta(seconds=1)
    session.commit()
    assert reader.get(address).status_code == 404
    bundles.expire(session)
    session.commit()
    assert "Deleted after a week" in reader.get("/audit/bundles").text


def test_a_failed_bundle_shows_retry_which_works(session: Session, reader: FlaskClient, cases: list[Case]) -> None:
    post(reader, "/audit/bundles", {"case": cases[0].reference})
    bundle = only(session)
    bundles.note_failure(session, bundle.id, "OSError", final=True)
    session.commit()
    page = reader.get("/audit/bundles")
    assert "Failed" in page.text
    assert "Try again" in page.text
    assert "Refresh" not in page.headers
    assert post(reader, f"/audit/bundles/{bundle.code}/retry").status_code == 303
    queue.run_pending(session)
    session.commit()
    assert "Download (" in reader.get("/audit/bundles").text
    assert post(reader, "/audit/bundles/NOSUCHCODE/retry").status_code == 404


def test_changed_bytes_never_arrive_whole(session: Session, reader: FlaskClient, cases: list[Case]) -> None:
    """Whoever downloads gets the bundle with its hash, or a download that breaks off."""
    post(reader, "/audit/bundles", {"case": cases[0].reference})
    queue.run_pending(session)
    session.commit()
    bundle = only(session)
    place = store.current()
    assert isinstance(place, store.FolderStore)
    assert bundle.sha256 is not None
    path = place.path(bundle.sha256)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o640)
    path.write_bytes(content)
    got: list[bytes] = []
    with pytest.raises(store.Damaged):
        got.extend(place.stream(bundle.sha256))
    assert len(b"".join(got)) < len(content)
