"""Tables of fees, and the triggers that keep the ledger balanced and unchangeable."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0005"
down_revision = "0004"

MOMENT = TIMESTAMP(timezone=True)

IMMUTABLE = """
CREATE FUNCTION fees_ledger_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % on % refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$
"""

BALANCED = """
CREATE FUNCTION fees_ledger_is_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry bigint;
    total numeric;
    found bigint;
    announced bigint;
BEGIN
    IF TG_TABLE_NAME = 'ledger_entries' THEN
        entry := NEW.id;
    ELSE
        entry := NEW.entry_id;
    END IF;
    SELECT coalesce(sum(amount_minor), 0), count(*) INTO total, found FROM ledger_lines WHERE entry_id = entry;
    SELECT line_count INTO announced FROM ledger_entries WHERE id = entry;
    IF total <> 0 THEN
        RAISE EXCEPTION 'ledger entry % does not balance: %', entry, total USING ERRCODE = 'check_violation';
    END IF;
    IF found <> announced THEN
        RAISE EXCEPTION 'ledger entry % has % lines, not %', entry, found, announced USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "charges",
        _id(),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("case_id", sa.BigInteger),
        sa.Column("business_id", sa.BigInteger),
        sa.Column("payer_id", sa.BigInteger, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("paid_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_charges"),
        sa.UniqueConstraint("reference", name="uq_charges_reference"),
        sa.ForeignKeyConstraint(["payer_id"], ["users.id"], name="fk_charges_payer_id_users"),
        sa.CheckConstraint("total_minor > 0", name=op.f("ck_charges_total")),
        sa.CheckConstraint("state IN ('due', 'paid', 'cancelled', 'refunded')", name=op.f("ck_charges_state")),
        sa.CheckConstraint("(paid_at IS NOT NULL) = (state IN ('paid', 'refunded'))", name=op.f("ck_charges_paid_at")),
    )
    op.create_index("ix_charges_case_id", "charges", ["case_id"])
    op.create_index("ix_charges_business_id", "charges", ["business_id"])
    op.create_index("ix_charges_payer_id", "charges", ["payer_id"])
    op.create_index(
        "uq_charges_case_id_due", "charges", ["case_id"], unique=True, postgresql_where=sa.text("state = 'due'")
    )
    op.create_table(
        "charge_lines",
        _id(),
        sa.Column("charge_id", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("names", JSONB, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("legal_ref", sa.Text, nullable=False),
        sa.Column("revenue_code", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_charge_lines"),
        sa.UniqueConstraint("charge_id", "position", name="uq_charge_lines_charge_id_position"),
        sa.ForeignKeyConstraint(["charge_id"], ["charges.id"], name="fk_charge_lines_charge_id_charges"),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_charge_lines_amount")),
    )
    op.create_table(
        "payments",
        _id(),
        sa.Column("charge_id", sa.BigInteger, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("provider_reference", sa.Uuid, nullable=False),
        sa.Column("msisdn", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("destination", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("reported", sa.Text, nullable=False),
        sa.Column("started_by", sa.BigInteger),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("requested_at", MOMENT),
        sa.Column("checked_at", MOMENT),
        sa.Column("checks", sa.BigInteger, nullable=False),
        sa.Column("next_check_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_payments"),
        sa.UniqueConstraint("provider_reference", name="uq_payments_provider_reference"),
        sa.ForeignKeyConstraint(["charge_id"], ["charges.id"], name="fk_payments_charge_id_charges"),
        sa.ForeignKeyConstraint(["started_by"], ["users.id"], name="fk_payments_started_by_users"),
        sa.CheckConstraint("state IN ('pending', 'successful', 'failed', 'expired')", name=op.f("ck_payments_state")),
        sa.CheckConstraint("(destination IS NOT NULL) = (state = 'successful')", name=op.f("ck_payments_destination")),
        sa.CheckConstraint(
            "destination IN ('charge', 'refunds_payable', 'suspense')", name=op.f("ck_payments_destination_known")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_amount")),
    )
    op.create_index("ix_payments_charge_id", "payments", ["charge_id"])
    op.create_index("ix_payments_started_by", "payments", ["started_by"])
    op.create_index(
        "ix_payments_next_check_at",
        "payments",
        ["next_check_at"],
        postgresql_where=sa.text("next_check_at IS NOT NULL"),
    )
    op.create_index(
        "ix_payments_exceptions",
        "payments",
        ["id"],
        postgresql_where=sa.text("destination IN ('refunds_payable', 'suspense')"),
    )
    op.create_index(
        "uq_payments_charge_id_pending",
        "payments",
        ["charge_id"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "uq_payments_charge_id_settling",
        "payments",
        ["charge_id"],
        unique=True,
        postgresql_where=sa.text("destination = 'charge'"),
    )
    op.create_table(
        "receipts",
        _id(),
        sa.Column("charge_id", sa.BigInteger, nullable=False),
        sa.Column("payment_id", sa.BigInteger, nullable=False),
        sa.Column("year", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("record_code", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_receipts"),
        sa.UniqueConstraint("charge_id", name="uq_receipts_charge_id"),
        sa.UniqueConstraint("payment_id", name="uq_receipts_payment_id"),
        sa.UniqueConstraint("year", "number", name="uq_receipts_year_number"),
        sa.UniqueConstraint("reference", name="uq_receipts_reference"),
        sa.ForeignKeyConstraint(["charge_id"], ["charges.id"], name="fk_receipts_charge_id_charges"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="fk_receipts_payment_id_payments"),
    )
    op.create_table(
        "ledger_accounts",
        _id(),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_accounts"),
        sa.UniqueConstraint("code", name="uq_ledger_accounts_code"),
        sa.CheckConstraint("kind IN ('asset', 'liability', 'revenue')", name=op.f("ck_ledger_accounts_kind")),
    )
    op.create_table(
        "ledger_entries",
        _id(),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("charge_id", sa.BigInteger, nullable=False),
        sa.Column("payment_id", sa.BigInteger),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("line_count", sa.BigInteger, nullable=False),
        sa.Column("posted_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_entries"),
        sa.UniqueConstraint("payment_id", name="uq_ledger_entries_payment_id"),
        sa.ForeignKeyConstraint(["charge_id"], ["charges.id"], name="fk_ledger_entries_charge_id_charges"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="fk_ledger_entries_payment_id_payments"),
        sa.CheckConstraint(
            "kind IN ('assessment', 'settlement', 'surplus', 'suspense', 'cancellation')",
            name=op.f("ck_ledger_entries_kind"),
        ),
        sa.CheckConstraint("line_count >= 2", name=op.f("ck_ledger_entries_line_count")),
    )
    op.create_index("ix_ledger_entries_charge_id", "ledger_entries", ["charge_id"])
    op.create_index(
        "uq_ledger_entries_charge_id_kind",
        "ledger_entries",
        ["charge_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind IN ('assessment', 'settlement', 'cancellation')"),
    )
    op.create_table(
        "ledger_lines",
        _id(),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_lines"),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entries.id"], name="fk_ledger_lines_entry_id_ledger_entries"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_accounts.id"], name="fk_ledger_lines_account_id_ledger_accounts"
        ),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_ledger_lines_amount")),
    )
    op.create_index("ix_ledger_lines_entry_id", "ledger_lines", ["entry_id"])
    op.create_index("ix_ledger_lines_account_id", "ledger_lines", ["account_id"])
    op.create_table(
        "fee_counters",
        sa.Column("series", sa.Text, nullable=False),
        sa.Column("year", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("series", "year", name="pk_fee_counters"),
    )
    op.execute(IMMUTABLE)
    op.execute(BALANCED)
    for table in ("ledger_entries", "ledger_lines"):
        op.execute(
            f"CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION fees_ledger_is_immutable()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_untruncatable BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION fees_ledger_is_immutable()"
        )
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_balanced AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION fees_ledger_is_balanced()"
        )


def downgrade() -> None:
    for table in (
        "fee_counters",
        "ledger_lines",
        "ledger_entries",
        "ledger_accounts",
        "receipts",
        "payments",
        "charge_lines",
        "charges",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION fees_ledger_is_balanced()")
    op.execute("DROP FUNCTION fees_ledger_is_immutable()")
