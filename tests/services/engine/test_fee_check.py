"""New answers that would cost more than was paid are put before the reviewer."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from app.cases import registry
from app.cases.fee_check import fee_check
from app.cases.models import Submission
from app.cases.registry import CaseContext
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.core.errors import Invalid, Problem
from app.core.money import Money
from app.jurisdictions import load
from tests.factories.cases import fill, licence, pay, submitted
from tests.services.conftest import cast, move

ABOUT_QUANTITY = Payload(fields=(AskedField("quantity", "quantity.quantity", "Quantity"),))


@pytest.fixture
def by_quantity(rwanda):
    """A tariff under which the quantity decides: 1 RWF a kilogram."""
    usual = registry.service("export_licence")
    rule = next(rule for rule in load.current().fees if rule.code == "coffee-licence")

    def fee(pack, data):
        return (rule.model_copy(update={"amount_minor": int(data["quantity"]["quantity"])}),)

    registry._services["export_licence"] = replace(usual, fee=fee)
    yield
    registry._services["export_licence"] = usual


def resent(session, exporter, quantity):
    """Sent and paid for 19200 kg, asked about, and sent again for ``quantity``."""
    naeb = cast(session, "NAEB")
    case = submitted(session, exporter, "export_licence", licence("19200"))
    pay(session, case, exporter)
    move(session, case, Action.TAKE, naeb.registrar)
    move(session, case, Action.ASK, naeb.registrar, payload=ABOUT_QUANTITY)
    fill(session, case, licence(quantity))
    move(session, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    return case, naeb.registrar


def look(session, case, actor, number=2):
    submission = session.scalars(
        select(Submission).where(Submission.case_id == case.id, Submission.number == number)
    ).one()
    return fee_check(CaseContext(session, load.current(), case, actor, submission, submission.data))


def test_more_than_was_paid_is_for_a_person_to_look_at(rwanda, exporter, by_quantity):
    case, clerk = resent(rwanda, exporter, "25000")
    check = look(rwanda, case, clerk)
    assert check.passed is None
    assert f"{Money(25000, 'RWF')}" in check.detail
    assert f"{Money(19200, 'RWF')} was paid" in check.detail


@pytest.mark.parametrize("quantity", ["19200", "10000"])
def test_as_much_or_less_says_nothing(rwanda, exporter, by_quantity, quantity):
    case, clerk = resent(rwanda, exporter, quantity)
    assert look(rwanda, case, clerk) is None


def test_a_first_submission_says_nothing(rwanda, exporter, by_quantity):
    case, clerk = resent(rwanda, exporter, "25000")
    assert look(rwanda, case, clerk, number=1) is None


def test_a_new_tariff_alone_says_nothing(rwanda, exporter, by_quantity):
    case, clerk = resent(rwanda, exporter, "19200")
    usual = registry.service("export_licence")
    dearer = replace(
        usual,
        fee=lambda pack, data: tuple(
            rule.model_copy(update={"amount_minor": rule.amount_minor * 2, "valid_from": date(2026, 1, 1)})
            for rule in usual.fee(pack, data)
        ),
    )
    registry._services["export_licence"] = dearer
    assert look(rwanda, case, clerk) is None


def test_a_fee_that_cannot_be_worked_out_is_for_a_person_to_look_at(rwanda, exporter, by_quantity):
    case, clerk = resent(rwanda, exporter, "25000")

    def no_rate(pack, data):
        raise Invalid(Problem("There is no exchange rate.", "currency", "no_rate"))

    registry._services["export_licence"] = replace(registry.service("export_licence"), fee_base=no_rate)
    check = look(rwanda, case, clerk)
    assert (check.passed, str(check.detail)) == (None, "There is no exchange rate.")


def test_no_more_than_was_paid_says_nothing(rwanda, exporter, by_quantity):
    """The tariff fell since: the new answers cost more than the old ones would today, and less than was paid."""
    case, clerk = resent(rwanda, exporter, "25000")
    usual = registry.service("export_licence")
    registry._services["export_licence"] = replace(
        usual,
        fee=lambda pack, data: tuple(
            rule.model_copy(update={"amount_minor": rule.amount_minor // 2}) for rule in usual.fee(pack, data)
        ),
    )
    assert look(rwanda, case, clerk) is None
