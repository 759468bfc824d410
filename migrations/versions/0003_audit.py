"""The audit entries, and the triggers that keep them as they were written."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0003"
down_revision = "0002"

ACCENTED = "àâäáãçéèêëíîïñóôöõúùûüÿÀÂÄÁÃÇÉÈÊËÍÎÏÑÓÔÖÕÚÙÛÜŸ"
PLAIN = "aaaaaceeeeiiinoooouuuuy" * 2
SEARCHED = (
    f"translate(lower(reference || ' ' || subject || ' ' || actor_name || ' ' || authority), '{ACCENTED}', '{PLAIN}')"
)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at", pg.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger()),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("actor_role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("case_id", sa.BigInteger()),
        sa.Column("business_id", sa.BigInteger()),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text()),
        sa.Column("session_id", sa.BigInteger()),
        sa.Column("detail", pg.JSONB(), nullable=False),
        sa.Column("searched", sa.Text(), sa.Computed(SEARCHED, persisted=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
        sa.CheckConstraint("actor_kind IN ('user', 'client', 'system')", name=op.f("ck_audit_entries_actor_kind")),
    )
    table = "audit_entries"
    op.create_index("ix_audit_entries_at_id", table, ["at", "id"])
    op.create_index("ix_audit_entries_verb_at_id", table, ["verb", "at", "id"])
    op.create_index(
        "ix_audit_entries_reference_at_id",
        table,
        ["reference", "at", "id"],
        postgresql_where=sa.text("reference <> ''"),
    )
    op.create_index(
        "ix_audit_entries_case_id_at_id",
        table,
        ["case_id", "at", "id"],
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.create_index(
        "ix_audit_entries_business_id_at_id",
        table,
        ["business_id", "at", "id"],
        postgresql_where=sa.text("business_id IS NOT NULL"),
    )
    op.create_index(
        "ix_audit_entries_actor_kind_actor_id_at_id",
        table,
        ["actor_kind", "actor_id", "at", "id"],
        postgresql_where=sa.text("actor_id IS NOT NULL"),
    )
    op.create_index(
        "ix_audit_entries_searched",
        table,
        ["searched"],
        postgresql_using="gin",
        postgresql_ops={"searched": "gin_trgm_ops"},
    )
    op.execute(
        """
        CREATE FUNCTION audit_entries_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'audit entries are append-only: % is refused', TG_OP
                USING ERRCODE = 'insufficient_privilege';
        END
        $$
        """
    )
    # For each statement, not row: a change that happens to match nothing is refused as well, and TRUNCATE has no rows.
    op.execute(
        """
        CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
        FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse_change()
        """
    )
    # ALWAYS: also in a session that sets session_replication_role to silence ordinary triggers.
    op.execute("ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER audit_entries_append_only")
    # An owner may still drop the trigger. In production the portal connects as another role than the owner, which is
    # granted SELECT and INSERT here and nothing else.
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER ON audit_entries FROM PUBLIC")


def downgrade() -> None:
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION audit_entries_refuse_change()")
