"""Several selects in one statement give what each gives alone."""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.core.together import Together
from app.identity.models import AgencyMember, Membership, User
from tests.factories.people import make_user
from tests.support.statements import counted

PERSON = bindparam("person")
ALL = Together(
    select(User).where(User.id == PERSON),
    select(AgencyMember).where(AgencyMember.user_id == PERSON),
    select(Membership).where(Membership.user_id == PERSON),
    select(User.id, User.name).where(User.role == "clerk").order_by(User.id.desc()).limit(2),
)


def test_each_part_comes_whole_and_in_order_by_one_statement(session: Session) -> None:
    clerks = [make_user(session, role="clerk", agencies=["RDB", "NAEB", "RICA"][:count]) for count in (3, 1, 2)]
    session.flush()
    with counted(session) as said:
        users, agencies, memberships, latest = ALL.read(session, person=clerks[0].id)
    assert len(said) == 1
    assert users == [clerks[0]]
    assert sorted(each.agency for each in agencies) == ["NAEB", "RDB", "RICA"]
    assert memberships == []
    assert [tuple(each) for each in latest] == [(each.id, each.name) for each in clerks[1:]]


def test_nothing_is_found_for_nobody(session: Session) -> None:
    users, agencies, memberships, _latest = ALL.read(session, person=None)
    assert (users, agencies, memberships) == ([], [], [])
