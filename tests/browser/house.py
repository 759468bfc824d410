"""The real portal, running for a test: its own database, web server, worker and mobile-money stand-in."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.cases import registry, verbs  # noqa: F401  (the engine writes audit entries with these verbs)
from app.core import db, i18n
from app.documents import store
from app.identity import keys, sessions
from app.identity.actor import Role
from app.identity.models import User, UserSession
from app.installed import SERVICES
from app.jurisdictions import load
from config import DEFAULT_SECRET, ROOT
from tests.factories.people import make_user
from tests.support.database import ServerUnderTest
from tools.standins.mtn_momo import StandIn, serve

HOST = "127.0.0.1"
PATIENCE = 60.0  # seconds
RW_OFFICIALS = {
    "registrar": (Role.CLERK, ("RDB",), "Grace Uwimana"),
    "licensing": (Role.CLERK, ("NAEB",), "Eric Nshimiyimana"),
    "colleague": (Role.CLERK, ("NAEB",), "Diane Mukeshimana"),
    "customs": (Role.CLERK, ("RRA",), "Solange Ingabire"),
    "supervisor": (Role.SUPERVISOR, ("RDB", "NAEB", "RRA"), "Patrick Mugisha"),
    "auditor": (Role.AUDITOR, (), "Immaculée Kayitesi"),
}


@dataclass
class House:
    """A running portal. ``session()`` opens a unit of work on its database, which commits at the end."""

    address: str
    database: db.Database
    store: Path
    officials: dict[str, User]
    examined: set[str] = field(default_factory=set)  # how the pages were built that axe has looked at
    coloured: set[str] = field(default_factory=set)  # what stood on those whose contrast was measured

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """This process works on the house's data, in English, and afterwards is as it was."""
        before = db._database, load._pack, store._current, registry.services()
        try:
            keys.configure(DEFAULT_SECRET)
            db.configure(self.database)
            pack = load.configure("RW")
            store.configure(self.store)
            registry.install(SERVICES)
            with i18n.use_locale("en_RW", pack.zone), db.unit_of_work() as session:
                yield session
        finally:
            db._database, load._pack, store._current = before[:3]
            registry.install(before[3])

    def cookie(self, user: User, *, business_id: int | None = None) -> str:
        """The value of a session cookie: ``user`` is signed in, officials with their second factor."""
        with self.session() as session:
            row, token = sessions.open_session(
                session, user, ip=HOST, user_agent="test", second_factor=Role(user.role).official
            )
            if business_id is not None:
                session.get_one(UserSession, row.id).business_id = business_id
        signer = Flask("signer")
        signer.secret_key = DEFAULT_SECRET
        serializer = SecureCookieSessionInterface().get_signing_serializer(signer)
        assert serializer is not None
        return str(serializer.dumps({"_user_id": token, "_fresh": True}))

    def end_sessions(self, user: User) -> None:
        with self.session() as session:
            sessions.end_all(session, user.id)

    def wait_for_jobs(self) -> None:
        """Until the worker has done all that is due."""
        due = text(
            "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') "
            "AND (scheduled_at IS NULL OR scheduled_at <= now())"
        )
        deadline = time.monotonic() + PATIENCE
        pause = threading.Event()
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while connection.scalar(due):
                assert time.monotonic() < deadline, "the worker does not get its jobs done"
                pause.wait(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _process(log: Path, environment: dict[str, str], *command: str) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/healthz", timeout=5):
            return
        assert process.poll() is None, f"the portal ended at once:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the portal does not answer:\n{log.read_text()}"
        pause.wait(0.05)


@contextlib.contextmanager
def _mobile_money() -> Iterator[str]:
    state = StandIn(settle_after=0.2)
    server = serve(state)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def open_house(postgres: ServerUnderTest, folder: Path) -> Iterator[House]:
    """Start everything, with one official for each desk; stop everything at the end."""
    port = _free_port()
    address = f"http://{HOST}:{port}"
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(postgres.fresh_database())
        momo = stack.enter_context(_mobile_money())
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KIBALI_")} | {
            "KIBALI_MODE": "demo",
            "KIBALI_COUNTRY": "RW",
            "KIBALI_DATABASE_URL": url,
            "KIBALI_BASE_URL": address,
            "KIBALI_STORE": str(folder / "store"),
            "KIBALI_MOMO_URL": momo,
        }
        server = ("granian", "--interface", "wsgi", "--no-ws", "--host", HOST, "--port", str(port))
        server += ("--workers", "1", "--blocking-threads", "4", "--log-level", "warning", "wsgi:app")
        web = stack.enter_context(_process(folder / "web.log", environment, "-m", *server))
        stack.enter_context(_process(folder / "worker.log", environment, "-m", "app.cli", "worker"))
        house = House(address, db.Database(url), folder / "store", {})
        stack.callback(house.database.close)
        with house.session() as session:
            for key, (role, agencies, name) in RW_OFFICIALS.items():
                house.officials[key] = make_user(
                    session, role=role, agencies=agencies, name=name, email=f"{key}@office.example"
                )
        _wait_until_ready(address, web, folder / "web.log")
        yield house
