"""Auditors' marks and findings, the append-only history of a finding, and the indexes of the page of patterns."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0018"
down_revision = "0017"

MOMENT = TIMESTAMP(timezone=True)
SENT = sa.text("state = 'sent'")
STANDING = sa.text("removed_at IS NULL")


def _key(column: str, table: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _findings() -> None:
    op.create_table(
        "findings",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("points", JSONB(), nullable=False),
        sa.Column("answer_days", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.Column("due_at", MOMENT),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("done", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.BigInteger()),
        sa.Column("answered_at", MOMENT),
        sa.Column("by_decider", sa.Boolean(), nullable=False),
        sa.Column("accepted", sa.Boolean()),
        sa.Column("conclusion", sa.Text(), nullable=False),
        sa.Column("withdrawn_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
        sa.UniqueConstraint("number", name="uq_findings_number"),
        _key("case_id", "findings", "cases"),
        _key("author_id", "findings", "users"),
        _key("answered_by", "findings", "users"),
        sa.CheckConstraint(
            "state IN ('draft', 'sent', 'answered', 'closed', 'withdrawn')", name=op.f("ck_findings_state_known")
        ),
        sa.CheckConstraint("severity IN ('observation', 'minor', 'major')", name=op.f("ck_findings_severity_known")),
        sa.CheckConstraint("answer_days BETWEEN 1 AND 90", name=op.f("ck_findings_answer_days")),
        sa.CheckConstraint(
            "state IN ('draft', 'withdrawn') OR (sent_at IS NOT NULL AND due_at IS NOT NULL)",
            name=op.f("ck_findings_sent"),
        ),
        sa.CheckConstraint("sent_at IS NULL OR (seen <> '' AND legal_basis <> '')", name=op.f("ck_findings_complete")),
        sa.CheckConstraint(
            "state <> 'answered' OR (answer <> '' AND answered_by IS NOT NULL)", name=op.f("ck_findings_answered")
        ),
        sa.CheckConstraint(
            "state <> 'closed' OR (accepted IS NOT NULL AND conclusion <> '' AND answer <> '')",
            name=op.f("ck_findings_closed"),
        ),
        sa.CheckConstraint("state <> 'withdrawn' OR withdrawn_reason <> ''", name=op.f("ck_findings_withdrawn")),
    )
    op.create_index("ix_findings_case_order", "findings", ["case_id", "id"])
    op.create_index("ix_findings_author_id", "findings", ["author_id"])
    op.create_index("ix_findings_answered_by", "findings", ["answered_by"])
    op.create_index("ix_findings_due", "findings", ["due_at", "id"], postgresql_where=SENT)
    op.create_index("ix_findings_agency_due", "findings", ["agency", "due_at", "id"], postgresql_where=SENT)
    op.create_index("ix_findings_state_updated", "findings", ["state", "updated_at", "id"])
    op.create_index(
        "ix_findings_agency_sent",
        "findings",
        ["agency", "updated_at", "id"],
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )


def _history() -> None:
    op.create_table(
        "finding_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("finding_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text()),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("content", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_finding_events"),
        _key("finding_id", "finding_events", "findings"),
        _key("actor_id", "finding_events", "users"),
    )
    op.create_index("ix_finding_events_order", "finding_events", ["finding_id", "id"])
    op.create_index("ix_finding_events_actor_id", "finding_events", ["actor_id"])


def _marks() -> None:
    op.create_table(
        "case_marks",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("auditor_id", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_case_marks"),
        _key("case_id", "case_marks", "cases"),
        _key("auditor_id", "case_marks", "users"),
    )
    op.create_index("ix_case_marks_case_id", "case_marks", ["case_id"])
    op.create_index("ix_case_marks_auditor_id", "case_marks", ["auditor_id"])
    op.create_index(
        "uq_case_marks_standing", "case_marks", ["case_id", "auditor_id"], unique=True, postgresql_where=STANDING
    )
    op.create_index("ix_case_marks_order", "case_marks", ["made_at", "id"], postgresql_where=STANDING)


def _patterns() -> None:
    op.create_table(
        "pattern_counts",
        sa.Column("days", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("found", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("days", name="pk_pattern_counts"),
        sa.CheckConstraint("since < until", name=op.f("ck_pattern_counts_period")),
    )


TRIGGERS = (
    """
    CREATE FUNCTION finding_events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    "CREATE TRIGGER finding_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON finding_events "
    "FOR EACH STATEMENT EXECUTE FUNCTION finding_events_refuse_change()",
    # What the agency has read stays as it was read, and so do its answer and the auditor's conclusion.
    """
    CREATE FUNCTION findings_keep_what_was_sent() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.number, OLD.case_id, OLD.author_id) IS DISTINCT FROM (NEW.number, NEW.case_id, NEW.author_id)
            OR OLD.sent_at IS NOT NULL AND (OLD.agency, OLD.title, OLD.seen, OLD.severity, OLD.legal_basis, OLD.points,
                OLD.answer_days, OLD.sent_at, OLD.due_at) IS DISTINCT FROM (NEW.agency, NEW.title, NEW.seen,
                NEW.severity, NEW.legal_basis, NEW.points, NEW.answer_days, NEW.sent_at, NEW.due_at)
            OR OLD.answered_at IS NOT NULL AND (OLD.answer, OLD.done, OLD.answered_by, OLD.answered_at, OLD.by_decider)
                IS DISTINCT FROM (NEW.answer, NEW.done, NEW.answered_by, NEW.answered_at, NEW.by_decider)
            OR OLD.state IN ('closed', 'withdrawn')
        THEN
            RAISE EXCEPTION 'finding % keeps what was written', OLD.number
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER findings_kept BEFORE UPDATE ON findings "
    "FOR EACH ROW EXECUTE FUNCTION findings_keep_what_was_sent()",
)


def upgrade() -> None:
    _findings()
    _history()
    _marks()
    _patterns()
    for statement in TRIGGERS:
        op.execute(statement)
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_decisions_decided_at", "decisions", ["decided_at"], postgresql_concurrently=True, if_not_exists=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_decisions_decided_at", "decisions", postgresql_concurrently=True, if_exists=True)
    for table in ("pattern_counts", "case_marks", "finding_events", "findings"):
        op.drop_table(table)
    op.execute("DROP FUNCTION finding_events_refuse_change()")
    op.execute("DROP FUNCTION findings_keep_what_was_sent()")
