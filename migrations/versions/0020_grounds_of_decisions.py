"""Reasons from a list, conditions, a date for answers, colleagues told in notes, and cases that are alike."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"

LISTS = {
    "case_events": ("reasons",),
    "information_requests": ("reasons",),
    "recommendations": ("reasons", "conditions"),
    "decisions": ("reasons", "conditions"),
    "case_notes": ("mentions",),
}
LIKE = sa.text("decided_at IS NOT NULL AND likeness <> ''")
DUE = sa.text("answered_at IS NULL AND told < 3")
TOLD = "ck_information_requests_told"


def upgrade() -> None:
    for table, columns in LISTS.items():
        for column in columns:
            op.add_column(table, sa.Column(column, JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")))
    op.add_column("cases", sa.Column("likeness", sa.Text, nullable=False, server_default=""))
    op.add_column("information_requests", sa.Column("due_at", sa.DateTime(timezone=True)))
    op.add_column("information_requests", sa.Column("told", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(f"ALTER TABLE information_requests ADD CONSTRAINT {TOLD} CHECK (told BETWEEN 0 AND 3) NOT VALID")
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_cases_likeness",
            "cases",
            ["service", "likeness", "decided_at"],
            postgresql_where=LIKE,
            if_not_exists=True,
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_information_requests_due",
            "information_requests",
            ["due_at", "id"],
            postgresql_where=DUE,
            if_not_exists=True,
            postgresql_concurrently=True,
        )
    op.execute(f"ALTER TABLE information_requests VALIDATE CONSTRAINT {TOLD}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            "ix_information_requests_due", "information_requests", postgresql_concurrently=True, if_exists=True
        )
        op.drop_index("ix_cases_likeness", "cases", postgresql_concurrently=True, if_exists=True)
    op.drop_constraint(TOLD, "information_requests")
    op.drop_column("information_requests", "told")
    op.drop_column("information_requests", "due_at")
    op.drop_column("cases", "likeness")
    for table, columns in LISTS.items():
        for column in columns:
            op.drop_column(table, column)
