"""The jobs that make a bundle, with real commits: killed, they go on; failed, they can be tried again."""

import dataclasses
import hashlib
import json
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

import app
from app.audit import heads
from app.cases import bundle_build, bundle_contents, bundles
from app.cases.models import Bundle, BundlePart, BundleState
from app.core import clock, db
from app.documents import store
from app.documents.models import Record
from app.identity.actor import Role
from app.jobs import queue
from app.web.auditor import tasks
from tests.factories.cases import acting, submitted
from tests.factories.people import make_user
from tests.services.conftest import cast, settings_for
from tests.services.test_bundles import ROOT, asked_for, decided, opened


@pytest.fixture
def portal(committed: db.Database, store_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> db.Database:
    app.configure(settings_for(committed.engine.url.render_as_string(hide_password=False), store_folder))
    db.configure(committed)
    monkeypatch.setattr(heads, "_place", dataclasses.replace(heads._configured(), folder=tmp_path / "heads"))
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


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_build, "PART", 1)


@pytest.mark.usefixtures("small_parts")
def test_a_killed_job_loses_one_part_and_the_next_goes_on_there(
    portal: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle_id = three_cases(portal)
    gather, seen = bundle_contents.case_file.gather, []

    def stopped(session, pack, case, neighbours):  # type: ignore[no-untyped-def]
        seen.append(case.id)
        if len(seen) == 3:
            raise Killed
        return gather(session, pack, case, neighbours)

    monkeypatch.setattr(bundle_contents.case_file, "gather", stopped)
    with pytest.raises(Killed):
        queue.run_pending()
    with db.unit_of_work() as session:
        bundle = session.get_one(Bundle, bundle_id)
        assert (bundle.state, bundle.done, bundle.sha256) == (BundleState.BUILDING, 2, None)
        parts = session.scalars(select(BundlePart.sha256).order_by(BundlePart.number)).all()
    assert len(parts) == 2
    assert all(store.current().has(sha256) for sha256 in parts)
    for _again in range(2):  # and once more after it is ready, which changes nothing
        _all_steps(bundle_id)
        with db.unit_of_work() as session:
            bundle = session.get_one(Bundle, bundle_id)
            assert (bundle.state, bundle.done) == (BundleState.READY, 3)
            assert session.scalars(select(BundlePart)).all() == []
            with opened(bundle) as archive:
                assert archive.testzip() is None
                assert json.loads(archive.read("manifest.json"))["selection"]["cases"] == 3
    assert len(seen) == 4, "the third case twice, the first two once"
    assert not any(store.current().has(sha256) for sha256 in parts)
    assert hashlib.sha256(b"".join(store.current().stream(bundle.sha256 or ""))).hexdigest() == bundle.sha256


def _all_steps(bundle_id: int) -> None:
    """What the worker does with the job of a dead one, and those that follow."""
    while True:
        with db.unit_of_work() as session:
            tasks.build_bundle(session, bundle_id=bundle_id)
            if session.get_one(Bundle, bundle_id).state not in bundles.UNFINISHED:
                return


@pytest.mark.usefixtures("small_parts")
def test_a_process_that_is_killed_goes_on_where_it_was(portal: db.Database, store_folder: Path) -> None:
    """SIGKILL to a real process between two parts, and in the middle of one: what was kept is not made again."""
    bundle_id = three_cases(portal)
    script = (
        "import os, signal, sys\n"
        "import app\n"
        "from app.cases import bundle_contents\n"
        "from app.core import db\n"
        "from app.web.auditor import tasks\n"
        "from app.cases import bundle_build\n"
        "from tests.services.conftest import settings_for\n"
        "from pathlib import Path\n"
        "app.configure(settings_for(sys.argv[1], Path(sys.argv[2])))\n"
        "bundle_build.PART = 1\n"
        "gather, seen = bundle_contents.case_file.gather, []\n"
        "def dying(*given):\n"
        "    seen.append(1)\n"
        "    if len(seen) == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return gather(*given)\n"
        "bundle_contents.case_file.gather = dying\n"
        "for _step in range(3):\n"
        "    with db.unit_of_work() as session:\n"
        "        tasks.build_bundle(session, bundle_id=int(sys.argv[3]))\n"
    )
    url = portal.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", script, url, str(store_folder), str(bundle_id)]
    for kept in (1, 2):
        assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == -signal.SIGKILL
        with db.unit_of_work() as session:
            assert session.get_one(Bundle, bundle_id).done == kept
    _all_steps(bundle_id)
    with db.unit_of_work() as session:
        bundle = session.get_one(Bundle, bundle_id)
        assert (bundle.state, bundle.done) == (BundleState.READY, 3)
        with opened(bundle) as archive:
            assert archive.testzip() is None
            assert len({name.split("/")[1] for name in archive.namelist() if name.startswith("cases/")}) == 3


@pytest.mark.usefixtures("small_parts")
def test_progress_is_seen_while_the_job_is_at_work(portal: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle_id = three_cases(portal)
    gather, seen = bundle_contents.case_file.gather, []

    def watching(session, pack, case, neighbours):  # type: ignore[no-untyped-def]
        with portal.sessions() as other:
            seen.append(other.execute(select(Bundle.state, Bundle.done).where(Bundle.id == bundle_id)).one())
        return gather(session, pack, case, neighbours)

    monkeypatch.setattr(bundle_contents.case_file, "gather", watching)
    queue.run_pending()
    assert [tuple(row) for row in seen] == [("queued", 0), ("building", 1), ("building", 2)]


def test_a_job_that_fails_for_good_is_shown_and_can_be_tried_again(
    portal: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle_id = three_cases(portal)

    def broken(*arguments: object) -> None:
        raise RuntimeError("no disk")

    with monkeypatch.context() as patched:
        patched.setattr(bundle_contents, "write", broken)
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
