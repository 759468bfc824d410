"""Migration 0015 on a database with entries: the personal part moves out, bound by the hash that Python computes."""

import json

from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from app.audit import personal
from app.audit.models import Entry, Personal
from tests.support.database import ServerUnderTest, alembic_config

NAMES = ('Amina "Rukundo"', "Hélène\tMboungou\\", "line\nbreak\r\x01\x1f\x7f/\u2028", "😀 \ufb33 é", "")
ROWS = [
    ("case.viewed", "case:1", "RW-AAA-1", {"from": "draft", "n": 3}, "192.0.2.7"),
    ("account.email_changed", "user:7", "amina@example.rw", {"email": ["old@x.rw", 'new"é@x.rw']}, None),
    ("account.details_changed", "user:7", "amina@example.rw", {"name": ["A\\", "B\n"], "locale": ["en", "fr"]}, "::1"),
    ("member.invited", "business:1", "", {"email": "x@y.rw", "role": "agent"}, ""),
    ("api_client.created", "api_client:m", "market", {"name": "stays", "scopes": []}, None),
]


def test_existing_entries_are_bound_as_new_ones_are(postgres: ServerUnderTest) -> None:
    with postgres.fresh_database(migrated=False) as url:
        config, engine = alembic_config(url), create_engine(url)
        command.upgrade(config, "0014")
        insert = text(
            "INSERT INTO audit_entries (at, actor_kind, actor_name, actor_role, agency, verb, subject, reference,"
            " authority, detail, ip) VALUES (now(), 'user', :name, 'clerk', '', :verb, :subject, :reference, '',"
            " CAST(:detail AS jsonb), :ip)"
        )
        with engine.begin() as connection:
            for name in NAMES:
                for verb, subject, reference, detail, ip in ROWS:
                    values = {"name": name, "verb": verb, "subject": subject, "reference": reference, "ip": ip}
                    connection.execute(insert, values | {"detail": json.dumps(detail)})
        before = _rows(url)
        command.upgrade(config, "0015")
        with Session(engine) as session:
            found = session.query(Entry).order_by(Entry.id).all()
            parts = {part.entry_id: part for part in session.query(Personal)}
            assert len(found) == len(parts) == len(NAMES) * len(ROWS)
            assert len({part.salt for part in parts.values()}) == len(parts)
            for entry, was in zip(found, before, strict=True):
                part = parts[entry.id]
                contents = personal.document(part)
                assert part.salt is not None
                assert contents is not None
                assert len(part.salt) == 32
                assert personal.digest(part.salt, contents) == entry.personal_sha256
                assert (part.name, part.ip) == (was.actor_name, was.ip)
                assert (entry.reference or part.reference) == was.reference
                assert entry.detail | contents["detail"] == was.detail
                assert "@" not in json.dumps([entry.detail, entry.reference, part.about])
            hidden = {found[n].verb: parts[found[n].id].detail for n in range(len(ROWS))}
            assert hidden["account.details_changed"] == {"name": ["A\\", "B\n"]}
            assert hidden["api_client.created"] == {}
        command.downgrade(config, "0014")
        assert _rows(url) == before
        engine.dispose()


def _rows(url: str) -> list[object]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT actor_name, ip, reference, detail, searched FROM audit_entries ORDER BY id")
        ).all()
    engine.dispose()
    return list(rows)
