"""Cases: submissions, history, requests, recommendations, decisions, notes, counters; and what may never change."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

APPEND_ONLY = ("submissions", "case_events", "decisions")
FROM_THE_RIGHT = ("charges", "uploads", "records", "messages")  # tables made before cases that point to one
TABLES = (
    "case_notes",
    "decisions",
    "recommendations",
    "information_requests",
    "case_events",
    "submissions",
    "case_counters",
    "cases",
)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "cases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("applicant_id", sa.BigInteger(), nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(), nullable=False),
        sa.Column("draft", postgresql.JSONB(), nullable=False),
        sa.Column("current_submission_id", sa.BigInteger(), nullable=True),
        sa.Column("submitted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("clock_days_left", sa.BigInteger(), nullable=True),
        sa.Column("assigned_to", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'awaiting_payment', 'submitted', 'in_review', 'returned', 'recommended', 'approved', 'refused', 'withdrawn', 'cancelled')",
            name=op.f("ck_cases_state_known"),
        ),
        sa.CheckConstraint("state IN ('draft', 'withdrawn') OR agency IS NOT NULL", name=op.f("ck_cases_has_agency")),
        sa.CheckConstraint(
            "state IN ('draft', 'withdrawn') OR current_submission_id IS NOT NULL", name=op.f("ck_cases_submitted")
        ),
        sa.ForeignKeyConstraint(["applicant_id"], ["users.id"], name="fk_cases_applicant_id_users"),
        sa.ForeignKeyConstraint(["assigned_to"], ["users.id"], name="fk_cases_assigned_to_users"),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        sa.UniqueConstraint("applicant_id", "idempotency_key", name="uq_cases_applicant_id_idempotency_key"),
        sa.UniqueConstraint("reference", name="uq_cases_reference"),
    )
    op.create_index("ix_cases_applicant_id", "cases", ["applicant_id"], unique=False)
    op.create_index("ix_cases_applicant_recent", "cases", ["applicant_id", "updated_at", "id"], unique=False)
    op.create_index("ix_cases_assigned_to", "cases", ["assigned_to"], unique=False)
    op.create_index("ix_cases_business_id", "cases", ["business_id"], unique=False)
    op.create_index("ix_cases_business_recent", "cases", ["business_id", "updated_at", "id"], unique=False)
    op.create_index("ix_cases_current_submission_id", "cases", ["current_submission_id"], unique=False)
    op.create_index(
        "ix_cases_desk",
        "cases",
        ["agency", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('in_review', 'recommended', 'submitted')"),
    )
    op.create_index(
        "ix_cases_due",
        "cases",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('in_review', 'recommended', 'submitted')"),
    )
    op.create_index(
        "ix_cases_search",
        "cases",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search": "gin_trgm_ops"},
    )
    op.create_index("ix_cases_updated", "cases", ["updated_at", "id"], unique=False)
    op.create_index(
        "ix_cases_waiting",
        "cases",
        ["agency", "submitted_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'submitted'"),
    )
    op.create_table(
        "case_counters",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("year", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("series", "year", name="pk_case_counters"),
    )
    op.create_table(
        "submissions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("documents", postgresql.JSONB(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("declaration", sa.Text(), nullable=False),
        sa.Column("submitted_by", sa.BigInteger(), nullable=False),
        sa.Column("submitted_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_submissions_sha256_hex")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_submissions_case_id_cases"),
        sa.ForeignKeyConstraint(["submitted_by"], ["users.id"], name="fk_submissions_submitted_by_users"),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
        sa.UniqueConstraint("case_id", "number", name="uq_submissions_case_id_number"),
        sa.UniqueConstraint("id", "sha256", name="uq_submissions_id_sha256"),
        sa.UniqueConstraint("id", "submitted_by", name="uq_submissions_id_submitted_by"),
    )
    op.create_index("ix_submissions_case_id", "submissions", ["case_id"], unique=False)
    op.create_index("ix_submissions_submitted_by", "submissions", ["submitted_by"], unique=False)
    op.create_table(
        "case_notes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_case_notes_author_id_users"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_notes_case_id_cases"),
        sa.PrimaryKeyConstraint("id", name="pk_case_notes"),
    )
    op.create_index("ix_case_notes_author_id", "case_notes", ["author_id"], unique=False)
    op.create_index("ix_case_notes_case_id", "case_notes", ["case_id"], unique=False)
    op.create_table(
        "case_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("actor_role", sa.Text(), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("submission_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name="fk_case_events_actor_id_users"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_events_case_id_cases"),
        sa.ForeignKeyConstraint(["submission_id"], ["submissions.id"], name="fk_case_events_submission_id_submissions"),
        sa.PrimaryKeyConstraint("id", name="pk_case_events"),
    )
    op.create_index("ix_case_events_actor_id", "case_events", ["actor_id"], unique=False)
    op.create_index("ix_case_events_case_id", "case_events", ["case_id"], unique=False)
    op.create_index("ix_case_events_case_order", "case_events", ["case_id", "id"], unique=False)
    op.create_index("ix_case_events_submission_id", "case_events", ["submission_id"], unique=False)
    op.create_table(
        "information_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("answered_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answer_submission_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["answer_submission_id"],
            ["submissions.id"],
            name="fk_information_requests_answer_submission_id_submissions",
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["users.id"], name="fk_information_requests_asked_by_users"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_information_requests_case_id_cases"),
        sa.PrimaryKeyConstraint("id", name="pk_information_requests"),
    )
    op.create_index(
        "ix_information_requests_answer_submission_id", "information_requests", ["answer_submission_id"], unique=False
    )
    op.create_index("ix_information_requests_asked_by", "information_requests", ["asked_by"], unique=False)
    op.create_index("ix_information_requests_case_id", "information_requests", ["case_id"], unique=False)
    op.create_table(
        "recommendations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column("submission_sha256", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recommended_by", sa.BigInteger(), nullable=False),
        sa.Column("recommended_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("voided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("outcome IN ('approve', 'refuse')", name=op.f("ck_recommendations_outcome_known")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_recommendations_case_id_cases"),
        sa.ForeignKeyConstraint(["recommended_by"], ["users.id"], name="fk_recommendations_recommended_by_users"),
        sa.ForeignKeyConstraint(
            ["submission_id", "submission_sha256"],
            ["submissions.id", "submissions.sha256"],
            name="fk_recommendations_submission",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recommendations"),
        sa.UniqueConstraint(
            "id", "recommended_by", "submission_id", "submission_sha256", "outcome", name="uq_recommendations_whole"
        ),
    )
    op.create_index("ix_recommendations_case_id", "recommendations", ["case_id"], unique=False)
    op.create_index("ix_recommendations_recommended_by", "recommendations", ["recommended_by"], unique=False)
    op.create_index(
        "ix_recommendations_submission", "recommendations", ["submission_id", "submission_sha256"], unique=False
    )
    op.create_index(
        "uq_recommendations_one_standing",
        "recommendations",
        ["case_id"],
        unique=True,
        postgresql_where=sa.text("voided_at IS NULL"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column("submission_sha256", sa.Text(), nullable=False),
        sa.Column("submitted_by", sa.BigInteger(), nullable=False),
        sa.Column("recommendation_id", sa.BigInteger(), nullable=True),
        sa.Column("recommended_by", sa.BigInteger(), nullable=True),
        sa.Column("four_eyes", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome IN ('approve', 'refuse')", name=op.f("ck_decisions_outcome_known")),
        sa.CheckConstraint(
            "NOT four_eyes OR (recommendation_id IS NOT NULL AND recommended_by IS NOT NULL)",
            name=op.f("ck_decisions_needs_two"),
        ),
        sa.CheckConstraint(
            "recommended_by IS NULL OR recommended_by <> decided_by", name=op.f("ck_decisions_two_people")
        ),
        sa.CheckConstraint("submitted_by <> decided_by", name=op.f("ck_decisions_not_the_applicant")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_decisions_case_id_cases"),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name="fk_decisions_decided_by_users"),
        sa.ForeignKeyConstraint(
            ["recommendation_id", "recommended_by", "submission_id", "submission_sha256", "outcome"],
            [
                "recommendations.id",
                "recommendations.recommended_by",
                "recommendations.submission_id",
                "recommendations.submission_sha256",
                "recommendations.outcome",
            ],
            name="fk_decisions_recommendation",
        ),
        sa.ForeignKeyConstraint(
            ["submission_id", "submission_sha256"],
            ["submissions.id", "submissions.sha256"],
            name="fk_decisions_submission",
        ),
        sa.ForeignKeyConstraint(
            ["submission_id", "submitted_by"],
            ["submissions.id", "submissions.submitted_by"],
            name="fk_decisions_submitter",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_case_id", "decisions", ["case_id"], unique=True)
    op.create_index("ix_decisions_decided_by", "decisions", ["decided_by"], unique=False)
    op.create_index(
        "ix_decisions_recommendation",
        "decisions",
        ["recommendation_id", "recommended_by", "submission_id", "submission_sha256", "outcome"],
        unique=False,
    )
    op.create_index("ix_decisions_submission", "decisions", ["submission_id", "submission_sha256"], unique=False)
    op.create_index("ix_decisions_submitter", "decisions", ["submission_id", "submitted_by"], unique=False)
    op.create_foreign_key(
        "fk_cases_current_submission_id_submissions", "cases", "submissions", ["current_submission_id"], ["id"]
    )
    for table in FROM_THE_RIGHT:
        op.create_foreign_key(f"fk_{table}_case_id_cases", table, "cases", ["case_id"], ["id"])
    op.execute(
        """
        CREATE FUNCTION cases_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END $$
        """
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION cases_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION cases_refuse_change()"
        )
    # A case is decided only by a decision row, which carries the four-eyes checks.
    op.execute(
        """
        CREATE FUNCTION cases_need_a_decision() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT EXISTS (
                SELECT 1 FROM decisions
                WHERE case_id = NEW.id
                  AND outcome = CASE NEW.state WHEN 'approved' THEN 'approve' ELSE 'refuse' END
            ) THEN
                RAISE EXCEPTION 'case % is % without a decision', NEW.reference, NEW.state
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE CONSTRAINT TRIGGER cases_decided AFTER INSERT OR UPDATE OF state ON cases
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (NEW.state IN ('approved', 'refused')) EXECUTE FUNCTION cases_need_a_decision()
        """
    )


def downgrade() -> None:
    for table in FROM_THE_RIGHT:
        op.drop_constraint(f"fk_{table}_case_id_cases", table, type_="foreignkey")
    op.drop_constraint("fk_cases_current_submission_id_submissions", "cases", type_="foreignkey")
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION cases_need_a_decision()")
    op.execute("DROP FUNCTION cases_refuse_change()")
