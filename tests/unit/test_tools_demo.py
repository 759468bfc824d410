"""Where the demo refuses to load."""

import pytest
from sqlalchemy.orm import Session

from app.jurisdictions import load as packs
from tests.factories.people import make_user
from tools.demo.__main__ import NotHere, already


def test_demo_accounts_do_not_come_among_real_people(session: Session) -> None:
    make_user(session, email="mayor@town.rw")
    with pytest.raises(NotHere, match="real people"):
        already(session, packs.load("RW"))


def test_invented_people_do_not_keep_the_demo_away(session: Session) -> None:
    make_user(session, email="person@seeded.example")
    assert not already(session, packs.load("RW"))
