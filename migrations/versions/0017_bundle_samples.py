"""Bundles that are samples, and the parts of a bundle that is being made."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"

CHECKS = {
    "ck_bundles_method_known": "method IN ('all', 'simple', 'stratified', 'monetary')",
    "ck_bundles_sample": "(method <> 'all') = (population_sha256 IS NOT NULL)",
}


def upgrade() -> None:
    op.add_column("bundles", sa.Column("method", sa.Text(), server_default="all", nullable=False))
    op.add_column("bundles", sa.Column("seed", sa.Text(), server_default="", nullable=False))
    op.add_column("bundles", sa.Column("population", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("bundles", sa.Column("population_sha256", sa.Text()))
    op.add_column("bundles", sa.Column("population_file_sha256", sa.Text()))
    for name, rule in CHECKS.items():
        op.execute(f"ALTER TABLE bundles ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID")
    op.create_table(
        "bundle_parts",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("bundle_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("found", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bundle_parts"),
        sa.UniqueConstraint("bundle_id", "number", name="uq_bundle_parts_bundle_id_number"),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name="fk_bundle_parts_bundle_id_bundles"),
    )
    with op.get_context().autocommit_block():
        pass  # what was locked so far is free again: looking at every row takes longer
    for name in CHECKS:
        op.execute(f"ALTER TABLE bundles VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    op.drop_table("bundle_parts")
    for name in CHECKS:
        op.drop_constraint(name, "bundles")
    for column in ("population_file_sha256", "population_sha256", "population", "seed", "method"):
        op.drop_column("bundles", column)
