"""The log that can be proved: personal parts apart from the entries, leaves, nodes and signed heads."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0015"
down_revision = "0014"

ACCENTED = "àâäáãçéèêëíîïñóôöõúùûüÿÀÂÄÁÃÇÉÈÊËÍÎÏÑÓÔÖÕÚÙÛÜŸ"
PLAIN = "aaaaaceeeeiiinoooouuuuy" * 2
SEARCHED = (
    f"translate(lower(about || ' ' || coalesce(name, '') || ' ' || coalesce(reference, '')), '{ACCENTED}', '{PLAIN}')"
)
SEARCHED_BEFORE = (
    f"translate(lower(reference || ' ' || subject || ' ' || actor_name || ' ' || authority), '{ACCENTED}', '{PLAIN}')"
)
CHECK = "ck_audit_entries_personal_put_away"
GIVEN = "ck_audit_entries_personal_sha256_given"  # for a moment only
TIME = pg.TIMESTAMP(timezone=True)

# RFC 8785 for what these rows hold: to_json() escapes text as the RFC says, and their names are plain ASCII.
CANONICAL = """
    CREATE OR REPLACE FUNCTION pg_temp.jcs(value jsonb) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        CASE jsonb_typeof(value)
        WHEN 'object' THEN
            RETURN '{' || coalesce((SELECT string_agg(to_json(m.key)::text || ':' || pg_temp.jcs(m.value), ','
                ORDER BY m.key COLLATE "C") FROM jsonb_each(value) AS m), '') || '}';
        WHEN 'array' THEN
            RETURN '[' || coalesce((SELECT string_agg(pg_temp.jcs(m.value), ',' ORDER BY m.ordinality)
                FROM jsonb_array_elements(value) WITH ORDINALITY AS m), '') || ']';
        ELSE
            RETURN value::text;
        END CASE;
    END
    $$
"""
# E-mail addresses stood as references of accounts and mails; names and addresses in the detail of these verbs.
IS_ADDRESS = "position('@' in e.reference) > 0"
HIDDEN = "(e.verb LIKE 'account.%' OR e.verb LIKE 'member.%') AND e.detail ?| ARRAY['email', 'name']"
MOVE = f"""
    INSERT INTO audit_personal (entry_id, at, about, salt, name, ip, reference, detail)
    SELECT e.id, e.at,
        concat(CASE WHEN {IS_ADDRESS} THEN '' ELSE e.reference END, ' ', e.subject, ' ', e.authority),
        decode(replace(concat(gen_random_uuid(), gen_random_uuid()), '-', ''), 'hex'),
        e.actor_name, e.ip, CASE WHEN {IS_ADDRESS} THEN e.reference ELSE '' END,
        CASE WHEN {HIDDEN} THEN (SELECT jsonb_object_agg(m.key, m.value) FROM jsonb_each(e.detail) AS m
            WHERE m.key IN ('email', 'name')) ELSE '{{}}' END
    FROM audit_entries AS e ORDER BY e.id
"""
BIND = f"""
    UPDATE audit_entries AS e
    SET reference = CASE WHEN {IS_ADDRESS} THEN '' ELSE e.reference END,
        detail = CASE WHEN {HIDDEN} THEN e.detail - ARRAY['email', 'name'] ELSE e.detail END,
        personal_sha256 = encode(sha256(p.salt || convert_to(pg_temp.jcs(jsonb_build_object(
            'detail', p.detail, 'ip', p.ip, 'name', p.name, 'reference', p.reference)), 'UTF8')), 'hex')
    FROM audit_personal AS p WHERE p.entry_id = e.id
"""
PUT_AWAY = """
    CREATE FUNCTION audit_entries_put_personal_away() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.personal IS NULL THEN
            RAISE EXCEPTION 'an audit entry is written together with its personal part'
                USING ERRCODE = 'not_null_violation';
        END IF;
        INSERT INTO audit_personal (entry_id, at, about, salt, name, ip, reference, detail)
        VALUES (NEW.id, NEW.at, concat(NEW.reference, ' ', NEW.subject, ' ', NEW.authority),
            decode(NEW.personal ->> 'salt', 'hex'), NEW.personal ->> 'name', NEW.personal ->> 'ip',
            NEW.personal ->> 'reference', NEW.personal -> 'detail');
        NEW.personal := NULL;
        RETURN NEW;
    END
    $$
"""
ONLY_BLANK = """
    CREATE FUNCTION audit_personal_only_blank() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
            AND num_nonnulls(NEW.salt, NEW.name, NEW.ip, NEW.reference, NEW.detail) = 0
            AND (NEW.entry_id, NEW.at, NEW.about) = (OLD.entry_id, OLD.at, OLD.about) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'audit entries are append-only: the personal part can be blanked, once and whole'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$
"""
KEPT = ("audit_leaves", "audit_nodes", "audit_heads", "audit_keys")


def upgrade() -> None:
    _create_tables()
    for table, events in ((each, "UPDATE OR DELETE OR TRUNCATE") for each in KEPT):
        _refuse(table, events)
    _refuse("audit_personal", "DELETE OR TRUNCATE")
    op.execute("ALTER TABLE audit_entries ADD COLUMN personal_sha256 text, ADD COLUMN personal jsonb")
    op.execute("ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_append_only")
    op.execute(CANONICAL)
    op.execute(MOVE)
    op.execute(BIND)
    op.execute("ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER audit_entries_append_only")
    # What they held is in audit_personal. The version before this one cannot run beside the new schema.
    op.execute(
        "-- squawk-ignore ban-drop-column\n"
        "ALTER TABLE audit_entries DROP COLUMN searched, DROP COLUMN actor_name, DROP COLUMN ip"
    )
    op.execute(PUT_AWAY)
    op.execute(
        "CREATE TRIGGER audit_entries_personal BEFORE INSERT ON audit_entries"
        " FOR EACH ROW EXECUTE FUNCTION audit_entries_put_personal_away()"
    )
    op.execute(ONLY_BLANK)
    op.execute(
        "CREATE TRIGGER audit_personal_blank BEFORE UPDATE ON audit_personal"
        " FOR EACH ROW EXECUTE FUNCTION audit_personal_only_blank()"
    )
    op.execute("ALTER TABLE audit_personal ENABLE ALWAYS TRIGGER audit_personal_blank")
    op.execute(
        f"ALTER TABLE audit_entries ADD CONSTRAINT {CHECK}"
        " CHECK (personal IS NULL AND personal_sha256 ~ '^[0-9a-f]{64}$') NOT VALID"
    )
    op.execute(f"ALTER TABLE audit_entries ADD CONSTRAINT {GIVEN} CHECK (personal_sha256 IS NOT NULL) NOT VALID")
    with op.get_context().autocommit_block():
        for name in (CHECK, GIVEN):  # once more does no harm
            op.execute(f"-- squawk-ignore prefer-robust-stmts\nALTER TABLE audit_entries VALIDATE CONSTRAINT {name}")
    # The proven constraint spares PostgreSQL reading the table again.
    op.execute(
        "-- squawk-ignore adding-not-nullable-field\nALTER TABLE audit_entries ALTER personal_sha256 SET NOT NULL"
    )
    op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE audit_entries DROP CONSTRAINT IF EXISTS {GIVEN}")


def _create_tables() -> None:
    op.create_table(
        "audit_personal",
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary()),
        sa.Column("name", sa.Text()),
        sa.Column("ip", sa.Text()),
        sa.Column("reference", sa.Text()),
        sa.Column("detail", pg.JSONB()),
        sa.Column("erased_at", TIME),
        sa.Column("searched", sa.Text(), sa.Computed(SEARCHED, persisted=True), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_audit_personal"),
        sa.CheckConstraint(
            "CASE WHEN erased_at IS NULL THEN octet_length(salt) >= 16 AND name IS NOT NULL AND reference IS NOT NULL"
            " AND detail IS NOT NULL ELSE num_nonnulls(salt, name, ip, reference, detail) = 0 END",
            name=op.f("ck_audit_personal_whole_or_erased"),
        ),
    )
    op.create_index("ix_audit_personal_at_entry_id", "audit_personal", ["at", "entry_id"])
    op.create_index(
        "ix_audit_personal_searched",
        "audit_personal",
        ["searched"],
        postgresql_using="gin",
        postgresql_ops={"searched": "gin_trgm_ops"},
    )
    op.create_table(
        "audit_leaves",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_leaves"),
        sa.UniqueConstraint("entry_id", name="uq_audit_leaves_entry_id"),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_audit_leaves_from_zero")),
    )
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name="pk_audit_nodes"),
        sa.CheckConstraint("level > 0 AND position >= 0", name=op.f("ck_audit_nodes_above_leaves")),
    )
    op.create_table(
        "audit_heads",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("last_entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_audit_heads"),
        sa.CheckConstraint("size > 0", name=op.f("ck_audit_heads_not_empty")),
    )
    op.create_index("ix_audit_heads_at", "audit_heads", ["at"])
    op.create_table(
        "audit_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_audit_keys"),
    )


def _refuse(table: str, events: str) -> None:
    """ALWAYS: also in a session that sets session_replication_role to silence ordinary triggers."""
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE {events} ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse_change()"
    )
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")


def downgrade() -> None:
    """Names that were erased come back empty."""
    op.execute("DROP TRIGGER audit_entries_personal ON audit_entries")
    op.execute("ALTER TABLE audit_entries ADD COLUMN actor_name text, ADD COLUMN ip text")
    op.execute("ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_append_only")
    op.execute(
        "UPDATE audit_entries AS e SET actor_name = coalesce(p.name, ''), ip = p.ip,"
        " reference = coalesce(nullif(e.reference, ''), p.reference, ''), detail = e.detail || coalesce(p.detail, '{}')"
        " FROM audit_personal AS p WHERE p.entry_id = e.id"
    )
    op.execute("ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER audit_entries_append_only")
    op.drop_constraint(CHECK, "audit_entries")
    op.execute(
        "ALTER TABLE audit_entries ALTER actor_name SET NOT NULL, DROP COLUMN personal, DROP COLUMN personal_sha256,"
        f" ADD COLUMN searched text NOT NULL GENERATED ALWAYS AS ({SEARCHED_BEFORE}) STORED"
    )
    op.create_index(
        "ix_audit_entries_searched",
        "audit_entries",
        ["searched"],
        postgresql_using="gin",
        postgresql_ops={"searched": "gin_trgm_ops"},
    )
    for table in ("audit_personal", *KEPT):
        op.drop_table(table)
    op.execute("DROP FUNCTION audit_entries_put_personal_away()")
    op.execute("DROP FUNCTION audit_personal_only_blank()")
