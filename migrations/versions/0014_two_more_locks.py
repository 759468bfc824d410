"""One live business for a tax number; who sent a case never recommends what becomes of it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

CHECK = "ck_decisions_not_recommended_by_applicant"
LIVE = sa.text("state IN ('active', 'suspended')")


def upgrade() -> None:
    op.execute(
        f"ALTER TABLE decisions ADD CONSTRAINT {CHECK} "
        "CHECK (recommended_by IS NULL OR recommended_by <> submitted_by) NOT VALID"
    )
    with op.get_context().autocommit_block():
        op.create_index(
            "uq_businesses_live_tax_number",
            "businesses",
            ["tax_number"],
            unique=True,
            postgresql_where=LIVE,
            if_not_exists=True,
            postgresql_concurrently=True,
        )
        op.drop_index("ix_businesses_tax_number", "businesses", postgresql_concurrently=True, if_exists=True)
    op.execute(f"ALTER TABLE decisions VALIDATE CONSTRAINT {CHECK}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_businesses_tax_number", "businesses", ["tax_number"], postgresql_concurrently=True, if_not_exists=True
        )
        op.drop_index("uq_businesses_live_tax_number", "businesses", postgresql_concurrently=True, if_exists=True)
    op.drop_constraint(CHECK, "decisions")
