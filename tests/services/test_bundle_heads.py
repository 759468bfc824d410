"""Bundles that continue an earlier head: what an auditor kept shows a log that was rewritten, also with its own key."""

import base64
import dataclasses
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.audit import heads, verifier
from app.audit.models import Entry, Leaf
from app.cases import bundle_heads, bundles
from app.cases.models import Bundle, Case
from app.core.errors import Invalid
from app.documents import store
from app.identity.actor import Actor, Role
from app.jobs import queue
from app.jurisdictions import load
from tests.factories.cases import acting, submitted
from tests.factories.people import make_user
from tests.services.conftest import People
from tests.support import rewriting


@pytest.fixture(autouse=True)
def log_of_its_own(rwanda: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Heads are exported for good, and what a test writes into the log is not."""
    monkeypatch.setattr(heads, "_place", dataclasses.replace(heads._configured(), folder=tmp_path / "heads"))
    monkeypatch.setattr("app.cases.bundle_contents._print", lambda *given: None)  # nobody reads case.pdf here


@pytest.fixture
def auditor(rwanda: Session) -> Actor:
    return acting(rwanda, make_user(rwanda, role=Role.AUDITOR, name="Agnès Auditor"))


@pytest.fixture
def case(rwanda: Session, people: People) -> Case:
    return submitted(rwanda, people.applicant)


def built(session: Session, auditor: Actor, case: Case, head: str = "") -> Bundle:
    bundle = bundles.ask(session, load.current(), auditor, [case], title="Mine", chosen={}, head=head)
    queue.run_pending(session)
    session.refresh(bundle)
    return bundle


def zipped(bundle: Bundle) -> bytes:
    assert bundle.sha256 is not None
    return b"".join(store.current().stream(bundle.sha256))


def inside(bundle: Bundle, path: str) -> Any:
    with zipfile.ZipFile(io.BytesIO(zipped(bundle))) as archive:
        return json.loads(archive.read(path)) if path in archive.namelist() else None


def checked(bundle: Bundle, kept: Any = None) -> verifier.Report:
    return verifier.check(io.BytesIO(zipped(bundle)), verifier.Options(kept))


def rewritten(session: Session) -> None:
    """The rest of the log made to agree, with the key in use, and the folder of heads emptied."""
    rewriting.sign_again(session, rewriting.recompute(session), heads._configured().key)
    rewriting.guard(session)
    for path in heads.folder().rglob("*.json"):
        path.unlink()


def test_the_next_bundle_continues_the_last_one_by_itself(rwanda: Session, auditor: Actor, case: Case) -> None:
    first = built(rwanda, auditor, case)
    assert inside(first, "log/consistency.json") is None
    kept = inside(first, "log/head.json")
    assert first.log_size == kept["size"] > 0
    second = built(rwanda, auditor, case)
    proof = inside(second, "log/consistency.json")
    assert (proof["first"], proof["second"]) == (kept["size"], second.log_size)
    report = checked(second, kept)
    assert report.exit_code == 0, report.as_text()
    assert f"the log continues the head you kept ({kept['size']} entries" in report.as_text()
    other = acting(rwanda, make_user(rwanda, role=Role.AUDITOR))
    assert inside(built(rwanda, other, case), "log/consistency.json") is None, "they had none before"


def test_a_head_is_given_by_its_size_or_as_its_file(rwanda: Session, auditor: Actor, case: Case) -> None:
    kept = inside(built(rwanda, auditor, case), "log/head.json")
    built(rwanda, auditor, case)
    for typed in (str(kept["size"]), json.dumps(kept, indent=1), f" {kept['size']}\n"):
        bundle = built(rwanda, auditor, case, typed)
        assert inside(bundle, "log/consistency.json")["first"] == kept["size"]
        assert checked(bundle, kept).exit_code == 0
    noted = sa.select(Entry.detail).where(Entry.verb == "bundle.requested").order_by(Entry.id.desc())
    assert rwanda.scalars(noted.limit(1)).one()["since_head"] == kept["size"]


def test_what_is_no_head_of_this_log_is_refused_at_the_field(rwanda: Session, auditor: Actor, case: Case) -> None:
    kept = inside(built(rwanda, auditor, case), "log/head.json")
    wrong = {
        "form": ["seven", "{", "[]", "{}", "0", "-1", json.dumps(kept | {"root": "x"})],
        "log_went_back": ["999999", json.dumps(kept | {"size": 999_999})],
        "another_log": [json.dumps(kept | {"log": "https://elsewhere.example/log"})],
    }
    for code, some in wrong.items():
        for typed in some:
            with pytest.raises(Invalid) as refused:
                bundles.ask(rwanda, load.current(), auditor, [case], title="", chosen={}, head=typed)
            assert (refused.value.field, refused.value.code) == (bundle_heads.FIELD, code), typed


def test_the_manifest_says_whether_the_entries_are_a_selection(rwanda: Session, auditor: Actor, case: Case) -> None:
    some = built(rwanda, auditor, case)
    manifest = inside(some, "manifest.json")
    entries = manifest["log"]["entries"]
    assert manifest["whole_log"] is (entries == manifest["log"]["size"]) is False
    assert f"the {entries} entries are a selection of the {some.log_size} of the log" in checked(some).as_text()
    whole = bundles.ask(rwanda, load.current(), auditor, [case], title="", chosen={})
    rewriting.unguard(rwanda)
    rwanda.execute(sa.update(Entry).values(case_id=case.id))  # a log that knows nothing but this case
    rewritten(rwanda)
    queue.run_pending(rwanda)
    rwanda.refresh(whole)
    assert inside(whole, "manifest.json")["whole_log"] is True
    assert "a selection" not in checked(whole).as_text()


def test_a_log_rewritten_with_the_stolen_key_is_found_by_who_kept_a_head(
    rwanda: Session, auditor: Actor, case: Case
) -> None:
    """Everything in the database and the exported heads agree with each other; only the kept head tells."""
    kept = inside(built(rwanda, auditor, case), "log/head.json")
    rewriting.unguard(rwanda)
    entry = sa.select(Leaf.entry_id).where(Leaf.sequence == kept["size"] // 2).scalar_subquery()
    rwanda.execute(sa.update(Entry).where(Entry.id == entry).values(subject="case:0"))
    rewritten(rwanda)
    bundle = built(rwanda, auditor, case, json.dumps(kept))
    assert checked(bundle).exit_code == 0, "by itself it looks sound"
    report = checked(bundle, kept)
    assert report.exit_code == 1
    assert report.first["head"]["before"] == kept["size"]
    assert "history was rewritten" in report.as_text()


def test_a_kept_head_that_is_wrong_is_named(rwanda: Session, auditor: Actor, case: Case) -> None:
    kept = inside(built(rwanda, auditor, case), "log/head.json")
    bundle = built(rwanda, auditor, case)
    assert "is not signed with the key" in checked(bundle, kept | {"root": "00" * 32}).as_text()
    longer = {name: value for name, value in kept.items() if name != "signature"} | {"size": 10**6}
    signature = base64.b64encode(heads._configured().key.sign(verifier.canonical(longer))).decode()
    went_back = checked(bundle, longer | {"signature": signature})
    assert (went_back.exit_code, went_back.first["head"]["sequence"]) == (1, bundle.log_size)
    assert checked(bundle, kept | {"log": "elsewhere"}).exit_code == 1
    nothing = checked(bundle, {"size": 3})
    assert nothing.exit_code == 2
    assert nothing.unable == "the head you kept: it is not a head of the log"
    assert nothing.counts["entries"] > 0, "the rest was checked"
