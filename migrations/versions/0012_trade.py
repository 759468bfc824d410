"""Listings and their history."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"

TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "listings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("hs", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(18, 3), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason_subject", sa.Text(), nullable=False),
        sa.Column("ready_at", TIME, nullable=True),
        sa.Column("frozen_at", TIME, nullable=True),
        sa.Column("complete_at", TIME, nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint("state IN ('draft', 'ready', 'frozen', 'delisted')", name=op.f("ck_listings_state")),
        sa.CheckConstraint("(quantity IS NULL) = (unit IS NULL)", name=op.f("ck_listings_quantity_has_unit")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_listings_quantity")),
        sa.CheckConstraint("state <> 'ready' OR ready_at IS NOT NULL", name=op.f("ck_listings_ready_since")),
        sa.CheckConstraint(
            "state <> 'frozen' OR (frozen_at IS NOT NULL AND reason_code <> '')", name=op.f("ck_listings_frozen_reason")
        ),
        sa.CheckConstraint("state = 'draft' OR complete_at IS NULL", name=op.f("ck_listings_complete_draft")),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name="fk_listings_business_id_businesses"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_listings_created_by_users"),
        sa.PrimaryKeyConstraint("id", name="pk_listings"),
        sa.UniqueConstraint("reference", name="uq_listings_reference"),
        sa.UniqueConstraint("business_id", "idempotency_key", name="uq_listings_business_id_idempotency_key"),
    )
    op.create_index(
        "uq_listings_sku", "listings", ["business_id", "sku"], unique=True, postgresql_where=sa.text("sku <> ''")
    )
    op.create_index("ix_listings_business_id_id", "listings", ["business_id", "id"])
    op.create_index(
        "ix_listings_channel_id", "listings", ["channel", "id"], postgresql_where=sa.text("ready_at IS NOT NULL")
    )
    op.create_index("ix_listings_open", "listings", ["business_id"], postgresql_where=sa.text("state <> 'delisted'"))
    op.create_index("ix_listings_created_by", "listings", ["created_by"])
    op.create_table(
        "listing_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("listing_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason_subject", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name="fk_listing_events_actor_id_users"),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name="fk_listing_events_listing_id_listings"),
        sa.PrimaryKeyConstraint("id", name="pk_listing_events"),
    )
    op.create_index("ix_listing_events_listing_id_id", "listing_events", ["listing_id", "id"])
    op.create_index("ix_listing_events_actor_id", "listing_events", ["actor_id"])
    op.execute(
        """
        CREATE FUNCTION trade_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER listing_events_append_only BEFORE UPDATE OR DELETE ON listing_events "
        "FOR EACH ROW EXECUTE FUNCTION trade_refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER listing_events_no_truncate BEFORE TRUNCATE ON listing_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION trade_refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("listing_events")
    op.drop_table("listings")
    op.execute("DROP FUNCTION trade_refuse_change()")
