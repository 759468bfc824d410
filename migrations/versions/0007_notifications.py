"""Tables of notifications."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0007"
down_revision = "0006"

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("user_id", sa.BigInteger),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("private", sa.Boolean, nullable=False),
        sa.Column("case_id", sa.BigInteger),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("read_at", MOMENT),
        sa.Column("mail_state", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_messages_user_id_users"),
        sa.CheckConstraint("mail_state IN ('queued', 'sent', 'failed')", name=op.f("ck_messages_mail_state")),
    )
    op.create_index("ix_messages_user_id", "messages", ["user_id"])
    op.create_index("ix_messages_case_id", "messages", ["case_id"])
    op.create_index(
        "ix_messages_inbox", "messages", ["user_id", sa.text("id DESC")], postgresql_where=sa.text("NOT private")
    )
    op.create_index(
        "ix_messages_unread",
        "messages",
        ["user_id"],
        postgresql_where=sa.text("read_at IS NULL AND NOT private"),
    )
    op.create_index("ix_messages_failed", "messages", ["id"], postgresql_where=sa.text("mail_state = 'failed'"))


def downgrade() -> None:
    op.drop_table("messages")
