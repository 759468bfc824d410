"""How long a bundle takes, how large it is, and the most memory it needs: ``python -m bench.bundle CASES``.

On a database that was seeded (README.md here). The bundle is built by the job's own steps in a process of its own, the
log is brought up to date before, and the verifier out of the ZIP checks it in another.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from sqlalchemy import select

import app
import config
from app.audit import sequencer
from app.cases import bundle_build, bundle_contents, bundle_samples, bundles
from app.cases.models import Bundle, BundleState, Case
from app.core import db
from app.documents import pdf, store
from app.identity.actor import Actor, Role
from app.identity.models import User
from app.jurisdictions import load
from app.web.auditor.neighbours import around


class Watch(threading.Thread):
    """Looks ten times a second at the memory of this process and of the renderer beside it, in MB: RSS of each, and of
    both together also PSS, which counts shared pages once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.builder = self.renderer = self.both = self.both_shared_once = 0.0

    def run(self) -> None:
        while True:
            own, own_pss = held("self")
            beside, beside_pss = held(pdf._child.pid) if pdf._child.pid else (0.0, 0.0)
            self.builder, self.renderer = max(self.builder, own), max(self.renderer, beside)
            self.both = max(self.both, own + beside)
            self.both_shared_once = max(self.both_shared_once, own_pss + beside_pss)
            time.sleep(0.1)


def held(pid: int | str) -> tuple[float, float]:
    """RSS and PSS now."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0, 0.0
    found = {
        line.split(":")[0]: int(line.split()[1]) / 1000 for line in told.splitlines() if line.startswith(("R", "P"))
    }
    return found.get("Rss", 0.0), found.get("Pss", 0.0)


def ask(cases: int) -> int:
    with db.unit_of_work() as session:
        auditor = session.scalars(select(User).where(User.role == Role.AUDITOR).limit(1)).one()
        taken = bundle_samples.taken(session, select(Case), cases)
        actor = Actor(kind="user", name=auditor.name, user_id=auditor.id, role=Role.AUDITOR)
        return bundles.ask(session, load.current(), actor, taken, title="bench", chosen={}).id


def catch_up() -> None:
    while True:
        with db.unit_of_work() as session:
            if not sequencer.batch(session):
                return


def build(bundle_id: int) -> float:
    """Seconds from the first step to the last."""
    started = time.monotonic()
    more = True
    while more:
        with db.unit_of_work() as session:
            more = bundle_build.step(session, load.current(), bundle_id, around)
    return time.monotonic() - started


def verify(bundle: Bundle) -> tuple[float, str]:
    assert bundle.sha256 is not None
    with tempfile.TemporaryDirectory() as folder:
        zipped = Path(folder) / "bundle.zip"
        with zipped.open("wb") as file:
            for piece in store.current().stream(bundle.sha256):
                file.write(piece)
        verifier = Path(folder) / "verify.py"
        verifier.write_bytes((Path(__file__).parent.parent / "app" / "audit" / "verifier.py").read_bytes())
        started = time.monotonic()
        told = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, str(verifier), str(zipped)], capture_output=True, text=True, check=False
        )
        return time.monotonic() - started, told.stdout.strip().splitlines()[0] if told.stdout else told.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=int)
    parser.add_argument("--unprinted", action="store_true", help="leave out case.pdf, which takes most of the time")
    asked = parser.parse_args()
    app.configure(config.load())
    if asked.unprinted:
        bundle_contents._print = lambda *given: None
    bundle_id = ask(asked.cases)
    catch_up()
    watch = Watch()
    watch.start()
    seconds = build(bundle_id)
    with db.unit_of_work() as session:
        bundle = session.get_one(Bundle, bundle_id)
        assert bundle.state == BundleState.READY
        checked, said = verify(bundle)
        print(
            f"{bundle.total} cases: {seconds:.0f} s ({1000 * seconds / bundle.total:.0f} ms a case), "
            f"{(bundle.size or 0) / 1e6:.1f} MB, peak {watch.builder:.0f} MB, the renderer {watch.renderer:.0f} MB, "
            f"both at once {watch.both:.0f} MB ({watch.both_shared_once:.0f} MB with shared pages counted once), "
            f"{bundle.missing} missing; verified in {checked:.0f} s: {said}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
