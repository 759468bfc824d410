"""Whose seal a record bears, and what its signature says. Issued records, which have none, stay as they are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0016"
down_revision = "0015"

CHECKS = {
    "signature_level": "signature_level IN ('B-B', 'B-T', 'B-LT')",
    "signature": "num_nonnulls(signature_level, signed_by, signed_at, certificate_fingerprint) IN (0, 4)",
    "signed_bytes": "signature_level IS NULL OR sha256 IS NOT NULL",
    "certificate_fingerprint": "certificate_fingerprint ~ '^[0-9a-f]{64}$'",
}


def upgrade() -> None:
    op.add_column("records", sa.Column("seal", sa.Text(), server_default="PORTAL", nullable=False))
    for name in ("signature_level", "signed_by", "certificate_fingerprint"):
        op.add_column("records", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("records", sa.Column("signed_at", TIMESTAMP(timezone=True), nullable=True))
    for name, condition in CHECKS.items():
        op.execute(f"ALTER TABLE records ADD CONSTRAINT ck_records_{name} CHECK ({condition}) NOT VALID")
    with op.get_context().autocommit_block():
        pass  # the lock of the above is let go before the rows are read
    for name in CHECKS:
        op.execute(f"ALTER TABLE records VALIDATE CONSTRAINT ck_records_{name}")


def downgrade() -> None:
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_records_{name}"), "records")
    for name in ("signed_at", "certificate_fingerprint", "signed_by", "signature_level", "seal"):
        op.drop_column("records", name)
