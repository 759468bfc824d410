"""Tables of the job queue: procrastinate's own (schema of 3.10, the pinned version) and the errors we keep."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Many statements with dollar quotes and percent signs: straight to the driver, without parameters.
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(SchemaManager.get_schema())
    # "doing" and "failed" are what the rescuer and the administrators' list look for.
    op.execute(
        "CREATE INDEX ix_procrastinate_jobs_unfinished ON procrastinate_jobs (status, id) "
        "WHERE status IN ('doing', 'failed')"
    )
    op.create_table(
        "job_errors",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at", TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_errors"),
    )


def downgrade() -> None:
    op.drop_table("job_errors")
    op.execute(
        """
        DO $$
        DECLARE thing record;
        BEGIN
            DROP TABLE procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers
                CASCADE;
            FOR thing IN SELECT oid::regprocedure AS name FROM pg_proc
                WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = current_schema()::regnamespace
            LOOP
                EXECUTE 'DROP FUNCTION ' || thing.name || ' CASCADE';
            END LOOP;
            DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_event_type, procrastinate_job_status;
        END $$
        """
    )
