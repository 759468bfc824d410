"""The business register: entries, versions, people, history of states, claimed names."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

APPEND_ONLY = ("business_versions", "business_events")
# Tables made before this one that name a business, and what happens to their rows when one is removed.
FROM_THE_RIGHT = {
    "memberships": "CASCADE",
    "invitations": "CASCADE",
    "sessions": "SET NULL",
    "cases": None,
    "charges": None,
    "records": None,
}
TABLES = ("name_claims", "business_events", "business_people", "business_versions", "businesses")


def upgrade() -> None:
    op.create_table(
        "businesses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("tax_number", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("trade_name", sa.Text(), nullable=True),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("search_key", sa.Text(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("unit_code", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("activities", postgresql.JSONB(), nullable=False),
        sa.Column("capital_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("shares_issued", sa.BigInteger(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("registered_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('active', 'suspended', 'dissolved', 'struck_off')", name=op.f("ck_businesses_state")
        ),
        sa.CheckConstraint("capital_minor >= 0", name=op.f("ck_businesses_capital")),
        sa.CheckConstraint("shares_issued >= 0", name=op.f("ck_businesses_shares")),
        sa.CheckConstraint("name_key <> ''", name=op.f("ck_businesses_name_key")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_businesses_case_id_cases"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_businesses_record_id_records"),
        sa.PrimaryKeyConstraint("id", name="pk_businesses"),
        sa.UniqueConstraint("number", name="uq_businesses_number"),
    )
    op.create_index("ix_businesses_tax_number", "businesses", ["tax_number"])
    op.create_index("ix_businesses_case_id", "businesses", ["case_id"])
    op.create_index("ix_businesses_record_id", "businesses", ["record_id"])
    op.create_index(
        "uq_businesses_live_name_key",
        "businesses",
        ["name_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('active', 'suspended')"),
    )
    op.create_index(
        "ix_businesses_search_key_trgm",
        "businesses",
        ["search_key"],
        postgresql_using="gin",
        postgresql_ops={"search_key": "gin_trgm_ops"},
    )
    op.create_table(
        "business_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name="fk_business_versions_business_id_businesses"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_business_versions_case_id_cases"),
        sa.PrimaryKeyConstraint("id", name="pk_business_versions"),
        sa.UniqueConstraint("business_id", "number", name="uq_business_versions_business_id_number"),
    )
    op.create_index("ix_business_versions_case_id", "business_versions", ["case_id"])
    op.create_table(
        "business_people",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("document_kind", sa.Text(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("document_country", sa.Text(), nullable=False),
        sa.Column("nationality", sa.Text(), nullable=False),
        sa.Column("shares", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint("shares IS NULL OR shares > 0", name=op.f("ck_business_people_shares")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_business_people_period")),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name="fk_business_people_business_id_businesses"),
        sa.PrimaryKeyConstraint("id", name="pk_business_people"),
    )
    op.create_index("ix_business_people_business_id", "business_people", ["business_id"])
    op.create_table(
        "business_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name="fk_business_events_actor_id_users"),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name="fk_business_events_business_id_businesses"),
        sa.PrimaryKeyConstraint("id", name="pk_business_events"),
    )
    op.create_index("ix_business_events_actor_id", "business_events", ["actor_id"])
    op.create_index("ix_business_events_business_id", "business_events", ["business_id"])
    op.create_table(
        "name_claims",
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_name_claims_case_id_cases"),
        sa.PrimaryKeyConstraint("name_key", name="pk_name_claims"),
        sa.UniqueConstraint("case_id", name="uq_name_claims_case_id"),
    )
    op.create_index(
        "ix_name_claims_name_key_trgm",
        "name_claims",
        ["name_key"],
        postgresql_using="gin",
        postgresql_ops={"name_key": "gin_trgm_ops"},
    )
    for table, ondelete in FROM_THE_RIGHT.items():
        op.create_foreign_key(
            f"fk_{table}_business_id_businesses", table, "businesses", ["business_id"], ["id"], ondelete=ondelete
        )
    op.execute(
        """
        CREATE FUNCTION businesses_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END $$
        """
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION businesses_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION businesses_refuse_change()"
        )


def downgrade() -> None:
    for table in FROM_THE_RIGHT:
        op.drop_constraint(f"fk_{table}_business_id_businesses", table, type_="foreignkey")
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION businesses_refuse_change()")
