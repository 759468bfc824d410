"""The ledger: balanced, unchangeable, in the database itself."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from app.core import db
from app.fees import charges, ledger
from app.fees.models import Account, LedgerEntry, LedgerLine
from tests.factories.fees import make_charge, rule
from tests.factories.people import make_user

CODES = ["receivable", "clearing:mtn_momo", "revenue:1422", "revenue:1152", "refunds_payable", "suspense"]


def check_now(session: Session) -> None:
    """Run the checks that wait for the commit."""
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    session.execute(text("SET CONSTRAINTS ALL DEFERRED"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(CODES), st.integers(-(10**12), 10**12)), min_size=1, max_size=6))
def test_only_balanced_entries_are_kept(session: Session, amounts: list[tuple[str, int]]) -> None:
    with session.begin_nested() as attempt:
        charge = make_charge(session, make_user(session).id)
        given_amounts = dict(amounts)
        lines = {code: amount for code, amount in given_amounts.items() if amount}
        if len(lines) >= 2 and sum(lines.values()) == 0:
            ledger.post(session, "surplus", charge, given_amounts, currency="RWF")
        else:
            with pytest.raises(ValueError, match="balance"):
                ledger.post(session, "surplus", charge, given_amounts, currency="RWF")
        check_now(session)
        total = session.scalar(text("SELECT coalesce(sum(amount_minor), 0) FROM ledger_lines"))
        assert total == 0
        attempt.rollback()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-(10**9), 10**9).filter(bool), min_size=1, max_size=5), st.integers(2, 5))
def test_the_database_itself_refuses_imbalance(session: Session, amounts: list[int], announced: int) -> None:
    with session.begin_nested() as attempt:
        charge = make_charge(session, make_user(session).id)
        account = session.query(Account).first()
        assert account is not None
        entry = LedgerEntry(kind="surplus", charge_id=charge.id, currency="RWF", line_count=announced)
        session.add(entry)
        session.flush()
        session.add_all(LedgerLine(entry_id=entry.id, account_id=account.id, amount_minor=minor) for minor in amounts)
        session.flush()
        if sum(amounts) == 0 and len(amounts) == announced:
            check_now(session)
        else:
            with pytest.raises(IntegrityError), session.begin_nested():
                check_now(session)
        attempt.rollback()


def test_an_entry_without_lines_cannot_be_committed(committed: db.Database) -> None:
    with db.unit_of_work() as session:
        charge_id = make_charge(session, make_user(session).id).id
    with pytest.raises(IntegrityError, match="has 0 lines"), db.unit_of_work() as session:
        session.add(LedgerEntry(kind="surplus", charge_id=charge_id, currency="RWF", line_count=2))


def test_balanced_lines_cannot_be_added_later(committed: db.Database) -> None:
    with db.unit_of_work() as session:
        make_charge(session, make_user(session).id)
        line = session.query(LedgerLine).first()
    assert line is not None
    values = {"entry_id": line.entry_id, "account_id": line.account_id}
    with pytest.raises(IntegrityError, match="has 4 lines, not 2"), db.unit_of_work() as session:
        session.add_all([LedgerLine(**values, amount_minor=5), LedgerLine(**values, amount_minor=-5)])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_lines SET amount_minor = amount_minor + 1",
        "DELETE FROM ledger_lines",
        "TRUNCATE ledger_lines",
        "UPDATE ledger_entries SET currency = 'XAF'",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries CASCADE",
    ],
)
def test_the_ledger_is_append_only(session: Session, statement: str) -> None:
    make_charge(session, make_user(session).id)
    check_now(session)
    with pytest.raises(DatabaseError, match="append-only"), session.begin_nested():
        session.execute(text(statement))


def test_assessing_and_cancelling(session: Session) -> None:
    charge = make_charge(session, make_user(session).id, rule(700), rule(300, code="levy", revenue="1152"))
    check_now(session)
    assert ledger.balance(session, ledger.RECEIVABLE, "RWF").minor == 1000
    assert ledger.balance(session, "revenue:1422", "RWF").minor == -700
    assert ledger.balance(session, "revenue:1152", "RWF").minor == -300
    charges.cancel(session, charge)
    charges.cancel(session, charge)
    check_now(session)
    for code in (ledger.RECEIVABLE, "revenue:1422", "revenue:1152"):
        assert ledger.balance(session, code, "RWF").minor == 0
