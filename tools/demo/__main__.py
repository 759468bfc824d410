"""Invented people, firms and cases: the stories of the demo (``load``), or very many cases (``seed``)."""

import argparse
import sys
import time

from sqlalchemy import select, text
from sqlalchemy.orm import Session

import app
import config
from app.core import clock, db
from app.core.i18n import use_locale
from app.identity.models import User
from app.jurisdictions import load as packs
from app.permits import lifecycle
from tools.demo import cg, platforms, rw, seeding
from tools.demo.cast import make
from tools.demo.story import Story

TALES = {"RW": rw.tell, "CG": cg.tell}


def already(session: Session) -> bool:
    return session.scalar(select(User.id).where(User.is_demo).limit(1)) is not None


def load() -> None:
    """Idempotent and whole: one transaction, taken by one process at a time."""
    started = time.monotonic()
    with db.unit_of_work() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(7241)"))
        if already(session):
            return
        pack = packs.current()
        print(f"Making the demo's accounts, firms and cases for {pack.names['en']} …", flush=True)
        with use_locale(pack.locale(pack.default_language), pack.zone):
            story = Story(session, clock.now())
            platforms.connect(story)
            TALES[pack.country](story, make(story))
            lifecycle.expire(session)
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
    if asked.command == "load":
        load()
    else:
        add_many(asked.cases, asked.random_seed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
