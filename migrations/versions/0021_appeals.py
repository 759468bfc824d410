"""Appeals, and decisions that correct an earlier one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"

TIME = postgresql.TIMESTAMP(timezone=True)
LIST = sa.text("'[]'::jsonb")
OPEN = sa.text("state = 'open'")
FIRST = sa.text("corrects_id IS NULL")
# On tables that hold rows: unique, table, name, columns, condition.
INDEXES = (
    (True, "decisions", "uq_decisions_id_case", ["id", "case_id"], None),
    (True, "decisions", "uq_decisions_id_decider", ["id", "decided_by"], None),
    (True, "decisions", "uq_decisions_id_recommender", ["id", "recommended_by"], None),
    (True, "decisions", "uq_decisions_first_of_case", ["case_id"], FIRST),
    (True, "decisions", "uq_decisions_one_correction", ["corrects_id"], None),
    (False, "decisions", "ix_decisions_corrects", ["corrects_id", "case_id"], None),
    (False, "decisions", "ix_decisions_of_case", ["case_id", "id"], None),
    (False, "cases", "ix_cases_correction", ["correction_id", "id"], None),
    (True, "permits", "uq_permits_replaces_id", ["replaces_id"], None),
)
# Table, name, what it says: added NOT VALID, then validated.
CONSTRAINTS = (
    ("decisions", "ck_decisions_correction_needs_two", "CHECK (corrects_id IS NULL OR four_eyes)"),
    (
        "decisions",
        "fk_decisions_corrects",
        "FOREIGN KEY (corrects_id, case_id) REFERENCES corrections (decision_id, case_id)",
    ),
    (
        "cases",
        "ck_cases_correction_open",
        "CHECK (correction_id IS NULL OR state IN ('submitted', 'in_review', 'returned', 'recommended'))",
    ),
    ("cases", "fk_cases_correction", "FOREIGN KEY (correction_id, id) REFERENCES corrections (id, case_id)"),
    ("permits", "fk_permits_replaces_id_permits", "FOREIGN KEY (replaces_id) REFERENCES permits (id)"),
)
DECIDED = """
CREATE OR REPLACE FUNCTION cases_need_a_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM decisions
        WHERE case_id = NEW.id
          AND outcome = CASE NEW.state WHEN 'approved' THEN 'approve' ELSE 'refuse' END
          {standing}
    ) THEN
        RAISE EXCEPTION 'case % is % without a decision', NEW.reference, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""
STANDING = "AND NOT EXISTS (SELECT 1 FROM corrections WHERE corrections.decision_id = decisions.id)"
FUNCTIONS = {
    # Whoever did anything in a case, applied for it, or belongs to its business.
    "case_involves(matter bigint, person bigint) RETURNS boolean LANGUAGE sql STABLE": """
    SELECT EXISTS (SELECT 1 FROM cases WHERE id = matter AND person IN (applicant_id, assigned_to))
        OR EXISTS (SELECT 1 FROM case_events WHERE case_id = matter AND actor_id = person)
        OR EXISTS (SELECT 1 FROM submissions WHERE case_id = matter AND submitted_by = person)
        OR EXISTS (SELECT 1 FROM recommendations WHERE case_id = matter AND recommended_by = person)
        OR EXISTS (SELECT 1 FROM decisions WHERE case_id = matter AND person IN (decided_by, recommended_by))
        OR EXISTS (SELECT 1 FROM information_requests WHERE case_id = matter AND asked_by = person)
        OR EXISTS (SELECT 1 FROM case_notes WHERE case_id = matter AND author_id = person)
        OR EXISTS (SELECT 1 FROM corrections WHERE case_id = matter AND opened_by = person)
        OR EXISTS (SELECT 1 FROM appeals WHERE case_id = matter AND person IN (appealed_by, judged_by, withdrawn_by))
        OR EXISTS (
            SELECT 1 FROM memberships JOIN cases ON cases.business_id = memberships.business_id
            WHERE cases.id = matter AND memberships.user_id = person)
    """,
    "corrections_guard() RETURNS trigger LANGUAGE plpgsql": """
BEGIN
    IF EXISTS (SELECT 1 FROM appeals WHERE decision_id = NEW.decision_id AND state = 'open') THEN
        RAISE EXCEPTION 'an appeal against decision % is open', NEW.decision_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
    """,
    "appeals_guard() RETURNS trigger LANGUAGE plpgsql": """
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'open'
            OR EXISTS (SELECT 1 FROM corrections WHERE decision_id = NEW.decision_id)
            OR NOT EXISTS (
                SELECT 1 FROM decisions WHERE id = NEW.decision_id
                    AND decided_by IS NOT DISTINCT FROM NEW.against_decided_by
                    AND recommended_by IS NOT DISTINCT FROM NEW.against_recommended_by)
        THEN
            RAISE EXCEPTION 'appeal % is not against a decision in force', NEW.reference
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state <> 'open'
            AND (OLD.state, OLD.judged_by, OLD.judged_at, OLD.withdrawn_by, OLD.withdrawn_at, OLD.reason)
            IS DISTINCT FROM
            (NEW.state, NEW.judged_by, NEW.judged_at, NEW.withdrawn_by, NEW.withdrawn_at, NEW.reason)
        OR (OLD.case_id, OLD.decision_id, OLD.reference, OLD.why, OLD.documents, OLD.appealed_by, OLD.appealed_at)
            IS DISTINCT FROM
            (NEW.case_id, NEW.decision_id, NEW.reference, NEW.why, NEW.documents, NEW.appealed_by, NEW.appealed_at)
        OR (OLD.against_decided_by, OLD.against_recommended_by, OLD.agency, OLD.ground, OLD.declaration)
            IS DISTINCT FROM
            (NEW.against_decided_by, NEW.against_recommended_by, NEW.agency, NEW.ground, NEW.declaration)
        OR (OLD.last_day, OLD.due_at, OLD.pack_version) IS DISTINCT FROM (NEW.last_day, NEW.due_at, NEW.pack_version)
    THEN
        RAISE EXCEPTION 'appeal % may not be altered', OLD.reference
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.judged_by IS NULL AND NEW.judged_by IS NOT NULL AND case_involves(NEW.case_id, NEW.judged_by) THEN
        RAISE EXCEPTION 'appeal % may not be decided by who had to do with the case', NEW.reference
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
    """,
    "recommendations_not_by_the_barred() RETURNS trigger LANGUAGE plpgsql": """
BEGIN
    IF EXISTS (
        SELECT 1 FROM cases JOIN correction_bars ON correction_bars.correction_id = cases.correction_id
        WHERE cases.id = NEW.case_id AND correction_bars.user_id = NEW.recommended_by
            AND correction_bars.scope = 'case'
    ) THEN
        RAISE EXCEPTION 'case % is reviewed anew by others', NEW.case_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
    """,
    "decisions_not_by_the_barred() RETURNS trigger LANGUAGE plpgsql": """
BEGIN
    IF EXISTS (
        SELECT 1 FROM corrections JOIN correction_bars ON correction_bars.correction_id = corrections.id
        WHERE corrections.decision_id = NEW.corrects_id AND correction_bars.user_id = NEW.decided_by
    ) THEN
        RAISE EXCEPTION 'case % is decided anew by others', NEW.case_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
    """,
}
TRIGGERS = (
    ("corrections", "corrections_guarded", "BEFORE INSERT", "ROW", "corrections_guard"),
    ("appeals", "appeals_guarded", "BEFORE INSERT OR UPDATE", "ROW", "appeals_guard"),
    ("appeals", "appeals_kept", "BEFORE DELETE", "ROW", "cases_refuse_change"),
    ("appeals", "appeals_no_truncate", "BEFORE TRUNCATE", "STATEMENT", "cases_refuse_change"),
    ("recommendations", "recommendations_barred", "BEFORE INSERT", "ROW", "recommendations_not_by_the_barred"),
    ("decisions", "decisions_barred", "BEFORE INSERT", "ROW", "decisions_not_by_the_barred"),
    *(
        (table, f"{table}_{name}", when, level, "cases_refuse_change")
        for table in ("corrections", "correction_bars")
        for name, when, level in (
            ("append_only", "BEFORE UPDATE OR DELETE", "ROW"),
            ("no_truncate", "BEFORE TRUNCATE", "STATEMENT"),
        )
    ),
)


def upgrade() -> None:
    op.add_column("decisions", sa.Column("corrects_id", sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("correction_id", sa.BigInteger(), nullable=True))
    op.add_column("permits", sa.Column("replaces_id", sa.BigInteger(), nullable=True))
    with op.get_context().autocommit_block():
        for unique, table, name, columns, where in INDEXES:
            op.create_index(
                name, table, columns, unique=unique, postgresql_where=where, if_not_exists=True,
                postgresql_concurrently=True,
            )  # fmt: skip
        op.drop_index("ix_decisions_case_id", "decisions", postgresql_concurrently=True, if_exists=True)
    _corrections()
    _appeals()
    op.create_foreign_key("fk_corrections_appeal_id_appeals", "corrections", "appeals", ["appeal_id"], ["id"])
    for table, name, says in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {says} NOT VALID")
    for head, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {head} AS $${body}$$")
    op.execute(DECIDED.format(standing=STANDING))
    for table, name, when, level, function in TRIGGERS:
        op.execute(f"CREATE TRIGGER {name} {when} ON {table} FOR EACH {level} EXECUTE FUNCTION {function}()")
    with op.get_context().autocommit_block():
        pass  # the locks of adding them are given back before the rows are read
    for table, name, _says in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def _corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", sa.BigInteger(), nullable=False),
        sa.Column("appeal_id", sa.BigInteger(), nullable=True),
        sa.Column("opened_by", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False, server_default=LIST),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.CheckConstraint("reason <> '' OR reasons <> '[]'::jsonb", name=op.f("ck_corrections_has_reason")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_corrections_case_id_cases"),
        sa.ForeignKeyConstraint(
            ["decision_id", "case_id"], ["decisions.id", "decisions.case_id"], name="fk_corrections_decision"
        ),
        sa.ForeignKeyConstraint(["opened_by"], ["users.id"], name="fk_corrections_opened_by_users"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
        sa.UniqueConstraint("decision_id", name="uq_corrections_one_of_a_decision"),
        sa.UniqueConstraint("decision_id", "case_id", name="uq_corrections_decision_id_case_id"),
        sa.UniqueConstraint("id", "case_id", name="uq_corrections_id_case_id"),
    )
    for column in ("case_id", "appeal_id", "opened_by"):
        op.create_index(f"ix_corrections_{column}", "corrections", [column])
    op.create_table(
        "correction_bars",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("correction_id", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.CheckConstraint("scope IN ('case', 'decision')", name=op.f("ck_correction_bars_scope_known")),
        sa.ForeignKeyConstraint(
            ["correction_id", "case_id"],
            ["corrections.id", "corrections.case_id"],
            name="fk_correction_bars_correction",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_correction_bars_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_correction_bars"),
        sa.UniqueConstraint("correction_id", "user_id", name="uq_correction_bars_correction_id_user_id"),
    )
    op.create_index("ix_correction_bars_correction", "correction_bars", ["correction_id", "case_id"])
    for column in ("case_id", "user_id"):
        op.create_index(f"ix_correction_bars_{column}", "correction_bars", [column])


def _appeals() -> None:
    op.create_table(
        "appeals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", sa.BigInteger(), nullable=False),
        sa.Column("against_decided_by", sa.BigInteger(), nullable=True),
        sa.Column("against_recommended_by", sa.BigInteger(), nullable=True),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("documents", postgresql.JSONB(), nullable=False),
        sa.Column("declaration", sa.Text(), nullable=False),
        sa.Column("appealed_by", sa.BigInteger(), nullable=False),
        sa.Column("appealed_at", TIME, nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("judged_by", sa.BigInteger(), nullable=True),
        sa.Column("judged_at", TIME, nullable=True),
        sa.Column("withdrawn_by", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("soon_at", TIME, nullable=True),
        sa.Column("overdue_at", TIME, nullable=True),
        *(
            sa.CheckConstraint(says, name=op.f(f"ck_appeals_{name}"))
            for name, says in (
                ("state_known", "state IN ('open', 'dismissed', 'allowed', 'inadmissible', 'withdrawn')"),
                ("ground_known", "ground IN ('refusal', 'conditions')"),
                ("says_why", "why <> ''"),
                ("has_reason", "state IN ('open', 'withdrawn') OR reason <> ''"),
                ("judged", "(state IN ('dismissed', 'allowed', 'inadmissible')) = (judged_by IS NOT NULL)"),
                ("judged_when", "(judged_by IS NULL) = (judged_at IS NULL)"),
                ("withdrawn", "(state = 'withdrawn') = (withdrawn_by IS NOT NULL)"),
                ("withdrawn_when", "(withdrawn_by IS NULL) = (withdrawn_at IS NULL)"),
                ("not_the_applicant", "judged_by <> appealed_by"),
                ("not_who_decided", "judged_by <> against_decided_by"),
                ("not_who_recommended", "judged_by <> against_recommended_by"),
            )
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_appeals_case_id_cases"),
        sa.ForeignKeyConstraint(
            ["decision_id", "case_id"], ["decisions.id", "decisions.case_id"], name="fk_appeals_decision"
        ),
        sa.ForeignKeyConstraint(
            ["decision_id", "against_decided_by"], ["decisions.id", "decisions.decided_by"], name="fk_appeals_decider"
        ),
        sa.ForeignKeyConstraint(
            ["decision_id", "against_recommended_by"],
            ["decisions.id", "decisions.recommended_by"],
            name="fk_appeals_recommender",
        ),
        sa.ForeignKeyConstraint(["appealed_by"], ["users.id"], name="fk_appeals_appealed_by_users"),
        sa.ForeignKeyConstraint(["judged_by"], ["users.id"], name="fk_appeals_judged_by_users"),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["users.id"], name="fk_appeals_withdrawn_by_users"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_appeals_record_id_records"),
        sa.PrimaryKeyConstraint("id", name="pk_appeals"),
        sa.UniqueConstraint("reference", name="uq_appeals_reference"),
        sa.UniqueConstraint("decision_id", name="uq_appeals_one_of_a_decision"),
    )
    for column in ("case_id", "appealed_by", "withdrawn_by", "record_id"):
        op.create_index(f"ix_appeals_{column}", "appeals", [column])
    op.create_index("ix_appeals_decision", "appeals", ["decision_id", "case_id"])
    op.create_index("ix_appeals_decider", "appeals", ["decision_id", "against_decided_by"])
    op.create_index("ix_appeals_recommender", "appeals", ["decision_id", "against_recommended_by"])
    op.create_index("ix_appeals_open", "appeals", ["agency", "appealed_at", "id"], postgresql_where=OPEN)
    op.create_index("ix_appeals_due", "appeals", ["due_at", "id"], postgresql_where=OPEN)
    op.create_index("ix_appeals_judge_when", "appeals", ["judged_by", "judged_at"])


def downgrade() -> None:
    for table, name, _when, _level, _function in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
    op.execute(DECIDED.format(standing=""))
    for head in FUNCTIONS:
        op.execute(f"DROP FUNCTION {head.partition(' RETURNS')[0]}")
    for table, name, _says in CONSTRAINTS:
        op.drop_constraint(name, table)
    op.drop_constraint("fk_corrections_appeal_id_appeals", "corrections", type_="foreignkey")
    for table in ("appeals", "correction_bars", "corrections"):
        op.drop_table(table)
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_decisions_case_id", "decisions", ["case_id"], unique=True, if_not_exists=True,
            postgresql_concurrently=True,
        )  # fmt: skip
        for _unique, table, name, _columns, _where in INDEXES:
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
    op.drop_column("permits", "replaces_id")
    op.drop_column("cases", "correction_id")
    op.drop_column("decisions", "corrects_id")
