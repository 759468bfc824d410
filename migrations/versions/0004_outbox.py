"""Events, the endpoints that hear them, and the deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0004"
down_revision = "0003"

TIME = pg.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "outbox_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data", pg.JSONB(), nullable=False),
        sa.Column("business_id", sa.BigInteger()),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_events"),
        sa.UniqueConstraint("uid", name="uq_outbox_events_uid"),
    )
    op.create_index("ix_outbox_events_subject_id", "outbox_events", ["subject", "id"])
    op.create_index(
        "ix_outbox_events_business_id_id",
        "outbox_events",
        ["business_id", "id"],
        postgresql_where=sa.text("business_id IS NOT NULL"),
    )
    op.create_table(
        "outbox_endpoints",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("event_types", pg.JSONB(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME),
        sa.Column("disabled_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_endpoints"),
        sa.UniqueConstraint("uid", name="uq_outbox_endpoints_uid"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["api_clients.id"], name="fk_outbox_endpoints_client_id_api_clients", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_outbox_endpoints_client_id", "outbox_endpoints", ["client_id"])
    op.create_table(
        "outbox_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=False),
        sa.Column("claimed_until", TIME),
        sa.Column("delivered_at", TIME),
        sa.Column("last_status", sa.BigInteger()),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_deliveries"),
        sa.UniqueConstraint("event_id", "endpoint_id", name="uq_outbox_deliveries_event_id_endpoint_id"),
        sa.ForeignKeyConstraint(
            ["event_id"], ["outbox_events.id"], name="fk_outbox_deliveries_event_id_outbox_events", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["outbox_endpoints.id"],
            name="fk_outbox_deliveries_endpoint_id_outbox_endpoints",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'failed', 'disabled')", name=op.f("ck_outbox_deliveries_state")
        ),
        sa.CheckConstraint(
            "(state = 'delivered') = (delivered_at IS NOT NULL)", name=op.f("ck_outbox_deliveries_delivered_at")
        ),
    )
    op.create_index("ix_outbox_deliveries_endpoint_id", "outbox_deliveries", ["endpoint_id"])
    op.create_index(
        "ix_outbox_deliveries_due",
        "outbox_deliveries",
        ["next_attempt_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_outbox_deliveries_failed", "outbox_deliveries", ["id"], postgresql_where=sa.text("state = 'failed'")
    )


def downgrade() -> None:
    op.drop_table("outbox_deliveries")
    op.drop_table("outbox_endpoints")
    op.drop_table("outbox_events")
