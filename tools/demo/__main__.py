"""Invented people, firms and cases: the stories of the demo (``load``), or very many cases (``seed``)."""

import argparse
import sys
import time

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import app
import config
from app.core import clock, db
from app.core.i18n import use_locale
from app.documents import schema_models
from app.identity.models import User
from app.jurisdictions import load as packs
from app.jurisdictions.model import Pack
from app.permits import lifecycle
from tools.demo import (
    advice,
    appeals,
    cg,
    clocks,
    copies,
    findings,
    flagged,
    platforms,
    retention,
    rw,
    seeding,
    telephone,
)
from tools.demo.cast import make
from tools.demo.story import Story

TALES = {"RW": rw.tell, "CG": cg.tell}


class NotHere(Exception):
    """The database is not one for this demo; the message says why."""


def already(session: Session, pack: Pack) -> bool:
    """Whether the demo is there. Raises NotHere when real people are, or the demo of another country."""
    locale = session.scalar(select(User.locale).where(User.is_demo).limit(1))
    if locale is None:
        if session.scalar(select(User.id).where(~User.email.endswith(".example")).limit(1)) is not None:
            raise NotHere(
                "This database has real people in it, and everybody knows the demo accounts' password. "
                "Give the demo a database of its own with KIBALI_DATABASE_URL."
            )
        return False
    if locale.partition("_")[2] != pack.country:
        raise NotHere(
            f"This database holds the demo of another country, not of {pack.names['en']}. Choose that country with "
            "COUNTRY (or KIBALI_COUNTRY), or another database with KIBALI_DATABASE_URL."
        )
    return True


def load() -> None:
    """Idempotent and whole: one transaction, taken by one process at a time."""
    started = time.monotonic()
    pack = packs.current()
    with db.unit_of_work() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(7241)"))
        if already(session, pack):
            return
        print(f"Making the demo's accounts, firms and cases for {pack.names['en']} …", flush=True)
        with use_locale(pack.locale(pack.default_language), pack.zone):
            story = Story(session, clock.now())
            platforms.connect(story)
            cast = make(story)
            TALES[pack.country](story, cast)
            findings.tell(story, cast)
            advice.tell(story, cast)
            flagged.tell(story, cast)
            clocks.tell(story, cast)
            copies.tell(story, cast)
            appeals.tell(story, cast)
            retention.tell(story, cast)
            lifecycle.expire(session)
            telephone.tell(story, cast)  # last: of what is told from then on, texts are sent
    print(f"The demo is ready ({time.monotonic() - started:.0f} s).", flush=True)


def add_many(cases: int, random_seed: int) -> None:
    pack = packs.current()
    print(f"Adding {cases:,} invented cases for {pack.names['en']} …", flush=True)
    started = time.monotonic()
    with db.unit_of_work() as session, use_locale(pack.locale(pack.default_language), pack.zone):
        session.execute(text("SELECT pg_advisory_xact_lock(7241)"))
        seeding.seed(session, cases, random_seed)
    seeding.tidy(db.database())
    print(f"They are there ({time.monotonic() - started:.0f} s).", flush=True)


def read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("load", help="the demo's accounts, firms and cases, once for each database")
    many = commands.add_parser("seed", help="very many invented cases, to see the portal at scale")
    many.add_argument("--cases", type=int, default=1000)
    many.add_argument("--random-seed", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    asked = read(arguments)
    settings = config.load()
    if settings.mode == "production":
        print("Demo data is not for production: set KIBALI_MODE=demo on a database of its own.", file=sys.stderr)
        return 1
    app.configure(settings)
    schema_models.configure(strict=True)
    try:
        if asked.command == "load":
            load()
        else:
            add_many(asked.cases, asked.random_seed)
    except NotHere as error:
        print(error, file=sys.stderr)
        return 1
    except DBAPIError as error:
        print(f"The database refused the demo's data: {str(error.orig).strip().splitlines()[0]}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
