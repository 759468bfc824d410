"""Permits, their lines, the movements on a line, and the history of states."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

APPEND_ONLY = ("allocations", "permit_events")
TABLES = ("permit_events", "allocations", "permit_lines", "permits")
QUANTITY = sa.Numeric(18, 3)


def upgrade() -> None:
    op.create_table(
        "permits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("starts_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("conditions", sa.Text(), nullable=False),
        sa.Column("issued_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("reminded_days", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('active', 'suspended', 'revoked', 'expired', 'used_up')", name=op.f("ck_permits_state")
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_permits_validity")),
        sa.CheckConstraint("expires_at > starts_at", name=op.f("ck_permits_instants")),
        sa.CheckConstraint(
            "state NOT IN ('suspended', 'revoked') OR state_reason <> ''", name=op.f("ck_permits_state_reason")
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name="fk_permits_business_id_businesses"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_permits_case_id_cases"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_permits_record_id_records"),
        sa.PrimaryKeyConstraint("id", name="pk_permits"),
        sa.UniqueConstraint("number", name="uq_permits_number"),
    )
    op.create_index("ix_permits_case_id", "permits", ["case_id"])
    op.create_index("ix_permits_record_id", "permits", ["record_id"])
    op.create_index("ix_permits_business_id_id", "permits", ["business_id", "id"])
    op.create_index("ix_permits_agency_id", "permits", ["agency", "id"])
    op.create_index(
        "ix_permits_expires_at_open",
        "permits",
        ["expires_at"],
        postgresql_where=sa.text("state IN ('active', 'suspended')"),
    )
    op.create_table(
        "permit_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("permit_id", sa.BigInteger(), nullable=False),
        sa.Column("hs", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", QUANTITY, nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reserved", QUANTITY, server_default="0", nullable=False),
        sa.Column("consumed", QUANTITY, server_default="0", nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_permit_lines_quantity")),
        sa.CheckConstraint(
            "reserved >= 0 AND consumed >= 0 AND reserved + consumed <= quantity", name=op.f("ck_permit_lines_balance")
        ),
        sa.ForeignKeyConstraint(["permit_id"], ["permits.id"], name="fk_permit_lines_permit_id_permits"),
        sa.PrimaryKeyConstraint("id", name="pk_permit_lines"),
    )
    op.create_index("ix_permit_lines_permit_id", "permit_lines", ["permit_id"])
    op.create_table(
        "allocations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("declaration_item", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("quantity", QUANTITY, nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reserved_change", QUANTITY, nullable=False),
        sa.Column("consumed_change", QUANTITY, nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_allocations_quantity")),
        sa.CheckConstraint(
            "(state = 'reserved' AND reserved_change = quantity AND consumed_change = 0)"
            " OR (state = 'consumed' AND reserved_change = -quantity AND consumed_change = quantity)"
            " OR (state = 'released' AND reserved_change = -quantity AND consumed_change = 0)"
            " OR (state = 'released' AND reserved_change = 0 AND consumed_change = -quantity)",
            name=op.f("ck_allocations_movement"),
        ),
        sa.ForeignKeyConstraint(["line_id"], ["permit_lines.id"], name="fk_allocations_line_id_permit_lines"),
        sa.PrimaryKeyConstraint("id", name="pk_allocations"),
    )
    op.create_index("ix_allocations_line_id_declaration_item_id", "allocations", ["line_id", "declaration_item", "id"])
    op.create_index("ix_allocations_declaration_item", "allocations", ["declaration_item"])
    op.create_table(
        "permit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("permit_id", sa.BigInteger(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name="fk_permit_events_actor_id_users"),
        sa.ForeignKeyConstraint(["permit_id"], ["permits.id"], name="fk_permit_events_permit_id_permits"),
        sa.PrimaryKeyConstraint("id", name="pk_permit_events"),
    )
    op.create_index("ix_permit_events_actor_id", "permit_events", ["actor_id"])
    op.create_index("ix_permit_events_permit_id", "permit_events", ["permit_id"])
    op.execute(
        """
        CREATE FUNCTION permits_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END $$
        """
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION permits_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION permits_refuse_change()"
        )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION permits_refuse_change()")
