"""Two at once, with real commits: codes, links, invitations, last owners, counts."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select

from app.core import clock, db
from app.core.errors import Busy, DomainError, Invalid, NotFound
from app.identity import credentials, keys, limits, links, memberships, people, second_factor, sessions, signin
from app.identity.actor import MembershipRole, Role
from app.identity.models import Membership, User, UserSession
from config import DEFAULT_SECRET
from tests.factories.businesses import make_business
from tests.factories.people import PASSWORD, make_user, totp_code

PARALLEL = 8


@pytest.fixture(autouse=True)
def real(committed):
    keys.configure(DEFAULT_SECRET)
    return committed


def at_once(action, count=PARALLEL):
    """Run ``action(session, number)`` in as many units of work at the same moment; results or domain errors."""
    barrier = Barrier(count)

    def run(number):
        try:
            with db.unit_of_work() as session:
                session.connection()
                barrier.wait()
                return action(session, number)
        except DomainError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def prepare(make):
    with db.unit_of_work() as session:
        return make(session)


def test_one_code_used_at_once_works_once():
    user_id = prepare(lambda session: make_user(session, role=Role.CLERK).id)
    code = totp_code()
    results = at_once(lambda session, _number: second_factor.verify(session, people.user(session, user_id), code))
    assert sorted(results) == [False] * (PARALLEL - 1) + [True]


def test_one_recovery_code_used_at_once_works_once():
    def make(session):
        user = make_user(session, role=Role.CLERK)
        return user.id, second_factor.renew_recovery_codes(session, user)[0]

    user_id, code = prepare(make)
    results = at_once(
        lambda session, _number: second_factor.use_recovery_code(session, people.user(session, user_id), code)
    )
    assert sum(results) == 1


def test_one_link_used_at_once_works_once():
    token = prepare(lambda session: links.make(session, make_user(session), "reset_password"))
    results = at_once(
        lambda session, number: credentials.choose_password(session, token, f"password number {number}").id, 4
    )
    assert sum(isinstance(result, int) for result in results) == 1
    assert sum(isinstance(result, NotFound) for result in results) == 3


def test_the_lock_out_counts_right_across_connections():
    results = at_once(lambda session, _number: limits.hit("bucket", 5, 60), 20)
    assert sorted(result for result in results if isinstance(result, int)) == [1, 2, 3, 4, 5]
    assert sum(isinstance(result, Busy) for result in results) == 15


def test_parallel_guesses_cannot_pass_the_limit():
    email = prepare(lambda session: make_user(session).email)
    tried = signin.PASSWORD_ATTEMPTS + 6

    def guess(session, _number):
        return signin.authenticate(session, email=email, password="wrong wrong", ip="192.0.2.1", device=None)

    results = at_once(guess, tried)
    assert sum(isinstance(result, Invalid) for result in results) == signin.PASSWORD_ATTEMPTS
    assert sum(isinstance(result, Busy) for result in results) == 6


def test_the_same_address_signing_up_at_once_makes_one_account():
    results = at_once(
        lambda session, number: credentials.sign_up(
            session, email="one@test.example", name=f"Name {number}", password=PASSWORD, locale="en_RW"
        ),
        4,
    )
    assert not any(isinstance(result, Exception) for result in results)
    assert prepare(lambda session: len(session.execute(select(User)).all())) == 1


def test_one_invitation_taken_at_once_is_taken_once():
    def make(session):
        owner, guest = make_user(session), make_user(session)
        business = make_business(session, owner=owner)
        row, _token = sessions.open_session(session, owner, ip=None)
        actor = people.actor_for(session, row)
        _invitation, token = memberships.invite(
            session, actor, business_id=business.id, email=guest.email, role=MembershipRole.AGENT
        )
        row, _session_token = sessions.open_session(session, guest, ip=None)
        return people.actor_for(session, row), token

    guest, token = prepare(make)
    results = at_once(lambda session, _number: memberships.accept(session, guest, token).id)
    assert sum(isinstance(result, NotFound) for result in results) == PARALLEL - 1


def test_two_owners_leaving_at_once_leave_one():
    def make(session):
        owners = [make_user(session), make_user(session)]
        business = make_business(session, owner=owners[0])
        memberships.add(session, owners[1].id, business.id, MembershipRole.OWNER)
        rows = [sessions.open_session(session, owner, ip=None)[0] for owner in owners]
        return [people.actor_for(session, row) for row in rows], business.id

    actors, business_id = prepare(make)
    results = at_once(
        lambda session, number: memberships.remove(session, actors[number], business_id, actors[number].user_id), 2
    )
    assert sum(isinstance(result, Invalid) for result in results) == 1
    left = prepare(
        lambda session: (
            session.execute(select(Membership.role).where(Membership.business_id == business_id)).scalars().all()
        )
    )
    assert left == ["owner"]


def test_two_administrators_disabling_each_other_leave_one():
    def make(session):
        users = [make_user(session, role=Role.ADMINISTRATOR) for _number in range(2)]
        rows = [sessions.open_session(session, user, ip=None, second_factor=True)[0] for user in users]
        return [people.actor_for(session, row) for row in rows]

    actors = prepare(make)
    results = at_once(
        lambda session, number: credentials.disable(
            session, actors[number], people.user(session, actors[1 - number].user_id)
        ),
        2,
    )
    assert sum(isinstance(result, Invalid) for result in results) == 1


def test_use_keeps_a_session_alive_but_never_revives_an_ended_one(monkeypatch):
    def make(session):
        row, token = sessions.open_session(session, make_user(session), ip=None)
        return row.user_id, row.id, row.seen_at, row.expires_at, token

    user_id, session_id, seen_at, expires_at, token = prepare(make)

    def end():
        return prepare(lambda session: session.get_one(UserSession, session_id).expires_at)

    start = clock.now()
    monkeypatch.setattr(clock, "now", lambda: start + sessions.TOUCH_AFTER / 2)
    sessions.touch(token, seen_at)
    assert end() == expires_at, "one write in five minutes is enough"
    monkeypatch.setattr(clock, "now", lambda: start + sessions.TOUCH_AFTER * 2)
    sessions.touch(token, seen_at)
    moved = end()
    assert moved > expires_at
    prepare(lambda session: sessions.end(session, user_id, session_id))
    monkeypatch.setattr(clock, "now", lambda: start + sessions.TOUCH_AFTER * 4)
    sessions.touch(token, seen_at)
    assert end() == moved
