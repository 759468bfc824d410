"""Bundles: whole, checkable without the portal, the same however often they are begun, and never outside memory."""

import csv
import dataclasses
import hashlib
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.audit import heads, verifier
from app.audit.models import Entry
from app.cases import bundle_build, bundle_samples, bundles, engine, measures, sampling
from app.cases.bundle_samples import Wanted
from app.cases.models import Bundle, BundlePart, BundleState, Case, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.core import clock
from app.core.errors import Invalid
from app.documents import records, store
from app.documents.bundles import Archive
from app.documents.models import Upload
from app.identity.actor import Actor, Role
from app.jobs import queue
from app.jurisdictions import load
from app.web.auditor import tasks
from tests.factories.cases import acting, licence, submitted
from tests.factories.people import make_user
from tests.services.conftest import People

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def log_of_its_own(rwanda: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Heads are exported for good, and what a test writes into the log is not."""
    monkeypatch.setattr(heads, "_place", dataclasses.replace(heads._configured(), folder=tmp_path / "heads"))


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
        assert set(archive.namelist()) == set(listed) | {"manifest.json"}
        assert list(listed) == sorted(listed)
        assert manifest["format"] == "kibali-bundle/1"
        for path, each in listed.items():
            content = archive.read(path)
            assert (len(content), hashlib.sha256(content).hexdigest()) == (each["size"], each["sha256"]), path
        sums = archive.read("SHA256SUMS").decode().splitlines()
        assert sums == [f"{each['sha256']}  {path}" for path, each in listed.items() if path != "SHA256SUMS"]
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
        listed = json.loads(archive.read("records.json"))
        papers = [archive.read(f"records/{each['code']}.pdf") for each in listed]
        printed = archive.read(f"cases/{case.reference}/case.pdf")
        rows = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode("utf-8-sig"))))
        readme = archive.read("README.txt").decode()
    issued = records.for_case(rwanda, case.id)
    assert papers == [records.open_bytes(record) for record in issued] != []
    assert [each["sha256"] for each in listed] == [record.sha256 for record in issued]
    assert printed.startswith(b"%PDF")
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
    while bundle.state in bundles.UNFINISHED:
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


def test_a_second_click_makes_no_second_bundle(rwanda: Session, people: People, auditor: Actor) -> None:
    one, other = decided(rwanda, people), submitted(rwanda, people.applicant)
    first = asked_for(rwanda, auditor, one)
    assert asked_for(rwanda, auditor, one) is first
    assert asked_for(rwanda, auditor, one, other) is not first
    first.state = BundleState.FAILED.value
    rwanda.flush()
    assert asked_for(rwanda, auditor, one) is not first


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


def test_what_failed_and_was_left_is_forgotten_after_a_week(
    rwanda: Session, people: People, auditor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_build, "PART", 1)
    bundle = asked_for(rwanda, auditor, submitted(rwanda, people.applicant), submitted(rwanda, people.stranger))
    tasks.build_bundle(rwanda, bundle_id=bundle.id)
    bundles.note_failure(rwanda, bundle.id, "OSError", final=True)
    part = rwanda.scalars(select(BundlePart.sha256)).one()
    with clock.at(clock.now() + timedelta(days=7, minutes=1)):
        bundles.expire(rwanda)
    assert not store.current().has(part)
    assert bundle.done == 0
    bundles.retry(rwanda, auditor, bundle)
    queue.run_pending(rwanda)
    assert (bundle.state, bundle.done) == (BundleState.READY, 2)


def test_the_verifier_finds_a_bundle_right_and_a_changed_entry_wrong(
    rwanda: Session, people: People, auditor: Actor, tmp_path: Path
) -> None:
    bundle = built(rwanda, auditor, decided(rwanda, people), submitted(rwanda, people.stranger))
    with opened(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    entries = [json.loads(line) for line in files["log/entries.jsonl"].splitlines()]
    log = json.loads(files["manifest.json"])["log"]
    assert log["entries"] == len(entries)
    assert log["waiting"] == 0, "the log caught up before the bundle was closed"
    assert {entry["document"]["verb"] for entry in entries} >= {"case.submit", "case.approve", "case.bundled"}
    whole = tmp_path / "whole.zip"
    whole.write_bytes(b"".join(store.current().stream(bundle.sha256 or "")))
    alone = tmp_path / "verify.py"
    alone.write_bytes(files["verify.py"])
    told = subprocess.run([sys.executable, str(alone), str(whole)], cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    files["log/entries.jsonl"] = files["log/entries.jsonl"].replace(b'"case.approve"', b'"case.refuse"')
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(changed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert verifier.main([str(changed)]) == 1


# --- samples ----------------------------------------------------------------------------------------------------------


def everything() -> Any:
    return select(Case)


def test_a_sample_is_kept_with_its_seed_and_population_and_is_drawn_again_from_the_zip(
    rwanda: Session, people: People, auditor: Actor, tmp_path: Path
) -> None:
    cases = [submitted(rwanda, people.applicant if n % 2 else people.stranger) for n in range(6)]
    wanted = Wanted("stratified", 3, "service", "5eed")
    drawn = bundle_samples.draw(rwanda, load.current(), everything(), wanted)
    again = bundle_samples.draw(rwanda, load.current(), everything(), wanted)
    assert drawn == again
    assert drawn.sample.population == 6
    bundle = bundles.ask(rwanda, load.current(), auditor, drawn.cases, title="", chosen={}, drawn=drawn)
    queue.run_pending(rwanda)
    rwanda.refresh(bundle)
    assert (bundle.method, bundle.seed, bundle.population, bundle.total) == ("stratified", "5eed", 6, 3)
    ordered = sorted(case.reference.encode() + b"\n" for case in cases)
    assert bundle.population_sha256 == hashlib.sha256(b"".join(ordered)).hexdigest()
    noted = rwanda.scalars(select(Entry.detail).where(Entry.verb == "bundle.requested")).one()
    assert (noted["seed"], noted["population_sha256"]) == ("5eed", bundle.population_sha256)
    with opened(bundle) as archive:
        archive.extractall(tmp_path)
        assert json.loads(archive.read("manifest.json"))["selection"]["sample"]["seed"] == "5eed"
        folders = {name.split("/")[1] for name in archive.namelist() if name.startswith("cases/")}
    assert folders == set(drawn.sample.drawn)
    assert sampling.main(tmp_path) == 0


def test_money_and_lanes_come_from_the_services_that_know_them(rwanda: Session, exporter: Actor) -> None:
    licences = [submitted(rwanda, exporter, "export_licence", licence()) for _each in range(2)]
    other = submitted(rwanda, exporter)
    pack = load.current()
    ids = [case.id for case in (*licences, other)]
    values = measures.amount_of(rwanda, pack, "value", ids)
    assert values[licences[0].id] == values[licences[1].id] > 96_000
    assert other.id not in values
    assert measures.amount_of(rwanda, pack, "fee", ids)[licences[0].id] > 0
    assert measures.layer_of(rwanda, pack, "channel", ids)[licences[0].id] == "general_trade"
    assert measures.layer_of(rwanda, pack, "service", ids)[other.id] == "registration"
    assert {"lane", "channel", "service", "fee_band"} == set(measures.layers())
    drawn = bundle_samples.draw(rwanda, pack, everything(), Wanted("monetary", 2, "value", "a"))
    assert set(drawn.sample.drawn) == {case.reference for case in licences}
    assert drawn.sample.without_amount == 1


def test_nothing_to_draw_and_too_large_a_population_are_refused(
    rwanda: Session, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(wanted: Wanted) -> str:
        with pytest.raises(Invalid) as error:
            bundle_samples.draw(rwanda, load.current(), everything(), wanted)
        return str(error.value.problems[0].message)

    assert refused(Wanted("simple", 1)) == "No case matches."
    submitted(rwanda, people.applicant)
    assert refused(Wanted("monetary", 1, "value")) == "No case that matches has such an amount."
    monkeypatch.setattr(bundle_samples, "MOST", 0)
    assert "at most 0 cases" in refused(Wanted("simple", 1))


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


def test_memory_does_not_grow_with_the_bundle(rwanda: Session) -> None:
    """Sixty papers of two megabytes are a bundle of 120, made in a small part of that."""
    size = 2_000_000
    file, content = store.current().scratch(), bytes(size)
    tracemalloc.start()
    archive = Archive(file, clock.now())
    for number in range(60):
        archive.add(f"paper-{number}.pdf", content, packed=False)
    archive.add_pieces("log.jsonl", (content for _number in range(60)))
    archive.finish({})
    _sha256, length = store.current().put_file(file)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    file.close()
    assert length > 60 * size
    assert peak < 5 * size
