"""Certified copies of records, what a decision rested on, and conditions in every language."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0026"
down_revision = "0025"

MOMENT = TIMESTAMP(timezone=True)
WHOLE = "uq_records_id_kind"
LISTS = {"recommendations": ("checks",), "decisions": ("checks",), "permits": ("said_conditions",)}
FROZEN = (
    """
    CREATE FUNCTION certified_copies_stay_as_made() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            -- What a person wrote goes with the file of the case; nothing else does.
            IF NEW.purpose_text = '' AND to_jsonb(NEW) - 'purpose_text' = to_jsonb(OLD) - 'purpose_text' THEN
                RETURN NEW;
            END IF;
        END IF;
        IF TG_OP = 'TRUNCATE' OR OLD.record_id IS NOT NULL THEN
            RAISE EXCEPTION 'a certified copy that was made cannot be changed' USING ERRCODE = 'restrict_violation';
        END IF;
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER certified_copies_kept BEFORE UPDATE OR DELETE ON certified_copies "
    "FOR EACH ROW EXECUTE FUNCTION certified_copies_stay_as_made()",
    "CREATE TRIGGER certified_copies_no_truncate BEFORE TRUNCATE ON certified_copies "
    "FOR EACH STATEMENT EXECUTE FUNCTION certified_copies_stay_as_made()",
)


def _key(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_certified_copies_{column}_{target}")


def _copies() -> None:
    op.create_table(
        "certified_copies",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("original_id", sa.BigInteger(), nullable=False),
        sa.Column("original_kind", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.BigInteger(), nullable=False),
        sa.Column("official", sa.Boolean(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("purpose_names", JSONB(), nullable=False),
        sa.Column("purpose_text", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.BigInteger()),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.Column("number", sa.Text()),
        sa.Column("original_sha256", sa.Text()),
        sa.Column("record_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_certified_copies"),
        sa.UniqueConstraint("requested_by", "idempotency_key", name="uq_certified_copies_requested_by_idempotency_key"),
        sa.UniqueConstraint("charge_id", name="uq_certified_copies_charge_id"),
        sa.UniqueConstraint("record_id", name="uq_certified_copies_record_id"),
        sa.UniqueConstraint("number", name="uq_certified_copies_number"),
        sa.CheckConstraint("original_kind <> 'certified_copy'", name=op.f("ck_certified_copies_no_copy_of_a_copy")),
        sa.CheckConstraint(
            "state IN ('unpaid', 'preparing', 'made', 'refused')", name=op.f("ck_certified_copies_state")
        ),
        sa.CheckConstraint(
            "num_nonnulls(record_id, number, original_sha256) = CASE WHEN state = 'made' THEN 3 ELSE 0 END",
            name=op.f("ck_certified_copies_made"),
        ),
        sa.CheckConstraint(
            "(state IN ('made', 'refused')) = (finished_at IS NOT NULL)",
            name=op.f("ck_certified_copies_finished"),
        ),
        sa.CheckConstraint("(state = 'refused') = (refusal <> '')", name=op.f("ck_certified_copies_refusal")),
        sa.CheckConstraint("state <> 'unpaid' OR charge_id IS NOT NULL", name=op.f("ck_certified_copies_unpaid")),
        sa.CheckConstraint("NOT official OR charge_id IS NULL", name=op.f("ck_certified_copies_official_free")),
        sa.CheckConstraint("original_sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_certified_copies_original_sha256")),
        sa.ForeignKeyConstraint(
            ["original_id", "original_kind"],
            ["records.id", "records.kind"],
            name="fk_certified_copies_original",
        ),
        _key("requested_by", "users"),
        _key("charge_id", "charges"),
        _key("record_id", "records"),
    )
    op.create_index("ix_certified_copies_original", "certified_copies", ["original_id", "original_kind"])
    op.create_index(
        "ix_certified_copies_refused", "certified_copies", ["id"], postgresql_where=sa.text("state = 'refused'")
    )
    for statement in FROZEN:
        op.execute(statement)


def upgrade() -> None:
    for table, columns in LISTS.items():
        for column in columns:
            op.add_column(table, sa.Column(column, JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")))
    op.add_column("decisions", sa.Column("legal_ref", sa.Text, nullable=False, server_default=""))
    with op.get_context().autocommit_block():
        op.create_index(WHOLE, "records", ["id", "kind"], unique=True, if_not_exists=True, postgresql_concurrently=True)
    _copies()


def downgrade() -> None:
    op.drop_table("certified_copies")
    op.execute("DROP FUNCTION certified_copies_stay_as_made()")
    with op.get_context().autocommit_block():
        op.drop_index(WHOLE, "records", postgresql_concurrently=True, if_exists=True)
    op.drop_column("decisions", "legal_ref")
    for table, columns in LISTS.items():
        for column in columns:
            op.drop_column(table, column)
