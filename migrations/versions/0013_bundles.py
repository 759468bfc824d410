"""Bundles that auditors ask for, and the indexes of their search."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0013"
down_revision = "0012"

MOMENT = TIMESTAMP(timezone=True)
SEARCHED = (("permits", "number"), ("records", "number"), ("users", "name"))


def upgrade() -> None:
    op.create_table(
        "bundles",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("selection", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text()),
        sa.Column("size", sa.BigInteger()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("expires_at", MOMENT),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bundles"),
        sa.UniqueConstraint("code", name="uq_bundles_code"),
        sa.ForeignKeyConstraint(["requested_by"], ["users.id"], name="fk_bundles_requested_by_users"),
        sa.CheckConstraint(
            "state IN ('queued', 'building', 'ready', 'failed', 'expired')", name=op.f("ck_bundles_state_known")
        ),
        sa.CheckConstraint(
            "state <> 'ready' OR (sha256 IS NOT NULL AND size IS NOT NULL)", name=op.f("ck_bundles_ready")
        ),
        sa.CheckConstraint("done >= 0 AND done <= total", name=op.f("ck_bundles_progress")),
    )
    op.create_index("ix_bundles_requested_by", "bundles", ["requested_by"])
    for table, column in SEARCHED:
        op.create_index(
            f"ix_{table}_{column}_trgm",
            table,
            [column],
            postgresql_using="gin",
            postgresql_ops={column: "gin_trgm_ops"},
        )
    op.create_index("ix_cases_agency_updated", "cases", ["agency", "updated_at", "id"])
    op.create_index("ix_cases_state_updated", "cases", ["state", "updated_at", "id"])
    op.create_index(
        "ix_cases_submitted", "cases", ["submitted_at", "id"], postgresql_where=sa.text("submitted_at IS NOT NULL")
    )


def downgrade() -> None:
    for name in ("ix_cases_submitted", "ix_cases_state_updated", "ix_cases_agency_updated"):
        op.drop_index(name, "cases")
    for table, column in reversed(SEARCHED):
        op.drop_index(f"ix_{table}_{column}_trgm", table)
    op.drop_table("bundles")
