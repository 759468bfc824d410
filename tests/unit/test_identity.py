"""People, sessions, links, codes: the rules without the pages."""

from datetime import timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.core import clock
from app.core.errors import Busy, Invalid, NotFound
from app.identity import (
    housekeeping,
    keys,
    limits,
    links,
    memberships,
    passwords,
    people,
    second_factor,
    sessions,
    signin,
)
from app.identity.actor import MembershipRole, Role
from app.identity.models import Token, UserSession
from app.identity.policy import Permission, allows, may_enter
from app.identity.signin import network
from app.jurisdictions import load
from config import DEFAULT_SECRET
from tests.factories.businesses import make_business
from tests.factories.people import PASSWORD, TOTP_SECRET, make_user, totp_code


@pytest.fixture(autouse=True)
def secret():
    keys.configure(DEFAULT_SECRET)


@pytest.fixture
def counted(database):
    """Attempts outlive a rolled-back test."""
    yield
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM rate_limits"))


def test_the_actor_of_a_session_in_one_statement(session):
    user = make_user(session, role=Role.CLERK, agencies=["b", "a", "a"], locale="fr_RW")
    row, token = sessions.open_session(session, user, ip="192.0.2.1", second_factor=True)
    actor, _seen = people.actor_by_token(session, token)
    assert actor == people.actor_for(session, row)
    assert actor.agencies == {"a", "b"}
    assert (actor.role, actor.locale, actor.ip, actor.session_id) == (Role.CLERK, "fr_RW", "192.0.2.1", row.id)
    assert actor.official
    assert people.actor_by_token(session, token + "x") is None


def test_an_actors_businesses(session):
    user = make_user(session)
    first, second = make_business(session, owner=user), make_business(session)
    memberships.add(session, user.id, second.id, MembershipRole.AGENT)
    row, _token = sessions.open_session(session, user, ip=None)
    actor = people.actor_for(session, row)
    assert actor.memberships == {first.id: MembershipRole.OWNER, second.id: MembershipRole.AGENT}
    assert actor.business_id == first.id
    sessions.act_for(session, user.id, row.id, second.id)
    assert people.actor_for(session, row).business_id == second.id
    with pytest.raises(NotFound):
        sessions.act_for(session, user.id, row.id, make_business(session).id)


def test_an_official_without_the_code_is_no_official(session):
    user = make_user(session, role=Role.ADMINISTRATOR)
    row, _token = sessions.open_session(session, user, ip=None)
    actor = people.actor_for(session, row)
    assert not actor.official
    assert not may_enter(actor, Permission.ADMINISTER)
    assert not allows(actor, Permission.ADMINISTER)


@pytest.mark.parametrize("how", ["ended", "disabled", "idle", "absolute"])
def test_a_session_that_ended_stands_for_nobody(session, how, monkeypatch):
    user = make_user(session)
    row, token = sessions.open_session(session, user, ip=None)
    session.commit()
    real = clock.now
    if how == "ended":
        sessions.end(session, user.id, row.id)
    elif how == "disabled":
        user.disabled_at = clock.now()
        session.flush()
    elif how == "idle":
        monkeypatch.setattr(clock, "now", lambda: real() + sessions.IDLE)
    else:
        row.expires_at = clock.now() + sessions.ABSOLUTE * 2
        session.flush()
        monkeypatch.setattr(clock, "now", lambda: real() + sessions.ABSOLUTE)
    assert people.actor_by_token(session, token) is None
    with pytest.raises(NotFound):
        people.actor_for(session, row)


def test_addresses_are_one_whatever_the_case(session):
    make_user(session, email="Someone@Test.example ")
    assert people.by_email(session, " SOMEONE@test.example").email == "someone@test.example"
    with pytest.raises(Invalid):
        make_user(session, email="someone@TEST.example")


def test_names_and_agencies(session):
    clerk = make_user(session, role=Role.CLERK, agencies=["x"], name="  A   Clerk ")
    assert people.names(session, [clerk.id, None, 10**15]) == {clerk.id: "A Clerk"}
    assert people.names(session, []) == {}
    assert people.agencies_of(session, clerk.id) == ["x"]


class TestPasswords:
    def test_argon2id_with_the_settings_of_the_stack(self):
        hashed = passwords.hash_password(PASSWORD)
        assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert passwords.verify(hashed, PASSWORD)
        assert not passwords.verify(hashed, PASSWORD + " ")
        assert not passwords.verify(None, PASSWORD)
        assert not passwords.verify("not a hash", PASSWORD)
        assert not passwords.outdated(hashed)

    def test_hashing_is_refused_when_all_places_are_taken(self, monkeypatch):
        monkeypatch.setattr(passwords, "WAIT_SECONDS", 0.01)
        for _place in range(passwords._slots._initial_value):
            assert passwords._slots.acquire(blocking=False)
        try:
            with pytest.raises(Busy):
                passwords.hash_password(PASSWORD)
        finally:
            for _place in range(passwords._slots._initial_value):
                passwords._slots.release()

    @given(st.text(min_size=10, max_size=60))
    def test_any_long_text_that_is_not_obvious_is_fine(self, password):
        refused = passwords.problems(password, email="a@b.example", name="A B")
        assert not refused or len(set(password.casefold())) < 4 or password.casefold() in passwords._COMMON


class TestSecrets:
    def test_encryption_is_not_readable_and_needs_the_portals_secret(self):
        hidden = keys.encrypt("SECRET")
        assert "SECRET" not in hidden
        assert keys.decrypt(hidden) == "SECRET"
        keys.configure("another secret altogether, also long")
        with pytest.raises(RuntimeError, match="KIBALI_SECRET_KEY"):
            keys.decrypt(hidden)

    def test_keys_differ_by_purpose(self):
        assert keys.key("a") != keys.key("b")
        assert keys.keyed_digest("a", "x") != keys.keyed_digest("b", "x")


class TestCodes:
    @pytest.mark.parametrize(("step", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
    def test_one_step_of_drift(self, session, step, accepted):
        assert second_factor.verify(session, make_user(session, role=Role.CLERK), totp_code(step)) is accepted

    def test_an_older_code_does_not_work_after_a_newer_one(self, session):
        user = make_user(session, role=Role.CLERK)
        assert second_factor.verify(session, user, totp_code(0))
        assert not second_factor.verify(session, user, totp_code(-1))
        assert second_factor.verify(session, user, totp_code(1))

    @pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "²²²²²²", "null"])
    def test_nonsense(self, session, typed):
        assert not second_factor.verify(session, make_user(session, role=Role.CLERK), typed)

    def test_spaces_and_other_scripts_are_allowed(self, session):
        code = totp_code()
        assert second_factor.verify(session, make_user(session, role=Role.CLERK), f" {code[:3]} {code[3:]} ")
        arabic = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
        assert second_factor.verify(session, make_user(session, role=Role.CLERK), arabic)

    def test_the_demo_shows_a_code_that_works_even_just_after_one_was_used(self, session):
        user = make_user(session, role=Role.CLERK)
        for _time in range(2):
            assert second_factor.verify(session, user, second_factor.current_code(user))
            session.refresh(user)

    def test_recovery_codes_belong_to_one_person_and_new_ones_replace_the_old(self, session):
        one, other = make_user(session, role=Role.CLERK), make_user(session, role=Role.CLERK)
        codes = second_factor.renew_recovery_codes(session, one)
        assert len(set(codes)) == 10
        assert not second_factor.use_recovery_code(session, other, codes[0])
        assert second_factor.use_recovery_code(session, one, codes[0])
        assert not second_factor.use_recovery_code(session, one, codes[0])
        second_factor.renew_recovery_codes(session, one)
        assert not second_factor.use_recovery_code(session, one, codes[1])

    def test_enrolling_needs_a_right_code(self, session):
        user = make_user(session, role=Role.CLERK, enrolled=False)
        assert second_factor.confirm(session, user, "000000") is None, "nothing was begun"
        secret = second_factor.begin(session, user)
        assert second_factor.begin(session, user) == secret
        assert second_factor.confirm(session, user, totp_code()) is None
        assert not second_factor.enrolled(user)
        code = pyotp.TOTP(secret).generate_otp(int(clock.now().timestamp()) // 30)
        assert second_factor.confirm(session, user, code)
        assert not second_factor.verify(session, user, code), "the code of the set-up is used up"
        assert secret != TOTP_SECRET


class TestLimits:
    def test_the_window(self, database, counted, monkeypatch):
        from datetime import timedelta

        for number in range(1, 4):
            assert limits.hit("bucket", 3, 60) == number
        with pytest.raises(Busy) as busy:
            limits.hit("bucket", 3, 60)
        assert 50 < busy.value.retry_after <= 61
        with pytest.raises(Busy):
            limits.check("bucket", 3)
        limits.hit("other bucket", 3, 60)
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=61))
        limits.check("bucket", 3)
        assert limits.hit("bucket", 3, 60) == 1

    def test_clearing_and_giving_back(self, database, counted):
        limits.hit("bucket", 1, 60)
        limits.give_back("bucket")
        limits.give_back("bucket")
        assert limits.hit("bucket", 1, 60) == 1
        limits.clear("bucket", "never used")
        assert limits.hit("bucket", 1, 60) == 1

    @pytest.mark.parametrize(
        ("ip", "counted_as"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::1", "2001:db8:1:2::"),
            (None, "unknown"),
            ("<script>", "unknown"),
        ],
    )
    def test_addresses_are_counted_by_customer(self, ip, counted_as):
        assert network(ip) == counted_as


def test_links_are_for_one_purpose(session):
    user = make_user(session)
    token = links.make(session, user, "verify_email")
    with pytest.raises(NotFound):
        links.use(session, token, "reset_password", "welcome")
    assert links.use(session, token, "verify_email").id == user.id
    with pytest.raises(NotFound):
        links.use(session, token, "verify_email")


def test_links_of_a_disabled_person_are_dead(session):
    user = make_user(session)
    token = links.make(session, user, "reset_password")
    user.disabled_at = clock.now()
    session.flush()
    with pytest.raises(NotFound):
        links.look(session, token, "reset_password")


def test_housekeeping_forgets_what_is_long_over_and_nothing_else(session, counted, monkeypatch):
    pack = load.load("RW")
    user = make_user(session)
    row, token = sessions.open_session(session, user, ip=None)
    links.make(session, user, "reset_password")
    signin.remember_device(session, user.id, "a device")
    session.flush()
    housekeeping.forget_expired(session, pack)
    assert people.actor_by_token(session, token)
    assert session.query(Token).count() == 1
    assert signin.knows(session, user.id, "a device")
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=30) + sessions.ABSOLUTE)
    housekeeping.forget_expired(session, pack)
    session.expire_all()
    assert session.get(UserSession, row.id) is None
    assert session.query(Token).count() == 0
    assert signin.knows(session, user.id, "a device")
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=730))
    housekeeping.forget_expired(session, pack)
    assert not signin.knows(session, user.id, "a device")
