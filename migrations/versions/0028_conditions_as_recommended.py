"""A decision's conditions are those that were recommended, and a recommendation's stay what they are.

Triggers, not a key: a condition in an official's own words is longer than an index may hold, and a stored hash of it
would rewrite both tables under a lock. A bundle notes the size of the head its proofs are made for,
a finding when its agency was told that the answer is late.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

TRIGGERS = (
    """
    CREATE FUNCTION recommendations_keep_conditions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.conditions IS DISTINCT FROM OLD.conditions
            AND NOT (NEW.conditions = '[]'::jsonb AND case_is_disposed(OLD.case_id)) THEN
            RAISE EXCEPTION 'recommendation % keeps its conditions', OLD.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER recommendations_conditions BEFORE UPDATE ON recommendations
    FOR EACH ROW EXECUTE FUNCTION recommendations_keep_conditions()
    """,
    """
    CREATE FUNCTION decisions_take_recommended_conditions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT 1 FROM recommendations WHERE id = NEW.recommendation_id AND conditions = NEW.conditions
        ) THEN
            RAISE EXCEPTION 'decision of case % has other conditions than were recommended', NEW.case_id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER decisions_conditions BEFORE INSERT OR UPDATE ON decisions
    FOR EACH ROW WHEN (NEW.recommendation_id IS NOT NULL)
    EXECUTE FUNCTION decisions_take_recommended_conditions()
    """,
)

# What there is already; reads both tables and locks neither.
EXISTING = """
    DO $$
    DECLARE wrong bigint;
    BEGIN
        SELECT d.case_id INTO wrong FROM decisions AS d JOIN recommendations AS r ON r.id = d.recommendation_id
        WHERE d.conditions <> r.conditions ORDER BY d.case_id LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'decision of case % has other conditions than were recommended', wrong;
        END IF;
    END $$
"""


def upgrade() -> None:
    op.add_column("bundles", sa.Column("log_size", sa.BigInteger()))
    op.add_column("findings", sa.Column("overdue_told_at", sa.DateTime(timezone=True)))
    for statement in TRIGGERS:
        op.execute(statement)
    with op.get_context().autocommit_block():
        pass  # the lock of the above is let go before the rows are read
    op.execute(EXISTING)


def downgrade() -> None:
    op.drop_column("findings", "overdue_told_at")
    op.drop_column("bundles", "log_size")
    op.execute("DROP TRIGGER decisions_conditions ON decisions")
    op.execute("DROP FUNCTION decisions_take_recommended_conditions()")
    op.execute("DROP TRIGGER recommendations_conditions ON recommendations")
    op.execute("DROP FUNCTION recommendations_keep_conditions()")
