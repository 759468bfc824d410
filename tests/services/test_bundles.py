"""Bundles: whole, checkable without the portal, the same however often they are begun, and never outside memory."""

import csv
import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

import app
from app.audit.models import Entry
from app.cases import bundles, engine
from app.cases.models import Bundle, BundleState, Case, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.core import clock, db
from app.core.errors import Invalid
from app.documents import records, store
from app.documents.bundles import Archive
from app.documents.models import Record, Upload
from app.identity.actor import Actor, Role
from app.jobs import queue
from app.jurisdictions import load
from app.web.auditor import tasks
from tests.factories.cases import acting, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, settings_for


@pytest.fixture
def auditor(rwanda: Session) -> Actor:
    return acting(rwanda, make_user(rwanda, role=Role.AUDITOR, name="Agnès Auditor"))


def move(session: Session, case: Case, action: Action, actor: Actor, payload: Payload | None = None) -> Case:
    return engine.perform(session, case, action, actor, version=case.version, reason="because", payload=payload)


def decided(session: Session, people: People) -> Case:
    """A registration that was asked about, answered and approved: two submissions, a decision, a certificate."""
    case = submitted(session, people.applicant)
    move(session, case, Action.TAKE, people.registrar)
    asked = Payload(fields=(AskedField("name", "name.name", "Name"),))
    move(session, case, Action.ASK, people.registrar, asked)
    case.draft = {**case.draft, "name": {**case.draft["name"], "raw": {"name": [f"Ikawa nziza {case.id}"]}}}
    move(session, case, Action.SUBMIT, people.applicant, Payload(declared=True))
    move(session, case, Action.RECOMMEND, people.registrar, Payload(outcome=Outcome.APPROVE))
    return move(session, case, Action.APPROVE, people.supervisor)


def asked_for(session: Session, auditor: Actor, *cases: Case) -> Bundle:
    return bundles.ask(session, load.current(), auditor, cases, title="My bundle", chosen={"q": "ikawa"})


def built(session: Session, auditor: Actor, *cases: Case) -> Bundle:
    bundle = asked_for(session, auditor, *cases)
    queue.run_pending(session)
    session.refresh(bundle)
    return bundle


def opened(bundle: Bundle) -> zipfile.ZipFile:
    assert bundle.sha256 is not None
    return zipfile.ZipFile(io.BytesIO(b"".join(store.current().stream(bundle.sha256))))


def test_every_file_has_the_hash_of_the_manifest_and_none_is_unlisted(
    rwanda: Session, people: People, auditor: Actor
) -> None:
    bundle = built(rwanda, auditor, decided(rwanda, people), submitted(rwanda, people.stranger))
    assert (bundle.state, bundle.done, bundle.missing) == (BundleState.READY, 2, 0)
    with opened(bundle) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        listed = {each["path"]: each for each in manifest["files"]}
        assert set(archive.namelist()) == set(listed) | {"manifest.json", "SHA256SUMS"}
        for path, each in listed.items():
            content = archive.read(path)
            assert (len(content), hashlib.sha256(content).hexdigest()) == (each["size"], each["sha256"]), path
        sums = archive.read("SHA256SUMS")
        assert sums.decode().splitlines() == [f"{each['sha256']}  {path}" for path, each in listed.items()]
        assert manifest["totals"]["sha256sums_sha256"] == hashlib.sha256(sums).hexdigest()
        assert manifest["totals"]["files"] == len(listed)
        assert manifest["totals"]["bytes"] == sum(each["size"] for each in listed.values())
        assert archive.testzip() is None


def test_a_bundle_holds_the_records_as_issued_and_everything_that_was_sent(
    rwanda: Session, people: People, auditor: Actor
) -> None:
    case = decided(rwanda, people)
    with opened(built(rwanda, auditor, case)) as archive:
        names = archive.namelist()
        document = json.loads(archive.read(f"cases/{case.reference}/case.json"))
        papers = [archive.read(name) for name in names if f"cases/{case.reference}/records/" in name]
        rows = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode("utf-8-sig"))))
        readme = archive.read("README.txt").decode()
    issued = records.for_case(rwanda, case.id)
    assert papers == [records.open_bytes(record) for record in issued] != []
    assert [each["number"] for each in document["submissions"]] == [1, 2]
    assert document["decision"]["reason"] == "because"
    assert {each["verb"] for each in document["audit"]} >= {"case.submit", "case.approve", "case.bundled"}
    assert [(row["reference"], row["outcome"]) for row in rows] == [(case.reference, "approve")]
    assert rows[0]["folder"] == f"cases/{case.reference}"
    assert "sha256sum --check SHA256SUMS" in readme
    wanted = {each["sha256"][:16] for submission in document["submissions"] for each in submission["documents"]}
    assert wanted, "the case has documents"
    assert all(any(digest in name for name in names) for digest in wanted)


def test_a_damaged_or_unfinished_paper_is_named_instead_of_failing_the_bundle(
    rwanda: Session, people: People, auditor: Actor
) -> None:
    case = decided(rwanda, people)
    rwanda.execute(update(Upload).where(Upload.case_id == case.id).values(filename="paper.png"))
    lost = rwanda.scalars(select(Upload).where(Upload.case_id == case.id)).all()
    place = store.current()
    assert isinstance(place, store.FolderStore)
    content = place.get(lost[0].sha256)
    place.path(lost[0].sha256).unlink()
    bundle = asked_for(rwanda, auditor, case)
    tasks.build_bundle(rwanda, bundle_id=bundle.id)  # before the certificate is rendered
    place.put(content)
    assert bundle.state == BundleState.READY
    with opened(bundle) as archive:
        reasons = {each["reason"] for each in json.loads(archive.read("manifest.json"))["missing"]}
    assert reasons == {"damaged", "being prepared"}
    assert bundle.missing >= 2


def test_a_formula_in_a_title_is_only_text_in_the_index(rwanda: Session, people: People, auditor: Actor) -> None:
    case = submitted(rwanda, people.applicant)
    case.title = "=HYPERLINK(1)"
    with opened(built(rwanda, auditor, case)) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode("utf-8-sig"))))
    assert rows[0]["title"] == "'=HYPERLINK(1)"


def test_asking_is_an_audit_entry_and_one_for_each_case(rwanda: Session, people: People, auditor: Actor) -> None:
    case = submitted(rwanda, people.applicant)
    asked_for(rwanda, auditor, case, case)
    found = rwanda.scalars(select(Entry.verb).where(Entry.actor_id == auditor.user_id).order_by(Entry.id)).all()
    assert found == ["bundle.requested", "case.bundled"]


def test_nothing_and_too_much_are_refused(
    rwanda: Session, people: People, auditor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Invalid):
        asked_for(rwanda, auditor)
    monkeypatch.setattr(bundles, "MOST", 1)
    with pytest.raises(Invalid) as refused:
        asked_for(rwanda, auditor, submitted(rwanda, people.applicant), submitted(rwanda, people.stranger))
    assert refused.value.code == "too_many"


def test_after_a_week_the_bytes_are_gone_and_the_row_says_so(rwanda: Session, people: People, auditor: Actor) -> None:
    bundle = built(rwanda, auditor, submitted(rwanda, people.applicant))
    assert bundles.downloadable(bundle)
    assert bundles.expire(rwanda) == 0
    with clock.at(clock.now() + timedelta(days=7, minutes=1)):
        assert not bundles.downloadable(bundle)
        assert bundles.expire(rwanda) == 1
        assert bundles.expire(rwanda) == 0
    assert bundle.state == BundleState.EXPIRED
    assert bundle.sha256 is not None
    assert not store.current().has(bundle.sha256)


def test_an_archive_is_the_same_bytes_each_time_and_refuses_paths_that_lead_out() -> None:
    def made() -> bytes:
        file = io.BytesIO()
        archive = Archive(file, clock.now().replace(2026, 1, 2, 3, 4, 5))
        archive.add("a/b.txt", b"words " * 100)
        archive.add("a/c.pdf", b"%PDF", packed=False)
        archive.finish({"bundle": "x"})
        return file.getvalue()

    assert made() == made()
    archive = Archive(io.BytesIO(), clock.now())
    archive.add("twice", b"")
    for path in ("../up", "/root", "a//b", "a/../b", "twice", "manifest.json", "back\\slash"):
        with pytest.raises(ValueError, match="cannot be added"):
            archive.add(path, b"")


# --- the job, with real commits ---------------------------------------------------------------------------------------


@pytest.fixture
def portal(committed: db.Database, store_folder: Path) -> Iterator[db.Database]:
    app.configure(settings_for(committed.engine.url.render_as_string(hide_password=False), store_folder))
    db.configure(committed)
    return committed


def three_cases(database: db.Database) -> int:
    """Asked for and committed; returns the bundle's id."""
    with db.unit_of_work() as session:
        people = cast(session)
        auditor = acting(session, make_user(session, role=Role.AUDITOR))
        cases = [decided(session, people), submitted(session, people.applicant), submitted(session, people.stranger)]
        bundle = asked_for(session, auditor, *cases)
        return bundle.id


class Killed(BaseException):
    """What a SIGKILL is to the job: nothing after it runs."""


def test_a_killed_job_leaves_nothing_and_the_next_run_makes_one_good_bundle(
    portal: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle_id = three_cases(portal)
    files = _files()
    gather, seen = bundles.case_file.gather, []

    def stopped(session, pack, case, neighbours):  # type: ignore[no-untyped-def]
        seen.append(case.id)
        if len(seen) == 3:
            raise Killed
        return gather(session, pack, case, neighbours)

    monkeypatch.setattr(bundles.case_file, "gather", stopped)
    with pytest.raises(Killed), db.unit_of_work() as session:
        tasks.build_bundle(session, bundle_id=bundle_id)
    with db.unit_of_work() as session:
        bundle = session.get_one(Bundle, bundle_id)
        assert (bundle.state, bundle.done, bundle.sha256) == (BundleState.BUILDING, 2, None)
    assert _files() == files, "no half-written file stays behind"
    monkeypatch.setattr(bundles.case_file, "gather", gather)
    for _again in range(2):  # and once more after it is ready, which changes nothing
        with db.unit_of_work() as session:
            tasks.build_bundle(session, bundle_id=bundle_id)
        with db.unit_of_work() as session:
            bundle = session.get_one(Bundle, bundle_id)
            assert (bundle.state, bundle.done) == (BundleState.READY, 3)
            with opened(bundle) as archive:
                assert archive.testzip() is None
                assert json.loads(archive.read("manifest.json"))["cases"] == 3
    assert len(_files() - files) == 1
    assert hashlib.sha256(b"".join(store.current().stream(bundle.sha256 or ""))).hexdigest() == bundle.sha256


def test_progress_is_seen_while_the_job_is_at_work(portal: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle_id = three_cases(portal)
    gather, seen = bundles.case_file.gather, []

    def watching(session, pack, case, neighbours):  # type: ignore[no-untyped-def]
        with portal.sessions() as other:
            seen.append(other.execute(select(Bundle.state, Bundle.done).where(Bundle.id == bundle_id)).one())
        return gather(session, pack, case, neighbours)

    monkeypatch.setattr(bundles.case_file, "gather", watching)
    with db.unit_of_work() as session:
        tasks.build_bundle(session, bundle_id=bundle_id)
    assert [tuple(row) for row in seen] == [("building", 0), ("building", 1), ("building", 2)]


def test_a_job_that_fails_for_good_is_shown_and_can_be_tried_again(
    portal: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle_id = three_cases(portal)

    def broken(*arguments: object) -> None:
        raise RuntimeError("no disk")

    with monkeypatch.context() as patched:
        patched.setattr(bundles, "_write", broken)
        for hours in (0, 1, 2):
            with clock.at(clock.now() + timedelta(hours=hours)):
                queue.run_pending(reraise=False)
            with db.unit_of_work() as session:
                expected = BundleState.FAILED if hours == 2 else BundleState.QUEUED
                assert session.get_one(Bundle, bundle_id).state == expected
    with db.unit_of_work() as session:
        bundle = session.get_one(Bundle, bundle_id)
        assert bundle.error
        auditor = acting(session, make_user(session, role=Role.AUDITOR))
        bundles.retry(session, auditor, bundle)
        bundles.retry(session, auditor, bundle)  # a double click asks for one job
    queue.run_pending()
    with db.unit_of_work() as session:
        assert session.get_one(Bundle, bundle_id).state == BundleState.READY
        assert session.scalar(select(func.count()).select_from(Record).where(Record.state == "pending")) == 0


def test_memory_does_not_grow_with_the_bundle(portal: db.Database) -> None:
    """Sixty papers of two megabytes are a bundle of 120, made in a small part of that."""
    size = 2_000_000
    file, content = store.current().scratch(), bytes(size)
    tracemalloc.start()
    archive = Archive(file, clock.now())
    for number in range(60):
        archive.add(f"paper-{number}.pdf", content, packed=False)
    archive.finish({})
    _sha256, length = store.current().put_file(file)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    file.close()
    assert length > 60 * size
    assert peak < 5 * size


def _files() -> set[str]:
    place = store.current()
    assert isinstance(place, store.FolderStore)
    return {str(path) for path in place.folder.rglob("*") if path.is_file()}
