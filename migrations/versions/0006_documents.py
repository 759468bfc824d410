"""Uploads and records; a record that was rendered can never be changed or deleted.

The foreign keys to cases and businesses are added by the migrations that make those tables (0008, 0009).
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0006"
down_revision = "0005"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("uploaded_by", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.ForeignKeyConstraint(["uploaded_by"], ["users.id"], name="fk_uploads_uploaded_by_users"),
        sa.CheckConstraint(
            "media_type IN ('application/pdf', 'image/jpeg', 'image/png')", name=op.f("ck_uploads_media_type")
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_uploads_sha256")),
        sa.CheckConstraint("size > 0", name=op.f("ck_uploads_size")),
    )
    op.create_index("ix_uploads_case_id", "uploads", ["case_id"])
    op.create_index("ix_uploads_uploaded_by", "uploads", ["uploaded_by"])

    op.create_table(
        "records",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("business_id", sa.BigInteger(), nullable=True),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_records"),
        sa.UniqueConstraint("code", name="uq_records_code"),
        sa.CheckConstraint("state IN ('pending', 'ready', 'failed')", name=op.f("ck_records_state")),
        sa.CheckConstraint(
            "(state = 'ready') = (sha256 IS NOT NULL AND size IS NOT NULL)", name=op.f("ck_records_ready")
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_records_sha256")),
        sa.CheckConstraint("length(code) >= 26", name=op.f("ck_records_code")),
    )
    for column in ("case_id", "business_id", "number", "subject"):
        op.create_index(f"ix_records_{column}", "records", [column])
    op.create_index("ix_records_failed", "records", ["id"], postgresql_where=sa.text("state = 'failed'"))

    op.execute(
        """
        CREATE FUNCTION records_stay_as_issued() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'TRUNCATE' THEN
                RAISE EXCEPTION 'records cannot be removed' USING ERRCODE = 'restrict_violation';
            END IF;
            IF OLD.sha256 IS NULL THEN
                IF TG_OP = 'DELETE' THEN
                    RETURN OLD;
                END IF;
                RETURN NEW;
            END IF;
            IF TG_OP = 'DELETE' OR NEW IS DISTINCT FROM OLD THEN
                RAISE EXCEPTION 'record % was issued and cannot be changed', OLD.id
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER records_stay_as_issued BEFORE UPDATE OR DELETE ON records"
        " FOR EACH ROW EXECUTE FUNCTION records_stay_as_issued()"
    )
    op.execute(
        "CREATE TRIGGER records_are_not_truncated BEFORE TRUNCATE ON records"
        " FOR EACH STATEMENT EXECUTE FUNCTION records_stay_as_issued()"
    )


def downgrade() -> None:
    op.drop_table("records")
    op.execute("DROP FUNCTION records_stay_as_issued()")
    op.drop_table("uploads")
