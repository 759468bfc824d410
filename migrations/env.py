"""Alembic environment: the URL comes from the caller or from KIBALI_DATABASE_URL; every model is imported."""

import os

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from app.core.db import Base
from app.models_index import import_models

import_models()
target_metadata = Base.metadata

# Tables of the job queue belong to procrastinate; alembic neither makes nor drops them by comparison.
FOREIGN = "procrastinate_"


def include_name(name: str | None, kind: str, parents: object) -> bool:
    return not (kind == "table" and name is not None and name.startswith(FOREIGN))


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or os.environ["KIBALI_DATABASE_URL"]
    engine = create_engine(url, poolclass=NullPool)  # nothing stays open when a migration fails
    with engine.connect() as connection:
        # A migration that cannot have its lock soon gives up instead of queueing everyone behind it.
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=target_metadata,
            include_name=include_name,
            compare_type=True,
            compare_server_default=False,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
