"""The MTN adapter against the stand-in over HTTP on loopback, and payments from the click to the receipt."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core import clock
from app.core.money import Money
from app.fees import charges, ledger, payments, providers, tasks
from app.fees.models import Charge, Payment
from app.fees.providers import Outcome, Refused, Status, Unavailable
from app.fees.providers.mtn_momo import MtnMomo, plain
from app.identity.actor import Actor, Role
from app.jobs import queue
from tests.factories.fees import FAILS, NEVER_ANSWERS, NO_FUNDS, PAYS, adapter, make_charge, momo, own_hooks, run_for
from tests.factories.people import make_user
from tools.standins.mtn_momo import StandIn

AMOUNT = Money(15000, "RWF")
Heard = dict[str, list[str]]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with momo() as state:
        yield state


@pytest.fixture
def heard() -> Iterator[Heard]:
    with own_hooks() as kinds:
        yield kinds


@pytest.fixture
def payer(session: Session) -> Actor:
    return Actor(kind="user", name="Payer", user_id=make_user(session).id, role=Role.ENTREPRENEUR)


@pytest.fixture
def charge(session: Session, payer: Actor) -> Charge:
    assert payer.user_id is not None
    return make_charge(session, payer.user_id)


def current() -> MtnMomo:
    found = providers.current()
    assert isinstance(found, MtnMomo)
    return found


def collect(msisdn: str = "+250788000001", amount: Money = AMOUNT) -> uuid.UUID:
    reference = uuid.uuid4()
    current().collect(reference, amount, msisdn, bill="BILL-1", note="L'usine d’Ikawa")
    return reference


# --- the adapter ----------------------------------------------------------------------------------------------------


def test_the_adapter_says_what_mtn_wants_to_hear(stand_in: StandIn) -> None:
    reference = collect()
    sent = stand_in.collections[str(reference)].body
    assert sent == {
        "amount": "15000",
        "currency": "EUR",  # the sandbox's rule
        "externalId": "BILL-1",
        "payer": {"partyIdType": "MSISDN", "partyId": "250788000001"},
        "payerMessage": "L usine d Ikawa",
        "payeeNote": "BILL-1",
    }
    assert current().status(reference, AMOUNT).outcome is Outcome.PENDING
    done = current().status(reference, AMOUNT)
    assert (done.outcome, done.matches, done.reported) == (Outcome.SUCCESSFUL, True, "15000 EUR")
    assert not current().status(reference, Money(15001, "RWF")).matches


def test_in_production_the_currency_is_the_countrys() -> None:
    with momo(environment="mtnrwanda") as state:
        providers.configure(adapter(current()._url.removesuffix("/collection"), environment="mtnrwanda"))
        reference = collect()
        assert state.collections[str(reference)].body["currency"] == "RWF"


def test_a_repeated_reference_debits_once(stand_in: StandIn) -> None:
    reference = collect()
    current().collect(reference, AMOUNT, "+250788000001", bill="BILL-1", note="")
    assert stand_in.requests_to_pay == 1


@pytest.mark.parametrize(("number", "reason"), [("002", "NOT_ENOUGH_FUNDS"), ("004", "INTERNAL_PROCESSING_ERROR")])
def test_reasons_of_failure(stand_in: StandIn, number: str, reason: str) -> None:
    reference = collect(f"+250788000{number}")
    current().status(reference, AMOUNT)
    status = current().status(reference, AMOUNT)
    assert (status.outcome, status.reason) == (Outcome.FAILED, reason)


def test_an_unknown_reference(stand_in: StandIn) -> None:
    assert current().status(uuid.uuid4(), AMOUNT).outcome is Outcome.UNKNOWN


def test_a_lost_token_is_replaced_once(stand_in: StandIn) -> None:
    reference = collect()
    stand_in.tokens.clear()
    assert current().status(reference, AMOUNT).outcome is Outcome.PENDING


def test_a_wrong_currency_is_a_refusal() -> None:
    with momo(environment="mtnrwanda"):
        providers.configure(adapter(current()._url.removesuffix("/collection"), environment="mtnrwanda"))
        with pytest.raises(Refused, match="INVALID_CURRENCY"):
            collect(amount=Money(100, "XAF"))


def test_no_answer_is_never_a_refusal(stand_in: StandIn) -> None:
    stand_in.broken = True
    with pytest.raises(Unavailable):
        collect()
    with pytest.raises(Unavailable):
        current().status(uuid.uuid4(), AMOUNT)
    with pytest.raises(Unavailable):
        adapter("http://127.0.0.1:9").status(uuid.uuid4(), AMOUNT)


def test_notes_are_plain_and_short() -> None:
    assert plain("L'eau\n d’ici") == "L eau d ici"
    assert len(plain("x" * 500)) == 160


# --- from the click to the receipt ----------------------------------------------------------------------------------


def test_paid(session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor) -> None:
    payment = payments.start(session, charge, PAYS, payer)
    assert payment.pending
    assert stand_in.requests_to_pay == 0, "nothing is sent inside the click"
    run_for(session, 60)
    assert (payment.state, payment.destination) == ("successful", "charge")
    assert charge.settled
    assert heard["settled"] == [charge.reference]
    assert len(heard["receipt"]) == 1
    assert ledger.balance(session, ledger.RECEIVABLE, "RWF").minor == 0
    assert ledger.balance(session, "clearing:mtn_momo", "RWF").minor == 15000


def test_a_double_click_is_one_attempt(session: Session, stand_in: StandIn, charge: Charge, payer: Actor) -> None:
    with own_hooks():
        first = payments.start(session, charge, PAYS, payer)
        assert payments.start(session, charge, NO_FUNDS, payer) is first
        run_for(session, 60)
    assert stand_in.requests_to_pay == 1


def test_after_a_failure_one_may_start_again(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    payments.start(session, charge, NO_FUNDS, payer)
    run_for(session, 60)
    assert heard["unpaid"] == ["NOT_ENOUGH_FUNDS"]
    assert not charge.settled
    payments.start(session, charge, PAYS, payer)
    run_for(session, 60)
    assert charge.settled


def test_a_failing_provider_code(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    payments.start(session, charge, FAILS, payer)
    run_for(session, 60)
    assert heard["unpaid"] == ["INTERNAL_PROCESSING_ERROR"]


def test_no_answer_expires_and_a_late_success_is_owed_back(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    silent = payments.start(session, charge, NEVER_ANSWERS, payer)
    run_for(session, 320)
    assert silent.state == "expired"
    assert heard["unpaid"] == ["NO_ANSWER"]
    payments.start(session, charge, PAYS, payer)
    run_for(session, 60)
    assert charge.settled
    stand_in.collections[str(silent.provider_reference)].body["payer"]["partyId"] = "250788000001"
    payments.ask_now(session, silent)
    run_for(session, 1)
    assert (silent.state, silent.destination) == ("successful", "refunds_payable")
    assert heard["settled"] == [charge.reference]
    assert heard["surplus"] == [charge.reference]
    assert ledger.balance(session, ledger.REFUNDS_PAYABLE, "RWF").minor == -15000
    assert [found.id for found in payments.exceptions(session)] == [silent.id]


def test_a_late_success_still_pays_an_open_bill(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    silent = payments.start(session, charge, NEVER_ANSWERS, payer)
    run_for(session, 320)
    stand_in.collections[str(silent.provider_reference)].body["payer"]["partyId"] = "250788000001"
    run_for(session, 3600)
    assert charge.settled


def test_another_amount_is_held_in_suspense(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    payment = payments.start(session, charge, PAYS, payer)
    queue.run_pending(session)
    stand_in.collections[str(payment.provider_reference)].body["amount"] = "1"
    run_for(session, 60)
    assert (payment.state, payment.destination, payment.reported) == ("successful", "suspense", "1 EUR")
    assert not charge.settled
    assert heard["settled"] == []
    assert ledger.balance(session, ledger.SUSPENSE, "RWF").minor == -15000


def test_a_request_that_seemed_lost_is_enquired_after_and_not_debited_twice(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    stand_in.silent = True
    payments.start(session, charge, PAYS, payer)
    run_for(session, 60)
    assert charge.settled
    assert stand_in.requests_to_pay == 1


def test_a_request_that_was_lost_is_sent_again(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    stand_in.broken = True
    payments.start(session, charge, PAYS, payer)
    queue.run_pending(session)
    stand_in.broken = False
    run_for(session, 60)
    assert charge.settled
    assert stand_in.requests_to_pay == 1


def test_impatient_clicks_do_not_multiply_the_enquiries(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    payment = payments.start(session, charge, NEVER_ANSWERS, payer)
    queue.run_pending(session)
    for _click in range(10):
        payments.ask_now(session, payment)
    queue.run_pending(session)
    assert payment.checks == 1
    waiting = session.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE scheduled_at > now()"))
    assert waiting == 2  # the one that became stale, and the one that goes on


def test_a_lost_enquiry_is_swept_up(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    payments.start(session, charge, PAYS, payer)
    queue.run_pending(session)
    session.execute(text("DELETE FROM procrastinate_jobs"))
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=False):
        tasks.sweep_payments(session)
        queue.run_pending(session)
        assert session.scalars(select(Payment)).one().checks == 1


def test_a_cancelled_bill_paid_meanwhile_is_owed_back(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    payment = payments.start(session, charge, PAYS, payer)
    queue.run_pending(session)
    charges.cancel(session, charge)
    run_for(session, 60)
    assert payment.destination == "refunds_payable"
    assert not charge.settled


def test_a_request_that_could_not_be_sent_in_time_is_never_sent_later(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    """The payer was told that nothing reached the service: nothing may appear on the phone afterwards."""
    stand_in.broken = True
    payment = payments.start(session, charge, PAYS, payer)
    run_for(session, 118)
    stand_in.broken = False
    with time_machine.travel(payment.created_at + timedelta(seconds=130), tick=False):
        run_for(session, 60)
    assert stand_in.requests_to_pay == 0
    assert (payment.state, payment.reason) == ("expired", "NOT_RECEIVED")
    assert heard["unpaid"] == ["NOT_RECEIVED"]
    with time_machine.travel(payment.created_at + timedelta(seconds=200), tick=False):
        run_for(session, 2 * 24 * 3600)
    assert stand_in.requests_to_pay == 0
    assert heard["unpaid"] == ["NOT_RECEIVED"]
    assert payment.next_check_at is None


def test_a_request_that_arrived_after_all_is_still_found(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    """Called not received, because the provider did not know it yet: its money is not lost."""
    payment = payments.start(session, charge, PAYS, payer)
    with time_machine.travel(clock.now() + timedelta(seconds=121), tick=False):
        payments.learn(session, payment.id, Status(Outcome.UNKNOWN))
        assert (payment.state, payment.reason) == ("expired", "NOT_RECEIVED")
        current().collect(payment.provider_reference, payment.amount, payment.msisdn, bill="B", note="")
        payments.heard(session, payment.provider_reference)
        run_for(session, 900)
    assert charge.settled


def test_a_request_the_provider_took_is_never_called_unheard_of(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    payment = payments.start(session, charge, PAYS, payer)
    queue.run_pending(session)
    taken = stand_in.collections.pop(str(payment.provider_reference))
    with time_machine.travel(payment.created_at + timedelta(seconds=150), tick=False):
        run_for(session, 170)
    assert (payment.state, payment.reason) == ("expired", "NO_ANSWER")
    stand_in.collections[str(payment.provider_reference)] = taken
    with time_machine.travel(payment.created_at + timedelta(seconds=330), tick=False):
        run_for(session, 2 * 3600)
    assert charge.settled


def test_a_worker_that_comes_late_does_not_surprise_the_payer(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    payment = payments.start(session, charge, PAYS, payer)
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=False):
        queue.run_pending(session)
    assert stand_in.requests_to_pay == 0
    assert payment.state == "expired"


def test_nothing_is_asked_of_the_payer_for_a_bill_that_was_taken_back(
    session: Session, stand_in: StandIn, heard: Heard, charge: Charge, payer: Actor
) -> None:
    payment = payments.start(session, charge, PAYS, payer)
    charges.cancel(session, charge)
    run_for(session, 400)
    assert stand_in.requests_to_pay == 0
    assert payment.state == "expired"


def test_an_end_that_was_never_learned_is_said_in_the_log(
    session: Session,
    stand_in: StandIn,
    heard: Heard,
    charge: Charge,
    payer: Actor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    payment = payments.start(session, charge, PAYS, payer)
    queue.run_pending(session)
    stand_in.broken = True
    run_for(session, 25 * 3600)
    assert (payment.state, payment.next_check_at) == ("expired", None)
    assert "was never learned" in caplog.text
