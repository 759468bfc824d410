"""Bundles on pages: asked for by ticks or by filters, watched, downloaded, and each download written down."""

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import heads
from app.audit.models import Entry
from app.cases import bundles, engine
from app.cases.models import Bundle, Case
from app.cases.workflow import Action
from app.core import clock
from app.documents import store
from app.identity.actor import Role
from app.identity.models import User
from app.jobs import queue
from tests.factories.cases import acting, registration, submitted
from tests.factories.people import make_user
from tests.services.conftest import cast
from tests.support.statements import counted
from tests.web.conftest import post

SignIn = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def log_of_its_own(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Heads are exported for good, and what a test writes into the log is not."""
    monkeypatch.setattr(heads, "_place", dataclasses.replace(heads._configured(), folder=tmp_path / "heads"))


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
    assert bundle.sha256 in reader.get(f"/audit/bundles/{bundle.code}").text
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


# --- choosing and drawing ---------------------------------------------------------------------------------------------


def test_how_many_is_said_before_asking_and_the_sample_is_then_drawn_with_the_seed_shown(
    session: Session, reader: FlaskClient, auditor: User, cases: list[Case]
) -> None:
    plain = reader.get("/audit/bundles/new")
    assert plain.status_code == 200
    assert "match" not in plain.text.partition("<form")[0]
    page = reader.get("/audit/bundles/new?count=1&q=zebra&method=simple&size=2")
    assert "3 cases match" in page.text
    assert "Up to 2 cases will be drawn" in page.text
    seed = re.search(r'name="seed"[^>]*value="([0-9a-f]{16})"', page.text)
    assert seed is not None
    fields = {"q": "zebra", "method": "simple", "size": "2", "seed": seed[1], "title": "Two of three"}
    answer = post(reader, "/audit/bundles/new", fields)
    bundle = only(session)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/audit/bundles/{bundle.code}")
    assert (bundle.total, bundle.population, bundle.seed, bundle.method) == (2, 3, seed[1], "simple")
    detail = reader.get(f"/audit/bundles/{bundle.code}")
    assert detail.headers["Refresh"] == "3"
    for said in (seed[1], bundle.population_sha256, "zebra", "verify.py"):
        assert str(said) in detail.text
    assert verbs_of(session, auditor) == ["bundle.requested", "case.bundled", "case.bundled"]


def test_all_that_match_can_be_asked_for_on_the_same_page(
    session: Session, reader: FlaskClient, cases: list[Case]
) -> None:
    page = reader.get("/audit/bundles/new?count=1&q=zebra&method=all&business=&since=")
    assert "All of them will be in the bundle" in page.text
    assert 'name="seed"' not in page.text
    post(reader, "/audit/bundles/new", {"q": "zebra", "method": "all"})
    assert (only(session).total, only(session).population_sha256) == (3, None)


def test_cases_are_found_by_the_official_who_acted(session: Session, reader: FlaskClient, cases: list[Case]) -> None:
    people = cast(session)
    engine.perform(session, cases[1], Action.TAKE, people.registrar, version=cases[1].version)
    address = session.get_one(User, people.registrar.user_id).email
    session.commit()
    assert "1 case matches" in reader.get(f"/audit/bundles/new?count=1&official={address.upper()}").text
    assert "0 cases match" in reader.get("/audit/bundles/new?count=1&official=nobody@example.org").text
    post(reader, "/audit/bundles/new", {"official": address, "method": "all"})
    assert only(session).selection["cases"] == [cases[1].id]
    assert cases[1].reference in reader.get(f"/audit?official={address}").text


@pytest.mark.parametrize(
    "fields",
    [
        {"q": "zebra", "method": "simple"},
        {"q": "zebra", "method": "simple", "size": "0"},
        {"q": "zebra", "method": "guess", "size": "1"},
        {"q": "zebra", "method": "stratified", "layer": "moon", "size": "1"},
        {"q": "zebra", "method": "monetary", "amount": "value", "size": "1"},  # registrations declare none
        {"q": "no such words", "method": "all"},
        {"q": "no such words", "method": "simple", "size": "3"},
        {"since": "rubbish", "method": "all"},
    ],
)
def test_what_cannot_be_drawn_is_said_and_makes_nothing(
    session: Session, reader: FlaskClient, cases: list[Case], fields: dict[str, str]
) -> None:
    answer = post(reader, "/audit/bundles/new", fields)
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    assert session.scalars(select(Bundle)).all() == []


def test_the_pages_take_few_statements(session: Session, reader: FlaskClient, cases: list[Case]) -> None:
    post(reader, "/audit/bundles/new", {"q": "zebra", "method": "stratified", "layer": "service", "size": "2"})
    code = only(session).code
    for address in (
        "/audit/bundles",
        f"/audit/bundles/{code}",
        "/audit/bundles/new",
        "/audit/bundles/new?count=1&q=zebra&method=monetary&amount=fee&size=2",
    ):
        with counted(session) as said:
            assert reader.get(address).status_code == 200
        assert len(said) <= 8, address


# --- downloading in pieces --------------------------------------------------------------------------------------------


@pytest.fixture
def made(session: Session, reader: FlaskClient, cases: list[Case]) -> Bundle:
    post(reader, "/audit/bundles", {"case": cases[0].reference})
    queue.run_pending(session)
    session.commit()
    return only(session)


def test_a_download_that_broke_off_goes_on_and_each_piece_is_noted(
    session: Session, reader: FlaskClient, auditor: User, made: Bundle
) -> None:
    address = f"/audit/bundles/{made.code}.zip"
    whole = reader.get(address)
    assert (whole.headers["Accept-Ranges"], whole.headers["ETag"]) == ("bytes", f'"{made.sha256}"')
    half = len(whole.data) // 2
    rest = reader.get(address, headers={"Range": f"bytes={half}-", "If-Range": whole.headers["ETag"]})
    assert rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes {half}-{made.size - 1}/{made.size}"
    assert int(rest.headers["Content-Length"]) == len(rest.data)
    assert rest.data == whole.data[half:]
    first = reader.get(address, headers={"Range": f"bytes=0-{half - 1}"})
    assert first.data + rest.data == whole.data
    assert reader.get(address, headers={"Range": "bytes=-10"}).data == whole.data[-10:]
    noted = session.scalars(select(Entry.detail).where(Entry.verb == "bundle.downloaded").order_by(Entry.id)).all()
    assert [(each.get("from"), each.get("to")) for each in noted] == [
        (None, None), (half, made.size), (0, half), (made.size - 10, made.size),
    ]  # fmt: skip


def test_a_range_of_something_else_is_answered_with_the_whole_or_refused(reader: FlaskClient, made: Bundle) -> None:
    address = f"/audit/bundles/{made.code}.zip"
    for headers in (
        {"Range": "bytes=5-", "If-Range": '"another"'},
        {"Range": "bytes=5-", "If-Range": "Sun, 01 Nov 2026 00:00:00 GMT"},
        {"Range": "bytes=0-1,4-5"},
        {"Range": "lines=1-2"},
        {"Range": "rubbish"},
    ):
        answer = reader.get(address, headers=headers)
        assert (answer.status_code, len(answer.data)) == (200, made.size)
    beyond = reader.get(address, headers={"Range": f"bytes={made.size}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{made.size}")
    head = reader.head(address)
    assert (head.status_code, head.headers["Content-Length"], head.data) == (200, str(made.size), b"")


def test_the_end_of_changed_bytes_never_arrives(made: Bundle) -> None:
    place = store.current()
    assert isinstance(place, store.FolderStore)
    path = place.path(made.sha256 or "")
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.chmod(0o640)
    path.write_bytes(content)
    with pytest.raises(store.Damaged):
        list(place.stream(made.sha256 or "", len(content) - 5))


def test_a_head_that_was_kept_goes_with_the_bundle_and_a_wrong_one_loses_nothing(
    session: Session, reader: FlaskClient, cases: list[Case]
) -> None:
    fields = {"q": "zebra", "method": "all", "title": "Since my visit"}
    answer = post(reader, "/audit/bundles/new", {**fields, "head": '{"size": 7}'})
    assert answer.status_code == 422
    for said in ("3 cases match", "Since my visit", "{&#34;size&#34;: 7}", "paste the whole content"):
        assert said in answer.text, said
    assert session.scalars(select(Bundle)).all() == []
    post(reader, "/audit/bundles/new", fields)
    queue.run_pending(session)
    session.commit()
    size = only(session).log_size
    answer = post(reader, "/audit/bundles/new", {**fields, "head": str(size)})
    assert answer.status_code == 303
    page = reader.get(answer.headers["Location"])
    assert "--head kept-head.json" in page.text
