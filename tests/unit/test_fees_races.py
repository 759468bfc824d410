"""Paid exactly once, and receipts without gaps, whatever happens at the same moment."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from app.core import clock, db
from app.fees import charges, counters, ledger, payments, receipts
from app.fees.models import ChargeState, Destination, LedgerEntry, Payment, PaymentState, Receipt
from app.fees.providers import Outcome, Status
from app.identity.actor import Actor, Role
from app.jurisdictions import load
from tests.factories.fees import PAYS, make_charge, momo, own_hooks
from tests.factories.people import make_user

SUCCESS = Status(Outcome.SUCCESSFUL)


def attempt(charge_id: int, number: int) -> int:
    """An attempt that the portal has given up waiting for."""
    with db.unit_of_work() as session:
        charge = charges.get(session, charge_id)
        payment = Payment(
            charge_id=charge.id,
            provider="mtn_momo",
            msisdn=f"+25078800000{number}",
            amount_minor=charge.total_minor,
            currency=charge.currency,
            state=PaymentState.EXPIRED.value,
        )
        session.add(payment)
        session.flush()
        return payment.id


def together(count: int, work: object) -> list[object]:
    """Run ``work(number)`` in ``count`` threads that start at the same moment."""
    barrier = Barrier(count)

    def one(number: int) -> object:
        barrier.wait(timeout=20)
        return work(number)  # type: ignore[operator]

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_two_attempts_succeed_at_once(committed: db.Database) -> None:
    with own_hooks() as heard:
        with db.unit_of_work() as session:
            charge_id = make_charge(session, make_user(session).id).id
        attempts = [attempt(charge_id, number) for number in range(5)]

        def succeed(number: int) -> None:
            with db.unit_of_work() as session:
                payments.learn(session, attempts[number % 5], SUCCESS)

        together(20, succeed)  # each of the five is reported four times
    assert len(heard["settled"]) == len(heard["receipt"]) == 1
    assert len(heard["surplus"]) == 4
    with db.unit_of_work() as session:
        kinds = dict(list(session.execute(select(LedgerEntry.kind, func.count()).group_by(LedgerEntry.kind))))
        assert kinds == {"assessment": 1, "settlement": 1, "surplus": 4}
        assert session.scalar(select(func.count()).select_from(Receipt)) == 1
        assert ledger.balance(session, ledger.RECEIVABLE, "RWF").minor == 0
        assert ledger.balance(session, ledger.REFUNDS_PAYABLE, "RWF").minor == -4 * 15000


def test_what_is_owed_back_is_owed_once_while_more_money_arrives(committed: db.Database) -> None:
    """Each of the five bills is paid; then five take it back while four late payments of it succeed."""
    with own_hooks() as heard:
        with db.unit_of_work() as session:
            payer = make_user(session).id
            ids = [make_charge(session, payer).id for _number in range(5)]
        attempts = [[attempt(charge_id, number) for number in range(5)] for charge_id in ids]
        for first, *_late in attempts:
            with db.unit_of_work() as session:
                payments.learn(session, first, SUCCESS)

        def work(number: int) -> bool:
            row, turn = divmod(number, 4)
            with db.unit_of_work() as session:
                owed = False if turn else charges.owe_back(session, charges.get(session, ids[row]))
            with db.unit_of_work() as session:
                payments.learn(session, attempts[row][turn + 1], SUCCESS)
            with db.unit_of_work() as session:
                return charges.owe_back(session, charges.get(session, ids[row])) or owed

        assert sum(map(bool, together(20, work))) == 5
    assert len(heard["settled"]) == len(heard["receipt"]) == 5
    with db.unit_of_work() as session:
        for charge_id in ids:
            assert charges.get(session, charge_id).state == ChargeState.REFUNDED
        assert len(payments.exceptions(session)) == 25
        assert session.scalar(select(func.count()).where(Payment.destination == Destination.CHARGE.value)) == 0
        kinds = dict(list(session.execute(select(LedgerEntry.kind, func.count()).group_by(LedgerEntry.kind))))
        assert kinds == {"assessment": 5, "settlement": 5, "cancellation": 5, "surplus": 25}
        assert ledger.balance(session, ledger.RECEIVABLE, "RWF").minor == 0
        assert ledger.balance(session, ledger.REFUNDS_PAYABLE, "RWF").minor == -25 * 15000


def test_many_clicks_make_one_attempt(committed: db.Database) -> None:
    with own_hooks() as heard, momo():
        with db.unit_of_work() as session:
            user_id = make_user(session).id
            charge_id = make_charge(session, user_id).id
        actor = Actor(kind="user", name="Payer", user_id=user_id, role=Role.ENTREPRENEUR)

        def click(_number: int) -> int:
            with db.unit_of_work() as session:
                return payments.start(session, charges.get(session, charge_id), PAYS, actor).id

        assert len(set(together(15, click))) == 1
        assert len(heard["started"]) == 1


def test_the_schema_itself_lets_a_charge_be_settled_once(committed: db.Database) -> None:
    with db.unit_of_work() as session:
        charge_id = make_charge(session, make_user(session).id).id
    attempts = [attempt(charge_id, number) for number in range(2)]
    both = text("UPDATE payments SET state = 'successful', destination = 'charge' WHERE id = ANY(:ids)")
    with pytest.raises(IntegrityError, match="uq_payments_charge_id_settling"), db.unit_of_work() as session:
        session.execute(both, {"ids": attempts})


def test_receipt_numbers_have_no_gaps(committed: db.Database) -> None:
    """Twenty settle at once, some are rolled back after their receipt was numbered and tried again."""
    chance = random.Random(7240)
    fails = [chance.random() < 0.4 for _number in range(20)]
    assert 4 <= sum(fails) <= 14
    with own_hooks():
        with db.unit_of_work() as session:
            payer = make_user(session).id
            ids = [make_charge(session, payer).id for _number in range(20)]
        attempts = [attempt(charge_id, 1) for charge_id in ids]

        def settle(number: int) -> None:
            if fails[number]:
                with db.unit_of_work(commit=False) as session:
                    payments.learn(session, attempts[number], SUCCESS)
            with db.unit_of_work() as session:
                payments.learn(session, attempts[number], SUCCESS)

        together(20, settle)
    with db.unit_of_work() as session:
        issued = session.scalars(select(Receipt).order_by(Receipt.number)).all()
        assert [receipt.number for receipt in issued] == list(range(1, 21))
        assert len({receipt.reference for receipt in issued}) == 20
        year = clock.today(load.current().zone).year
        assert issued[0].reference == counters.reference(receipts.SERIES, year, 1)


def test_bill_numbers_have_no_gaps_and_a_check_letter(committed: db.Database) -> None:
    with db.unit_of_work() as session:
        payer = make_user(session).id

    def bill(number: int) -> str:
        if number % 3 == 0:
            with db.unit_of_work(commit=False) as session:
                make_charge(session, payer)
        with db.unit_of_work() as session:
            return make_charge(session, payer).reference

    found = sorted(str(reference) for reference in together(20, bill))
    assert [int(reference.split("-")[2]) for reference in found] == list(range(1, 21))
    series, year, number, letter = found[0].split("-")
    assert counters.reference(series, int(year), int(number)).endswith(letter)
