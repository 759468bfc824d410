"""The schema comes from migrations alone: they run up, down and up again, and end where the models are."""

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, create_engine, text

from app.core.db import Base
from app.models_index import import_models
from tests.support.database import ServerUnderTest, alembic_config
from tools.migration_safety import LAST_FOUNDING

QUEUE = "procrastinate_"  # the queue's own tables: made by its schema, not compared

OBJECTS = text(
    "SELECT c.relkind::text, c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
    " AND c.relname <> 'alembic_version' AND c.relname <> 'alembic_version_pkc'"
    " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
    " AND d.deptype = 'e') ORDER BY 1, 2"
)
ROUTINES = text(
    "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (SELECT 1 FROM"
    " pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') ORDER BY 1"
)
COLUMNS = text(
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_schema = 'public' ORDER BY 1, 2"
)
CONSTRAINTS = text(
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
)
UNINDEXED = text(
    "SELECT c.conrelid::regclass::text || ': ' || c.conname FROM pg_constraint c WHERE c.contype = 'f'"
    " AND c.conrelid::regclass::text NOT LIKE 'procrastinate%'"
    " AND c.connamespace = 'public'::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_index i"
    " WHERE i.indrelid = c.conrelid AND i.indpred IS NULL AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1]"
    " @> c.conkey) ORDER BY 1"
)


def _snapshot(connection: Connection) -> list[list[tuple[object, ...]]]:
    statements = (OBJECTS, ROUTINES, COLUMNS, CONSTRAINTS)
    return [[tuple(row) for row in connection.execute(statement)] for statement in statements]


def test_migrations_run_up_down_and_up(postgres: ServerUnderTest) -> None:
    with postgres.fresh_database(migrated=False) as url:
        engine = create_engine(url)
        config = alembic_config(url)
        command.upgrade(config, "head")
        with engine.connect() as connection:
            first = _snapshot(connection)
        command.downgrade(config, "base")
        with engine.connect() as connection:
            assert connection.execute(OBJECTS).all() == []
            assert connection.execute(ROUTINES).all() == []
        command.upgrade(config, "head")
        with engine.connect() as connection:
            assert _snapshot(connection) == first
        engine.dispose()


def test_each_migration_undoes_itself(postgres: ServerUnderTest) -> None:
    """Step by step: a downgrade that forgets something fails here, at its own number.

    Those that founded the schema go in one step: they never change, and the test above undoes them all.
    """
    with postgres.fresh_database(migrated=False) as url:
        engine = create_engine(url)
        config = alembic_config(url)
        command.upgrade(config, LAST_FOUNDING)
        revisions = ScriptDirectory.from_config(config).walk_revisions()
        scripts = [each for each in revisions if each.revision > LAST_FOUNDING]
        assert len(scripts) > 10
        for script in reversed(scripts):
            with engine.connect() as connection:
                before = _snapshot(connection)
            command.upgrade(config, script.revision)
            command.downgrade(config, "-1")
            with engine.connect() as connection:
                after = _snapshot(connection)
            assert after == before, script.revision
            command.upgrade(config, script.revision)
        engine.dispose()


def test_migrations_are_in_one_line_and_numbered(postgres: ServerUnderTest) -> None:
    scripts = ScriptDirectory.from_config(alembic_config(postgres.url))
    revisions = [script.revision for script in scripts.walk_revisions()][::-1]
    assert len(scripts.get_heads()) == 1
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]


@pytest.fixture
def migrated(postgres: ServerUnderTest) -> Iterator[Connection]:
    with postgres.fresh_database() as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            yield connection
        engine.dispose()


def test_models_and_migrations_agree(migrated: Connection) -> None:
    import_models()
    context = MigrationContext.configure(
        migrated,
        opts={
            "compare_type": True,
            "compare_server_default": False,
            "include_name": lambda name, kind, parents: not (kind == "table" and (name or "").startswith(QUEUE)),
        },
    )
    assert compare_metadata(context, Base.metadata) == []


def test_check_constraints_of_models_are_in_the_database(migrated: Connection) -> None:
    """What autogenerate does not compare."""
    import_models()
    wanted = {
        (table.name, constraint.name)
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    rows = migrated.execute(
        text(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c'"
            " AND connamespace = 'public'::regnamespace AND conrelid <> 0"
        )
    )
    have = {(table, name) for table, name in rows if not table.startswith(QUEUE)}
    assert have - wanted == set(), "in the database, not in the models"
    assert wanted - have == set(), "in the models, not in the database"


def test_every_foreign_key_has_an_index(migrated: Connection) -> None:
    assert list(migrated.execute(UNINDEXED).scalars()) == []


def test_every_time_is_with_a_zone_and_no_money_is_a_float(migrated: Connection) -> None:
    rows = migrated.execute(COLUMNS).all()
    wrong = [
        (table, column, kind)
        for table, column, kind, _, _ in rows
        if kind in {"timestamp without time zone", "real", "double precision", "money"}
    ]
    assert [row for row in wrong if not row[0].startswith(QUEUE)] == []


def test_a_migration_gives_up_instead_of_queueing_everyone_behind_it(postgres: ServerUnderTest) -> None:
    with postgres.fresh_database() as url:
        engine = create_engine(url)
        config = alembic_config(url)
        with engine.connect() as reader:
            reader.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(Exception, match="lock timeout"):
                command.downgrade(config, "-1")
        engine.dispose()
