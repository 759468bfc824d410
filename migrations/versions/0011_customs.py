"""Customs declarations and their items."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "declarations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("office", sa.Text(), nullable=False),
        sa.Column("procedure_code", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("lane_rule", sa.Text(), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("lodged_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("released_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("lane IN ('green', 'blue', 'yellow', 'red')", name=op.f("ck_declarations_lane_known")),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name="fk_declarations_business_id_businesses"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_declarations_case_id_cases"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_declarations_record_id_records"),
        sa.PrimaryKeyConstraint("id", name="pk_declarations"),
        sa.UniqueConstraint("number", name="uq_declarations_number"),
    )
    op.create_index("ix_declarations_business_id", "declarations", ["business_id"], unique=False)
    op.create_index("ix_declarations_case_id", "declarations", ["case_id"], unique=True)
    op.create_index("ix_declarations_record_id", "declarations", ["record_id"], unique=False)
    op.create_table(
        "declaration_items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("declaration_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hs", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("packages", sa.BigInteger(), nullable=False),
        sa.Column("package_kind", sa.Text(), nullable=False),
        sa.Column("gross_mass", sa.Numeric(precision=18, scale=3), nullable=False),
        sa.Column("net_mass", sa.Numeric(precision=18, scale=3), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("permit_line_id", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.Numeric(precision=18, scale=3), nullable=True),
        sa.CheckConstraint(
            "(permit_line_id IS NULL) = (quantity IS NULL)", name=op.f("ck_declaration_items_draws_a_quantity")
        ),
        sa.CheckConstraint("net_mass <= gross_mass", name=op.f("ck_declaration_items_net_within_gross")),
        sa.ForeignKeyConstraint(
            ["declaration_id"],
            ["declarations.id"],
            name="fk_declaration_items_declaration_id_declarations",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["permit_line_id"], ["permit_lines.id"], name="fk_declaration_items_permit_line_id_permit_lines"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_declaration_items"),
        sa.UniqueConstraint("declaration_id", "number", name="uq_declaration_items_declaration_id_number"),
    )
    op.create_index("ix_declaration_items_declaration_id", "declaration_items", ["declaration_id"], unique=False)
    op.create_index("ix_declaration_items_permit_line_id", "declaration_items", ["permit_line_id"], unique=False)


def downgrade() -> None:
    op.drop_table("declaration_items")
    op.drop_table("declarations")
