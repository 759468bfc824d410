"""How many statements a page takes, how long it takes, and how PostgreSQL runs each statement.

``python -m bench.pages`` prints a line for each page of a database that was seeded (see README.md here).
"""

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, event, text

import config
from app import create_app
from app.core import db
from app.identity import sessions
from app.identity.actor import Role
from app.identity.models import User

ROUNDS = 40
BIG = ("cases", "case_events", "submissions", "audit_entries")
PAGE = 51  # a page of a list and the one row that says whether there is more


@dataclass(frozen=True)
class Statement:
    sql: str
    parameters: Any


@dataclass(frozen=True)
class Plan:
    """What EXPLAIN (ANALYZE) says: the big tables read from end to end, and the most rows that were sorted."""

    scanned: tuple[str, ...]
    sorted: int


@contextmanager
def recording() -> Iterator[list[Statement]]:
    """The statements of the block, transaction control and savepoints left out."""
    found: list[Statement] = []

    def note(connection: object, cursor: object, sql: str, parameters: Any, context: object, many: bool) -> None:
        if not re.match(r"\s*(SAVEPOINT|RELEASE|ROLLBACK)", sql):
            found.append(Statement(sql, parameters))

    engine = db.database().engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def plan(connection: Connection, statement: Statement) -> Plan:
    """Run it once more with EXPLAIN; only for statements that read."""
    raw = connection.connection.driver_connection
    assert raw is not None
    row = raw.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.sql}", statement.parameters).fetchone()
    found = row[0] if isinstance(row[0], list) else json.loads(row[0])
    scanned, most = [], 0
    for node in _nodes(found[0]["Plan"]):
        if node["Node Type"] == "Seq Scan" and node.get("Relation Name") in BIG:
            scanned.append(node["Relation Name"])
        if node["Node Type"] in {"Sort", "Incremental Sort"}:
            most = max(most, *(below["Actual Rows"] * below["Actual Loops"] for below in node["Plans"]))
    return Plan(tuple(scanned), int(most))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


@dataclass
class Visitor:
    """A browser that is signed in as somebody."""

    browser: FlaskClient

    @classmethod
    def of(cls, portal: Flask, user: User, business_id: int | None = None) -> "Visitor":
        with db.unit_of_work() as session:
            row, token = sessions.open_session(
                session, user, ip="127.0.0.1", user_agent="bench", second_factor=Role(user.role).official
            )
            row.business_id = business_id
        browser = portal.test_client()
        with browser.session_transaction() as cookie:
            cookie["_user_id"] = token
            cookie["_fresh"] = True
        return cls(browser)

    def open(self, url: str) -> list[Statement]:
        with recording() as found:
            answer = self.browser.get(url)
        assert answer.status_code == 200, f"{url}: {answer.status}"
        return found


@dataclass
class Measured:
    url: str
    statements: list[Statement]
    milliseconds: float = 0
    own: float = 0  # of these, milliseconds of processor in this process, the database's share left out
    plans: list[Plan] = field(default_factory=list)

    @property
    def scanned(self) -> set[str]:
        return {table for plan in self.plans for table in plan.scanned}

    @property
    def sorted(self) -> int:
        return max((plan.sorted for plan in self.plans), default=0)


def measure(visitor: Visitor, url: str, rounds: int = ROUNDS) -> Measured:
    """The second opening's statements (the first fills caches), their plans, and the quickest of ``rounds``: the one
    that other programs disturbed least."""
    visitor.open(url)
    found = Measured(url, visitor.open(url))
    times = []
    for _ in range(rounds):
        started, worked = time.perf_counter(), time.process_time()
        visitor.browser.get(url)
        times.append(((time.perf_counter() - started) * 1000, (time.process_time() - worked) * 1000))
    found.milliseconds = min((whole for whole, _ in times), default=0)
    found.own = min((own for _, own in times), default=0)
    with db.database().engine.connect() as connection:
        found.plans = [plan(connection, each) for each in found.statements if each.sql.lstrip().startswith("SELECT")]
    return found


def pages() -> list[tuple[str, str, int | None]]:
    """(address, e-mail of who opens it, business acted for), for the data that is there."""
    with db.database().engine.connect() as connection:

        def one(statement: str, **values: Any) -> Any:
            return connection.execute(text(statement), values).one()

        desk, licence = (  # a case in review, sent once, and its clerk
            one(
                "SELECT c.reference, u.email FROM cases c JOIN users u ON u.id = c.assigned_to"
                " JOIN submissions s ON s.id = c.current_submission_id AND s.number = 1"
                " WHERE c.state = 'in_review' AND c.service = :service AND u.email LIKE '%@agency.example'"
                " ORDER BY c.id DESC LIMIT 1",
                service=service,
            )
            for service in ("registration", "export_licence")
        )
        declared = one(  # goods that need no licence
            "SELECT reference FROM cases c WHERE state = 'submitted' AND service = 'customs' AND NOT EXISTS ("
            "SELECT FROM declarations d JOIN declaration_items i ON i.declaration_id = d.id"
            " WHERE d.case_id = c.id AND i.permit_line_id IS NOT NULL) ORDER BY id DESC LIMIT 1"
        )
        word = one(
            "SELECT split_part(title, ' ', 1) AS found FROM cases"
            " WHERE state = 'in_review' AND service = 'export_licence' ORDER BY id DESC LIMIT 1"
        )
        firm = one(
            "SELECT b.id, u.email FROM businesses b JOIN memberships m ON m.business_id = b.id AND m.role = 'owner'"
            " JOIN users u ON u.id = m.user_id WHERE u.email LIKE '%@firm.example'"
            " ORDER BY (SELECT count(*) FROM cases WHERE business_id = b.id) DESC LIMIT 1"
        )
        sent = one(
            "SELECT reference FROM cases WHERE business_id = :firm AND state = 'approved'"
            " AND service = 'export_licence' ORDER BY id DESC LIMIT 1",
            firm=firm.id,
        )
    supervisor, auditor = "supervisor@demo.example", "auditor@demo.example"
    return [
        ("/desk", supervisor, None),
        ("/desk", desk.email, None),
        (f"/desk?q={word.found}", supervisor, None),
        (f"/desk?q={desk.reference}", supervisor, None),
        ("/desk?state=approved", supervisor, None),
        ("/desk?team=1", supervisor, None),
        ("/desk/team", supervisor, None),
        ("/desk/appeals", supervisor, None),
        ("/desk/advice", supervisor, None),
        (f"/desk/{desk.reference}", desk.email, None),
        (f"/desk/{licence.reference}", licence.email, None),
        (f"/desk/{declared.reference}", supervisor, None),
        ("/", firm.email, firm.id),
        ("/cases", firm.email, firm.id),
        (f"/cases/{sent.reference}", firm.email, firm.id),
        ("/audit", auditor, None),
        (f"/audit?q={word.found}", auditor, None),
        (f"/audit?q={desk.reference}", auditor, None),
        (f"/audit/{desk.reference}", auditor, None),
        (f"/audit/{sent.reference}", auditor, None),
        (f"/audit/{declared.reference}", auditor, None),
        ("/audit/log", auditor, None),
        (f"/audit/log?q={desk.reference}", auditor, None),
    ]


def visit(portal: Flask, rounds: int = ROUNDS) -> Iterator[tuple[str, Measured]]:
    """Each page with who opened it."""
    for url, email, business_id in pages():
        with db.unit_of_work() as session:
            user = session.query(User).filter_by(email=email).one()
        yield email, measure(Visitor.of(portal, user, business_id), url, rounds)


def main() -> None:
    portal = create_app(config.load())
    show = "--sql" in sys.argv
    for email, found in visit(portal):
        who = email.split("@")[0].split(".")[0]
        scans = f"  SCANS {' '.join(sorted(found.scanned))}" if found.scanned else ""
        print(
            f"{found.url:<42.42} {who:<12} statements {len(found.statements):>2}  {found.milliseconds:6.1f} ms"
            f"  own {found.own:6.1f} ms  sorted {found.sorted:>5}{scans}"
        )
        if show:
            for statement in found.statements:
                print("     ", " ".join(statement.sql.split())[:220])


if __name__ == "__main__":
    main()
