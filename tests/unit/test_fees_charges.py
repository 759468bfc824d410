"""Bills: assessing, expiry, renewal, whose they are, and mobile-money numbers."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Invalid, NotFound
from app.core.i18n import use_locale
from app.core.money import Money
from app.fees import charges, counters, payments, phones, reasons, receipts
from app.fees.models import ChargeState
from app.fees.providers import Outcome, Status
from app.identity.actor import Actor, MembershipRole, Role
from app.jurisdictions import load
from tests.factories.businesses import make_registration
from tests.factories.fees import PAYS, make_charge, momo, own_hooks, rule
from tests.factories.people import make_user


def entrepreneur(user_id: int, **options: object) -> Actor:
    return Actor(kind="user", name="Payer", user_id=user_id, role=Role.ENTREPRENEUR, **options)  # type: ignore[arg-type]


def test_a_bill_keeps_its_lines_and_its_day(session: Session) -> None:
    charge = make_charge(session, make_user(session).id, rule(15000), rule(0, code="levy", percent="1"),
                         base=Money(1_000_000, "RWF"))  # fmt: skip
    assert charge.total == Money(25000, "RWF")
    assert [(line.code, line.illustrative) for line in charge.lines] == [("licence", True), ("levy", True)]
    local = charge.expires_at.astimezone(load.current().zone)
    assert (local.hour, local.minute) == (23, 59)
    assert timedelta(days=30) <= charge.expires_at - clock.now() < timedelta(days=31)


def test_a_value_in_another_currency_is_converted_at_the_packs_rate(session: Session) -> None:
    pack = load.configure("RW")
    rate = next(row for row in pack.rates if row.currency == "USD" and row.in_force(clock.today(pack.zone))).rate
    charge = make_charge(session, make_user(session).id, rule(0, percent="1"), base=Money(100_000, "USD"))
    assert charge.total_minor == pytest.approx(float(rate) * 10, abs=1)


def test_nothing_to_pay_makes_no_bill(session: Session) -> None:
    pack = load.configure("RW")
    payer = make_user(session).id
    for rules in ((), (rule(0),)):
        found = charges.assess(
            session, pack=pack, rules=rules, base=None, title="x", case_id=None, business_id=None, payer_id=payer
        )
        assert found is None


def test_whose_bill_it_is(session: Session) -> None:
    mine = make_user(session)
    charge = make_charge(session, mine.id)
    assert charges.load_for(session, entrepreneur(mine.id), charge.reference.lower()) is charge
    for actor in (
        entrepreneur(make_user(session).id),
        Actor(kind="user", name="Clerk", user_id=mine.id, role=Role.CLERK, second_factor=True),
    ):
        with pytest.raises(NotFound):
            charges.load_for(session, actor, charge.reference)
    with pytest.raises(NotFound):
        charges.load_for(session, entrepreneur(mine.id), "BILL-2020-00001-X")


def test_a_business_bill_is_its_members(session: Session) -> None:
    charge = make_charge(session, make_user(session).id)
    charge.business_id = 7  # never flushed: only the rule is asked
    assert charges.may_pay(entrepreneur(99, memberships={7: MembershipRole.AGENT}), charge)
    assert not charges.may_pay(entrepreneur(charge.payer_id), charge)
    session.expire(charge)


def test_a_bill_that_ran_out_is_renewed_and_not_paid(session: Session) -> None:
    user = make_user(session)
    charge = make_charge(session, user.id)
    with pytest.raises(Invalid, match="not_expired"):
        charges.renew(session, charge)
    with momo(), own_hooks(), time_machine.travel(clock.now() + timedelta(days=32), tick=False):
        assert charge.expired
        with pytest.raises(Invalid, match="expired"):
            payments.start(session, charge, PAYS, entrepreneur(user.id))
        successor = charges.renew(session, charge)
        assert charge.state == ChargeState.CANCELLED
        assert successor.reference != charge.reference
        assert successor.total == charge.total
        assert payments.start(session, successor, PAYS, entrepreneur(user.id)).pending


def test_a_bill_is_not_renewed_while_it_is_being_paid(session: Session) -> None:
    user = make_user(session)
    charge = make_charge(session, user.id)
    with momo(), own_hooks():
        payments.start(session, charge, PAYS, entrepreneur(user.id))
        charge.expires_at = clock.now() - timedelta(seconds=1)
        with pytest.raises(Invalid, match="under_way"):
            charges.renew(session, charge)


def test_renewing_twice_gives_one_new_bill(session: Session) -> None:
    charge = make_charge(session, make_user(session).id)
    charge.case_id = make_registration(session).id
    charge.expires_at = clock.now() - timedelta(seconds=1)
    with own_hooks():
        first = charges.renew(session, charge)
        assert charges.renew(session, charge) is first
    assert charges.successor(session, charge) is first
    assert charges.successor(session, first) is None


def test_a_settled_bill_takes_no_second_payment(session: Session) -> None:
    user = make_user(session)
    charge = make_charge(session, user.id)
    with momo(), own_hooks():
        payment = payments.start(session, charge, PAYS, entrepreneur(user.id))
        payments.learn(session, payment.id, Status(Outcome.SUCCESSFUL))
        assert charge.settled
        with pytest.raises(Invalid, match="paid"):
            payments.start(session, charge, PAYS, entrepreneur(user.id))
        # What comes later changes nothing.
        payments.learn(session, payment.id, Status(Outcome.FAILED, "EXPIRED"))
        assert charge.settled
        assert payment.state == "successful"
        receipt = receipts.for_charge(session, charge.id)
        assert receipt is not None
        with use_locale("fr_RW", load.current().zone):
            facts = receipts.facts(charge, payment, receipt, payer="Aline")
        assert facts["total"] == "15\u00a0000\u00a0RWF"
        assert facts["lines"][0]["name"] == "Droit licence"
        assert "788000001" not in str(facts)


@pytest.mark.parametrize(
    ("country", "written", "kept"),
    [
        ("RW", "0788 000 001", "+250788000001"),
        ("RW", "+250 788-000-001", "+250788000001"),
        ("RW", "00250788000001", "+250788000001"),
        ("CG", "06 600 00 01", "+242066000001"),
        ("CG", "+242 06 600 00 01", "+242066000001"),
    ],
)
def test_numbers_as_people_write_them(country: str, written: str, kept: str) -> None:
    assert phones.normal(written, load.load(country)) == kept


@pytest.mark.parametrize("written", ["", "abc", "0788", "0728000001", "+242066000001", "0788000001x", "07880000011"])
def test_other_numbers_are_refused(written: str) -> None:
    with pytest.raises(Invalid, match="msisdn"):
        phones.normal(written, load.load("RW"))


def test_masked_numbers_show_three_digits() -> None:
    assert phones.masked("+250788000001") == "+250 ••• 001"
    assert phones.masked("+242066000002") == "+242 ••• 002"


def test_every_reason_says_something() -> None:
    assert "Top it up" in str(reasons.explain("NOT_ENOUGH_FUNDS"))
    assert "refused" in str(reasons.explain("SOMETHING_NEW"))


def test_numbers_have_a_check_letter() -> None:
    assert counters.reference("BILL", 2026, 42).startswith("BILL-2026-00042-")
    assert counters.reference("BILL", 2026, 42) != counters.reference("BILL", 2026, 24)
