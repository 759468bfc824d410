"""Audit entries: written with the act, searched quickly, and never changed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.audit import entries, verbs
from app.audit.models import Entry, Personal
from app.core import db, identifiers
from app.core.errors import Invalid
from app.identity.actor import SYSTEM, Actor, Role

OPENED = verbs.register("test.opened", "Opened")
CLOSED = verbs.register("test.closed", "Closed")
AMINA = Actor(
    kind="user",
    name="Amina Rukundo",
    user_id=7,
    role=Role.CLERK,
    agencies=frozenset({"rdb"}),
    second_factor=True,
    session_id=3,
    ip="192.0.2.7",
)
HELENE = Actor(kind="user", name="Hélène Mboungou", user_id=8, role=Role.SUPERVISOR)


def test_an_entry_says_who_what_when_and_on_which_authority(session: Session) -> None:
    entries.record(
        session,
        AMINA,
        OPENED,
        subject="case:12",
        reference="RW-BR-2026-000012-K",
        case_id=12,
        business_id=4,
        authority="Law 007/2021, art. 14",
        detail={"until": datetime(2026, 1, 2, tzinfo=UTC), "amount": Decimal("12.50")},
    )
    session.flush()
    session.expire_all()
    (entry,) = entries.for_case(session, 12).entries
    assert (entry.actor_kind, entry.actor_id, entry.actor_name, entry.actor_role) == ("user", 7, AMINA.name, "clerk")
    assert (entry.verb, entry.subject, entry.reference) == (OPENED, "case:12", "RW-BR-2026-000012-K")
    assert (entry.agency, entry.session_id) == ("rdb", 3)
    part = session.get_one(Personal, entry.id)
    assert (part.name, part.ip, part.reference, part.detail) == (AMINA.name, "192.0.2.7", "", {})
    assert entry.authority == "Law 007/2021, art. 14"
    assert entry.detail == {"until": "2026-01-02 00:00:00+00:00", "amount": "12.50"}
    assert entries.for_business(session, 4).entries == [entry]


def test_a_client_is_recorded_by_its_own_id(session: Session) -> None:
    entry = entries.record(session, Actor(kind="client", name="Market", client_id=5), OPENED, subject="permit:1")
    assert (entry.actor_kind, entry.actor_id) == ("client", 5)


def test_an_unregistered_verb_is_refused_at_once(session: Session) -> None:
    with pytest.raises(verbs.UnknownVerb):
        entries.record(session, SYSTEM, "test.never_registered", subject="case:1")


def test_detail_takes_only_what_json_can_hold(session: Session) -> None:
    with pytest.raises(TypeError):
        entries.record(session, SYSTEM, OPENED, subject="case:1", detail={"what": object()})


def test_verbs_have_one_owner_one_shape_and_a_title() -> None:
    assert verbs.register("test.opened", "Opened") == OPENED
    with pytest.raises(ValueError, match="already registered"):
        verbs.register("test.opened", "Something else")
    with pytest.raises(ValueError, match="dotted"):
        verbs.register("Opened", "Opened")
    assert verbs.title("test.opened") == "Opened"
    assert verbs.title("test.retired_long_ago") == "test.retired_long_ago"
    assert "test.closed" in verbs.registered()


CHANGES = (
    "UPDATE audit_entries SET subject = 'nobody'",
    "UPDATE audit_entries SET subject = 'nobody' WHERE false",
    "DELETE FROM audit_entries",
    "DELETE FROM audit_entries WHERE id = -1",
    "TRUNCATE audit_entries",
    "TRUNCATE audit_entries CASCADE",
    "INSERT INTO audit_entries (id, at, actor_kind, actor_role, agency, verb, subject, reference,"
    " authority, detail, personal_sha256) OVERRIDING SYSTEM VALUE SELECT id, at, actor_kind, actor_role, agency, verb,"
    " subject, reference, authority, detail, personal_sha256 FROM audit_entries"
    " ON CONFLICT (id) DO UPDATE SET subject = 'nobody'",
    "MERGE INTO audit_entries AS a USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM audit_entries RETURNING *) SELECT * FROM gone",
    "SET session_replication_role = replica; DELETE FROM audit_entries",
)


@pytest.mark.parametrize("statement", CHANGES)
def test_the_tables_owner_cannot_change_it(session: Session, statement: str) -> None:
    entries.record(session, AMINA, OPENED, subject="case:1")
    session.flush()
    before = _snapshot(session)
    with pytest.raises(sa.exc.ProgrammingError, match="append-only"):
        _execute(session, statement)
    assert _snapshot(session) == before


def test_the_orm_cannot_change_it_either(session: Session) -> None:
    entry = entries.record(session, AMINA, OPENED, subject="case:1")
    session.flush()
    with pytest.raises(sa.exc.ProgrammingError, match="append-only"):
        _rename(session, entry)


columns = st.sampled_from([column.name for column in Entry.__table__.columns if column.computed is None])


@given(column=columns, condition=st.sampled_from(["true", "false", "id > 0", "at < now()"]), verb=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_statement_changes_any_column(session: Session, column: str, condition: str, verb: bool) -> None:
    statement = (
        f"UPDATE audit_entries SET {column} = DEFAULT WHERE {condition}"
        if verb
        else f"DELETE FROM audit_entries WHERE {condition}"
    )
    with pytest.raises(sa.exc.ProgrammingError, match="append-only"), session.begin_nested():
        session.execute(sa.text(statement))


def test_pages_go_through_everything_once_and_newest_first(session: Session) -> None:
    written = [entries.record(session, AMINA, OPENED, subject=f"case:{n}", case_id=99) for n in range(23)]
    session.flush()
    seen: list[int] = []
    after: str | None = None
    while True:
        page = entries.for_case(session, 99, after=after, limit=5)
        seen += [entry.id for entry in page.entries]
        if (after := page.next) is None:
            break
    assert seen == sorted((entry.id for entry in written), reverse=True)


@pytest.mark.parametrize("cursor", ["x", "!!!", "MjAyNi0wMS0wMSAx", "eA", "ééé"])
def test_a_cursor_nobody_gave_out_is_a_mistake_of_the_reader(session: Session, cursor: str) -> None:
    with pytest.raises(Invalid):
        entries.search(session, after=cursor)


def test_search_narrows_by_each_thing_given(session: Session) -> None:
    first = entries.record(session, AMINA, OPENED, subject="case:1", reference="RW-AAA-1")
    second = entries.record(session, HELENE, CLOSED, subject="case:2", reference="CG-BBB-2", authority="Loi 29-2019")
    session.flush()

    def found(**wanted: object) -> set[int]:
        return {entry.id for entry in entries.search(session, **wanted).entries} & {first.id, second.id}  # type: ignore[arg-type]

    assert found() == {first.id, second.id}
    assert found(query="helene MBOUNGOU") == found(query="HÉLÈNE") == found(query="loi 29") == {second.id}
    assert found(query="case:1") == found(query="aaa-1") == {first.id}
    assert found(query="100%") == found(query="helene amina") == set()
    assert found(verb=OPENED) == found(reference="rw-aaa-1") == {first.id}
    assert found(actor=8) == found(actor="mboungou") == found(actor="Hélène") == {second.id}
    assert found(actor="CG-BBB") == set()
    assert found(since=second.at) == {second.id}
    assert found(until=second.at) == {first.id}
    assert found(since=second.at + timedelta(hours=1)) == set()


def test_a_whole_reference_finds_what_bears_it_and_a_slip_in_it_finds_nothing(session: Session) -> None:
    whole = f"RW-COFFEE-2026-00042-{identifiers.check_letter('RW-COFFEE-2026-00042')}"
    entry = entries.record(session, AMINA, OPENED, subject="permit:1", reference=whole)
    session.flush()
    assert [e.id for e in entries.search(session, query=f"{whole.lower()} amina").entries] == [entry.id]
    assert entries.search(session, query=whole.replace("42", "43")).entries == []


def test_a_like_sign_in_the_query_means_itself(session: Session) -> None:
    entry = entries.record(session, AMINA, OPENED, subject="case:1", authority="discount of 5%_\\ today")
    entries.record(session, AMINA, OPENED, subject="case:2", authority="discount of 50 today")
    session.flush()
    assert [e.id for e in entries.search(session, query="5%_\\").entries] == [entry.id]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "ix_audit_entries_at_id"),
        ({"verb": CLOSED}, "ix_audit_entries_verb_at_id"),
        ({"reference": "REF-777"}, "ix_audit_entries_reference_at_id"),
        ({"query": "ref-777"}, "ix_audit_personal_searched"),
        ({"actor": "Person 777"}, "ix_audit_personal_searched"),
        ({"query": f"br-2026-00777-{identifiers.check_letter('BR-2026-00777')}"}, "ix_audit_entries_reference_at_id"),
        ({"actor": 777}, "ix_audit_entries_actor_kind_actor_id_at_id"),
    ],
)
def test_a_search_never_scans_the_table(session: Session, wanted: dict[str, object], index: str) -> None:
    session.execute(
        sa.text(
            "INSERT INTO audit_entries (at, actor_kind, actor_id, actor_role, agency, verb, subject,"
            " reference, authority, detail, personal_sha256, personal) SELECT now() - n * interval '1 minute', 'user',"
            " n, 'clerk', 'rdb',"
            " CASE WHEN n % 500 = 0 THEN 'test.closed' ELSE 'test.opened' END, 'case:' || n, 'REF-' || n, '', '{}',"
            " repeat('0', 64), jsonb_build_object('salt', repeat('0', 64), 'name', 'Person ' || n, 'reference', '',"
            " 'detail', '{}'::jsonb) FROM generate_series(1, 20000) AS n"
        )
    )
    session.execute(sa.text("ANALYZE audit_entries, audit_personal"))
    statements: list[tuple[str, object]] = []

    def keep(connection: object, cursor: object, statement: str, values: object, *_: object) -> None:
        statements.append((statement, values))

    engine = session.get_bind().engine
    sa.event.listen(engine, "before_cursor_execute", keep)
    try:
        entries.search(session, **wanted)  # type: ignore[arg-type]
    finally:
        sa.event.remove(engine, "before_cursor_execute", keep)
    ((statement, values),) = statements
    plan = session.connection().exec_driver_sql("EXPLAIN " + statement, values).scalars().all()  # type: ignore[call-overload]
    assert index in "\n".join(plan), "\n".join(plan)
    assert "Seq Scan" not in "\n".join(plan)


def test_writers_do_not_wait_for_one_another(committed: db.Database) -> None:
    """Eight transactions hold an uncommitted entry at the same time: with a global lock the second would time out."""
    sessions = [committed.sessions() for _ in range(8)]

    def write(current: Session) -> None:
        current.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
        entries.record(current, AMINA, OPENED, subject="case:1", reference="RACE")
        current.flush()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, sessions))
    for current in sessions:
        current.commit()
        current.close()
    with committed.sessions() as reader:
        assert len(entries.search(reader, reference="RACE").entries) == 8


def test_an_entry_is_gone_with_its_transaction(committed: db.Database) -> None:
    with pytest.raises(ZeroDivisionError), db.unit_of_work() as current:
        assert _written(current).id / 0
    with committed.sessions() as reader:
        assert entries.search(reader).entries == []


def _written(session: Session) -> Entry:
    entry = entries.record(session, AMINA, OPENED, subject="case:1")
    session.flush()
    return entry


def _execute(session: Session, script: str) -> None:
    """Statements separated by semicolons, inside a savepoint."""
    with session.begin_nested():
        for statement in script.split("; "):
            session.execute(sa.text(statement))


def _rename(session: Session, entry: Entry) -> None:
    with session.begin_nested():
        entry.subject = "nobody"
        session.flush()


def _snapshot(session: Session) -> list[object]:
    return list(session.execute(sa.text("SELECT id, subject FROM audit_entries ORDER BY id")))
