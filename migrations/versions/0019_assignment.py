"""What officials are trained for, when they are away, and who was warned about which case."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"

TIME = postgresql.TIMESTAMP(timezone=True)
INDEXES = (
    ("ix_cases_held", "cases", ["assigned_to", "id"], sa.text("state IN ('in_review', 'returned')")),
    ("ix_cases_returned", "cases", ["agency", "updated_at", "id"], sa.text("state = 'returned'")),
    ("ix_recommendations_person_when", "recommendations", ["recommended_by", "recommended_at"], None),
    ("ix_decisions_person_when", "decisions", ["decided_by", "decided_at"], None),
)


def upgrade() -> None:
    op.create_table(
        "official_skills",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('service', 'permit_kind', 'office')", name=op.f("ck_official_skills_kind_known")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_official_skills_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "kind", "value", name="pk_official_skills"),
    )
    op.create_table(
        "absences",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("delegate_id", sa.BigInteger(), nullable=True),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("entered_by", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_absences_in_order")),
        sa.CheckConstraint("delegate_id IS NULL OR delegate_id <> user_id", name=op.f("ck_absences_another")),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(user_id, user_id, '[]')"), "&&"),
            (sa.text("daterange(first_day, last_day, '[]')"), "&&"),
            name="ex_absences_one_at_a_time",
            where=sa.text("ended_at IS NULL"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_absences_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["delegate_id"], ["users.id"], name="fk_absences_delegate_id_users", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["entered_by"], ["users.id"], name="fk_absences_entered_by_users"),
        sa.PrimaryKeyConstraint("id", name="pk_absences"),
    )
    for column in ("user_id", "delegate_id", "entered_by"):
        op.create_index(f"ix_absences_{column}", "absences", [column])
    op.create_table(
        "case_escalations",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("marked_at", TIME, nullable=False),
        sa.CheckConstraint("level IN ('due_soon', 'overdue')", name=op.f("ck_case_escalations_level_known")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_escalations_case_id_cases"),
        sa.PrimaryKeyConstraint("case_id", "level", name="pk_case_escalations"),
    )
    op.create_table(
        "morning_reports",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_morning_reports_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "day", name="pk_morning_reports"),
    )
    op.create_index("ix_morning_reports_day", "morning_reports", ["day"])
    op.add_column("cases", sa.Column("permit_kind", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("office", sa.Text(), nullable=True))
    # The cases that officials still have before them; nobody is handed a decided one.
    op.execute(
        """
        UPDATE cases SET permit_kind = submissions.data #>> '{kind,permit_kind}',
                         office = submissions.data #>> '{exit,office}'
        FROM submissions
        WHERE submissions.id = cases.current_submission_id
          AND cases.state IN ('in_review', 'recommended', 'returned', 'submitted', 'awaiting_payment')
        """
    )
    with op.get_context().autocommit_block():
        for name, table, columns, where in INDEXES:
            op.create_index(
                name, table, columns, postgresql_where=where, if_not_exists=True, postgresql_concurrently=True
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, _columns, _where in INDEXES:
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
    op.drop_column("cases", "office")
    op.drop_column("cases", "permit_kind")
    for table in ("morning_reports", "case_escalations", "absences", "official_skills"):
        op.drop_table(table)
