from sqlalchemy import text


def test_the_database_is_real_and_migrated(session):
    assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
