"""Which version of its kind's schema the data of a record was checked against; earlier records have none."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

CHECKS = {
    "schema_version": "schema_version > 0",
    "schema_fault": "schema_fault IS NULL OR schema_version IS NULL",
}
INDEX = "ix_records_schema_fault"


def upgrade() -> None:
    op.add_column("records", sa.Column("schema_version", sa.BigInteger()))
    op.add_column("records", sa.Column("schema_fault", sa.Text()))
    for name, condition in CHECKS.items():
        op.execute(f"ALTER TABLE records ADD CONSTRAINT ck_records_{name} CHECK ({condition}) NOT VALID")
    with op.get_context().autocommit_block():
        op.create_index(
            INDEX,
            "records",
            ["id"],
            postgresql_where=sa.text("schema_fault IS NOT NULL"),
            if_not_exists=True,
            postgresql_concurrently=True,
        )
    for name in CHECKS:
        op.execute(f"ALTER TABLE records VALIDATE CONSTRAINT ck_records_{name}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "records", postgresql_concurrently=True, if_exists=True)
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_records_{name}"), "records")
    op.drop_column("records", "schema_fault")
    op.drop_column("records", "schema_version")
