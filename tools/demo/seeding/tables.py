"""Rows on their way into the database: ids taken from the tables' own sequences, written with COPY in right order.

A case names its current submission and its business, and each of them the case; none of these foreign keys waits for
the end of the transaction. The three go through temporary tables into one statement, at whose end all are checked.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, LiteralString

from psycopg import Connection, sql
from sqlalchemy.orm import Session

Row = Sequence[Any]

# In the order of their foreign keys; ROUND goes first, together.
COLUMNS: dict[str, tuple[str, ...]] = {
    "case_events": (
        "case_id", "action", "from_state", "to_state", "actor_kind", "actor_id", "actor_name", "actor_role", "at",
        "reason", "submission_id",
    ),
    "uploads": (
        "id", "case_id", "code", "filename", "media_type", "size", "sha256", "uploaded_by", "uploaded_at",
    ),
    "information_requests": (
        "case_id", "message", "fields", "asked_by", "asked_at", "answered_at", "answer_submission_id",
    ),
    "recommendations": (
        "id", "case_id", "submission_id", "submission_sha256", "outcome", "reason", "recommended_by", "recommended_at",
    ),
    "decisions": (
        "case_id", "submission_id", "submission_sha256", "submitted_by", "recommendation_id", "recommended_by",
        "four_eyes", "outcome", "reason", "decided_by", "decided_at", "pack_version",
    ),
    "audit_entries": (
        "at", "actor_kind", "actor_id", "actor_role", "agency", "verb", "subject", "reference", "case_id",
        "business_id", "authority", "detail", "personal_sha256", "personal",
    ),
    "business_versions": ("business_id", "number", "data", "case_id", "valid_from"),
    "business_people": (
        "business_id", "name", "role", "document_kind", "document_number", "document_country", "nationality", "shares",
        "valid_from",
    ),
    "business_events": ("business_id", "to_state", "at", "actor_id", "actor_name", "reason"),
    "name_claims": ("name_key", "name", "case_id", "expires_at"),
    "memberships": ("user_id", "business_id", "role", "created_at"),
    "permits": (
        "id", "number", "kind", "agency", "business_id", "case_id", "state", "state_reason", "destination",
        "valid_from", "valid_to", "starts_at", "expires_at", "conditions", "issued_at",
    ),
    "permit_lines": (
        "id", "permit_id", "hs", "description", "quantity", "unit", "value_minor", "currency", "reserved", "consumed",
    ),
    "permit_events": (
        "permit_id", "from_state", "to_state", "at", "actor_id", "actor_name", "reason", "reason_code",
    ),
    "declarations": (
        "id", "case_id", "business_id", "number", "office", "procedure_code", "destination", "lane", "lane_rule",
        "value_minor", "currency", "lodged_at", "released_at",
    ),
    "declaration_items": (
        "declaration_id", "number", "hs", "description", "packages", "package_kind", "gross_mass", "net_mass",
        "value_minor", "currency", "permit_line_id", "quantity",
    ),
    "allocations": (
        "line_id", "declaration_item", "state", "quantity", "value_minor", "currency", "reserved_change",
        "consumed_change", "at",
    ),
}  # fmt: skip

LATE = frozenset({"permits", "permit_lines", "permit_events", "declarations", "declaration_items", "allocations"})

CASES = (
    "id", "reference", "service", "agency", "title", "search", "state", "version", "applicant_id", "business_id",
    "idempotency_key", "arguments", "draft", "current_submission_id", "submitted_at", "due_at", "clock_days_left",
    "assigned_to", "permit_kind", "office", "decided_at", "created_at", "updated_at",
)  # fmt: skip
SUBMISSIONS = (
    "id", "case_id", "number", "data", "documents", "sha256", "declaration", "submitted_by", "submitted_at",
    "pack_version",
)  # fmt: skip
BUSINESSES = (
    "id", "number", "name", "name_key", "search_key", "entity_type", "state", "unit_code", "street", "activities",
    "capital_minor", "currency", "shares_issued", "phone", "email", "registered_at", "case_id",
)  # fmt: skip
ROUND = {"cases": CASES, "submissions": SUBMISSIONS, "businesses": BUSINESSES}
USERS = ("id", "email", "name", "role", "locale", "verified_at", "created_at")
# Their indexes are built anew at the end, which is several times faster than keeping them up row by row.
HEAVY = ("audit_entries", "audit_personal", "case_events", "uploads")


class Tables:
    """Collects rows and writes them when ``flush`` is called; everything is one transaction of the session's."""

    def __init__(self, session: Session) -> None:
        raw = session.connection().connection.driver_connection
        assert isinstance(raw, Connection)
        self.connection = raw
        self.rows: dict[str, list[Row]] = {name: [] for name in ("users", "agency_members", *ROUND, *COLUMNS)}
        for name, columns in ROUND.items():
            statement = "CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0"
            self._execute(statement, sql.Identifier(f"new_{name}"), _names(columns), sql.Identifier(name))
        self._taken_off: list[str] = []

    def _execute(self, statement: LiteralString, *parts: sql.Composable) -> None:
        self.connection.execute(sql.SQL(statement).format(*parts))

    def take_indexes_off(self) -> None:
        """Until ``put_indexes_back``; nobody else can use those tables before the transaction ends."""
        found = self.connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema AND tablename = ANY(%s)"
            " AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = indexname)",
            [list(HEAVY)],
        ).fetchall()
        for name, definition in found:
            self._execute("DROP INDEX {}", sql.Identifier(name))
            self._taken_off.append(definition)

    def put_indexes_back(self) -> None:
        self.connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
        for definition in self._taken_off:
            self.connection.execute(definition.encode())

    def ids(self, table: str, expected: int) -> Iterator[int]:
        """Ids of the table's own that nobody else will get. No more than ``expected`` may be taken."""
        row = self.connection.execute(
            "SELECT setval(s, nextval(s) + %s) FROM pg_get_serial_sequence(%s, 'id') AS s", [expected, table]
        ).fetchone()
        assert row is not None
        return iter(range(row[0] - expected, row[0]))

    def add(self, table: str, *row: Any) -> None:
        self.rows[table].append(row)

    def keep(self, table: str, row: list[Any]) -> list[Any]:
        """As ``add``; the row may still be changed until it is written."""
        self.rows[table].append(row)
        return row

    def flush(self, *, last: bool = False) -> None:
        """Write what has been collected, in the order of the foreign keys; permits and declarations, whose balances
        change until the end, only the ``last`` time."""
        self._copy("users", "users", USERS)
        self._copy("agency_members", "agency_members", ("user_id", "agency"))
        for name, columns in ROUND.items():
            self._copy(f"new_{name}", name, columns)
        inserts = [
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(
                sql.Identifier(name), _names(columns), _names(columns), sql.Identifier(f"new_{name}")
            )
            for name, columns in ROUND.items()
        ]
        self._execute("WITH one AS ({}), two AS ({}) {}", *inserts)
        self._execute("TRUNCATE {}", sql.SQL(", ").join(sql.Identifier(f"new_{name}") for name in ROUND))
        for table, columns in COLUMNS.items():
            if last or table not in LATE:
                self._copy(table, table, columns)

    def _copy(self, target: str, table: str, columns: tuple[str, ...]) -> None:
        rows = self.rows[table]
        if not rows:
            return
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(target), _names(columns))
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
        rows.clear()


def _names(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


__all__ = ["Row", "Tables"]
