"""Text messages, and telephone numbers that were confirmed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

revision = "0025"
down_revision = "0024"

MOMENT = TIMESTAMP(timezone=True)
E164 = r"number ~ '^\+[1-9][0-9]{6,14}$'"
STATES = "'queued', 'sending', 'sent', 'delivered', 'failed'"


def upgrade() -> None:
    op.create_table(
        "phone_numbers",
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=False),
        sa.Column("wanted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("stopped_at", MOMENT),
        sa.Column("stopped_reason", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("user_id", name="pk_phone_numbers"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_phone_numbers_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint(E164, name=op.f("ck_phone_numbers_e164")),
        sa.CheckConstraint(
            "(stopped_at IS NULL) = (stopped_reason = '')", name=op.f("ck_phone_numbers_stopped_for_a_reason")
        ),
    )
    op.create_index("ix_phone_numbers_number", "phone_numbers", ["number"])
    op.create_table(
        "phone_codes",
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_phone_codes"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_phone_codes_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint(E164, name=op.f("ck_phone_codes_e164")),
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name=op.f("ck_phone_codes_tries")),
    )
    op.create_table(
        "text_messages",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("segments", sa.BigInteger, nullable=False),
        sa.Column("secret", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("reference", UUID(as_uuid=True), nullable=False),
        sa.Column("provider", sa.Text, nullable=False, server_default=""),
        sa.Column("provider_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("given_up", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("valid_until", MOMENT, nullable=False),
        sa.Column("handed_over_at", MOMENT),
        sa.Column("sent_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_text_messages"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_text_messages_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_text_messages_message_id_messages", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("message_id", name="uq_text_messages_message_id"),
        sa.UniqueConstraint("reference", name="uq_text_messages_reference"),
        sa.CheckConstraint(E164, name=op.f("ck_text_messages_e164")),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_text_messages_state")),
        sa.CheckConstraint("segments >= 1", name=op.f("ck_text_messages_segments")),
        sa.CheckConstraint(
            "(state IN ('delivered', 'failed')) = (ended_at IS NOT NULL)", name=op.f("ck_text_messages_ended")
        ),
        sa.CheckConstraint(
            "state NOT IN ('sent', 'delivered') OR sent_at IS NOT NULL", name=op.f("ck_text_messages_sent")
        ),
        sa.CheckConstraint("NOT given_up OR state = 'failed'", name=op.f("ck_text_messages_given_up")),
        sa.CheckConstraint(
            "state <> 'sending' OR handed_over_at IS NOT NULL", name=op.f("ck_text_messages_handed_over")
        ),
    )
    op.create_index("ix_text_messages_user_id", "text_messages", ["user_id"])
    op.create_index(
        "uq_text_messages_provider_id",
        "text_messages",
        ["provider", "provider_id"],
        unique=True,
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_index("ix_text_messages_given_up", "text_messages", ["id"], postgresql_where=sa.text("given_up"))
    op.create_index(
        "ix_text_messages_sending",
        "text_messages",
        ["handed_over_at"],
        postgresql_where=sa.text("state = 'sending'"),
    )


def downgrade() -> None:
    op.drop_table("text_messages")
    op.drop_table("phone_codes")
    op.drop_table("phone_numbers")
