"""The licence balance: never more than the line has, whoever asks, in whatever order, however many at once."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
import time_machine
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from app.core import clock, db
from app.core.errors import Invalid, NotFound
from app.core.i18n import use_locale
from app.core.money import Money
from app.identity.actor import SYSTEM
from app.permits import allocations, hooks, lifecycle
from app.permits.models import Allocation, PermitLine, PermitState
from tests.factories.businesses import make_business
from tests.factories.permits import line, make_permit

VALUE = Money(1000, "RWF")


def reserve(session, line_id, item="D/1", quantity="100"):
    return allocations.reserve(session, line_id, declaration_item=item, quantity=Decimal(quantity), value=VALUE)


def numbers(session, line_id) -> tuple[Decimal, Decimal, Decimal]:
    balance = allocations.balance(session, line_id)
    return balance.reserved, balance.consumed, balance.available


def movements(session, line_id) -> list[str]:
    return [row.state for row in reversed(allocations.history(session, [line_id]))]


@pytest.fixture
def permit(session):
    return make_permit(session, make_business(session), line("1000"))


@pytest.fixture
def line_id(permit):
    return permit.lines[0].id


def test_reserve_use_and_give_back(session, line_id):
    reserve(session, line_id, quantity="300.5")
    assert numbers(session, line_id) == (Decimal("300.5"), 0, Decimal("699.5"))
    allocations.consume(session, line_id, declaration_item="D/1")
    assert numbers(session, line_id) == (0, Decimal("300.5"), Decimal("699.5"))
    allocations.release(session, line_id, declaration_item="D/1")
    assert numbers(session, line_id) == (0, 0, 1000)
    assert movements(session, line_id) == ["reserved", "consumed", "released"]


def test_asking_twice_changes_nothing(session, line_id):
    assert reserve(session, line_id).id == reserve(session, line_id).id
    first = allocations.consume(session, line_id, declaration_item="D/1")
    assert allocations.consume(session, line_id, declaration_item="D/1").id == first.id
    allocations.release(session, line_id, declaration_item="D/1")
    allocations.release(session, line_id, declaration_item="D/1")
    assert movements(session, line_id) == ["reserved", "consumed", "released"]


def test_an_item_that_comes_back_with_another_quantity_changes_its_reservation(session, line_id):
    reserve(session, line_id, quantity="900")
    reserve(session, line_id, quantity="1000")  # its own 900 count as free for it
    assert numbers(session, line_id) == (1000, 0, 0)
    with pytest.raises(Invalid):
        reserve(session, line_id, quantity="1000.001")
    assert numbers(session, line_id) == (1000, 0, 0)


def test_more_than_is_left_is_refused_with_the_balance_in_the_readers_form(session, permit, line_id):
    big = make_permit(session, make_business(session), line("20000"))
    reserve(session, big.lines[0].id, quantity="18800")
    with pytest.raises(Invalid) as caught, use_locale("en_RW"):
        reserve(session, big.lines[0].id, "D/2", "1200.001")
    (problem,) = caught.value.problems
    assert (problem.field, problem.code) == ("quantity", "over_balance")
    assert str(problem.message) == f"Only 1,200\u00a0kg are left on permit {big.number}. Declare that much or less."


def test_nothing_left_is_said_plainly(session, line_id):
    reserve(session, line_id, quantity="1000")
    with pytest.raises(Invalid) as caught:
        reserve(session, line_id, "D/2", "0.001")
    assert "Nothing is left" in str(caught.value.message)


@pytest.mark.parametrize("quantity", ["0", "-1", "0.0001", "NaN", "Infinity"])
def test_a_quantity_is_positive_with_three_decimals(session, line_id, quantity):
    with pytest.raises(Invalid) as caught:
        reserve(session, line_id, quantity=quantity)
    assert caught.value.problems[0].code == "quantity_malformed"


def test_another_unit_is_not_converted_silently(session, line_id):
    with pytest.raises(Invalid) as caught:
        allocations.reserve(session, line_id, declaration_item="D/1", quantity=Decimal(1), value=VALUE, unit="TNE")
    assert caught.value.problems[0].code == "unit"


def test_less_may_leave_than_was_reserved(session, line_id):
    reserve(session, line_id, quantity="300")
    allocations.consume(session, line_id, declaration_item="D/1", quantity=Decimal(250))
    assert numbers(session, line_id) == (0, 250, 750)
    reserve(session, line_id, "D/2", "100")
    with pytest.raises(Invalid):
        allocations.consume(session, line_id, declaration_item="D/2", quantity=Decimal(101))


def test_only_what_is_reserved_can_be_used(session, line_id):
    with pytest.raises(Invalid) as caught:
        allocations.consume(session, line_id, declaration_item="D/9")
    assert caught.value.problems[0].code == "not_reserved"
    allocations.release(session, line_id, declaration_item="D/9")  # nothing to give back: nothing happens
    assert movements(session, line_id) == []


def test_goods_that_left_cannot_be_reserved_again(session, line_id):
    reserve(session, line_id)
    allocations.consume(session, line_id, declaration_item="D/1")
    with pytest.raises(Invalid) as caught:
        reserve(session, line_id)
    assert caught.value.problems[0].code == "already_used"


def test_an_unknown_line_is_not_found(session):
    with pytest.raises(NotFound):
        reserve(session, -1)


def test_a_suspended_permit_takes_nothing_new_but_lets_reserved_goods_leave(session, permit, line_id):
    reserve(session, line_id)
    lifecycle.suspend(session, permit, SYSTEM, "Inspection")
    with pytest.raises(Invalid) as caught:
        reserve(session, line_id, "D/2")
    assert caught.value.problems[0].code == "permit_suspended"
    assert permit.number in str(caught.value.message)
    reserve(session, line_id)  # what is already held may be asked for again
    allocations.consume(session, line_id, declaration_item="D/1")
    assert numbers(session, line_id) == (0, 100, 900)


def test_a_revoked_permit_lets_nothing_leave(session, permit, line_id):
    reserve(session, line_id)
    lifecycle.revoke(session, permit, SYSTEM, "Forged document")
    with pytest.raises(Invalid) as caught:
        allocations.consume(session, line_id, declaration_item="D/1")
    assert caught.value.problems[0].code == "permit_revoked"
    allocations.release(session, line_id, declaration_item="D/1")
    assert numbers(session, line_id) == (0, 0, 1000)


def test_validity_is_looked_at_when_reserving(session):
    later = make_permit(session, make_business(session), line("1000"), from_day=5, days=10)
    with pytest.raises(Invalid) as caught:
        reserve(session, later.lines[0].id)
    assert caught.value.problems[0].code == "permit_not_yet_valid"
    with time_machine.travel(clock.now() + timedelta(days=6), tick=False):
        reserve(session, later.lines[0].id)
    with time_machine.travel(clock.now() + timedelta(days=17), tick=False):
        with pytest.raises(Invalid) as caught:
            reserve(session, later.lines[0].id, "D/2")
        allocations.consume(session, later.lines[0].id, declaration_item="D/1")
    assert caught.value.problems[0].code == "permit_expired"


def test_a_permit_whose_last_goods_left_while_it_was_suspended_is_used_up_when_reinstated(session, permit, line_id):
    reserve(session, line_id, quantity="1000")
    lifecycle.suspend(session, permit, SYSTEM, "Inspection of the warehouse")
    allocations.consume(session, line_id, declaration_item="D/1")
    assert permit.stored_state is PermitState.SUSPENDED
    lifecycle.reinstate(session, permit, SYSTEM, "Nothing was found")
    assert permit.stored_state is PermitState.USED_UP


def test_a_permit_without_goods_is_valid_again_when_reinstated(session):
    permit = make_permit(session, make_business(session), kind="tour-operator", destination=None)
    lifecycle.suspend(session, permit, SYSTEM, "The insurance has ended")
    lifecycle.reinstate(session, permit, SYSTEM, "A new insurance was shown")
    assert permit.stored_state is PermitState.ACTIVE


def test_a_permit_is_used_up_when_every_line_is(session):
    permit = make_permit(session, make_business(session), line("100"), line("50", hs="090121"))
    first, second = (each.id for each in permit.lines)
    for item, used in ((first, "100"), (second, "50")):
        assert permit.state == PermitState.ACTIVE
        reserve(session, item, quantity=used)
        allocations.consume(session, item, declaration_item="D/1")
    assert permit.state == PermitState.USED_UP
    allocations.release(session, second, declaration_item="D/1")
    assert permit.state == PermitState.ACTIVE


@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_movements_cannot_be_rewritten(session, line_id, change):
    reserve(session, line_id)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(change.format("allocations")))


@pytest.mark.parametrize(
    "change", ["reserved = 1001", "consumed = 1001", "reserved = 600, consumed = 600", "reserved = -1"]
)
def test_the_database_itself_refuses_an_impossible_balance(session, line_id, change):
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(f"UPDATE permit_lines SET {change} WHERE id = :id"), {"id": line_id})


def test_others_hear_of_each_change_of_balance(session, line_id, monkeypatch):
    monkeypatch.setattr(hooks, "_balance_callbacks", [])
    heard = []
    hooks.on_balance_changed(lambda session, line: heard.append(line.available))
    reserve(session, line_id)
    allocations.release(session, line_id, declaration_item="D/1")
    assert heard == [900, 1000]


def assert_sums_agree(session, line_id) -> None:
    """Given any history: the line says exactly what its movements add up to, and no more than it may."""
    reserved, consumed = session.execute(
        select(
            func.coalesce(func.sum(Allocation.reserved_change), 0),
            func.coalesce(func.sum(Allocation.consumed_change), 0),
        ).where(Allocation.line_id == line_id)
    ).one()
    balance = allocations.balance(session, line_id)
    assert (balance.reserved, balance.consumed) == (reserved, consumed)
    assert 0 <= balance.available <= balance.quantity


ITEMS = st.sampled_from(["D/1", "D/2", "D/3", "E/1"])
QUANTITIES = st.decimals(min_value="0.001", max_value="140", places=3)


class Balance(RuleBasedStateMachine):
    """Random histories against a model of three lines: what each item holds, and what it has used."""

    session: db.Session
    line_id: int

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = self.session.begin_nested()
        self.held: dict[str, tuple[str, Decimal]] = {}
        permit = make_permit(self.session, make_business(self.session), line("200"))
        self.line_id = permit.lines[0].id

    def left(self, without: str = "") -> Decimal:
        return 200 - sum((quantity for item, (_, quantity) in self.held.items() if item != without), Decimal(0))

    @rule(item=ITEMS, quantity=QUANTITIES)
    def reserve(self, item, quantity):
        state, _ = self.held.get(item, ("", Decimal(0)))
        possible = state != "consumed" and quantity <= self.left(without=item) and not self.used_up
        if possible:
            reserve(self.session, self.line_id, item, str(quantity))
            self.held[item] = ("reserved", quantity)
        else:
            with pytest.raises(Invalid):
                reserve(self.session, self.line_id, item, str(quantity))

    @rule(item=ITEMS, part=st.sampled_from([None, Decimal("0.5"), Decimal(1), Decimal(2)]))
    def consume(self, item, part):
        state, held = self.held.get(item, ("", Decimal(0)))
        quantity = None if part is None else (held * part).quantize(Decimal("0.001"))
        used = held if quantity is None else quantity
        possible = (state == "reserved" and 0 < used <= held) or (state == "consumed" and used == held)
        if possible:
            allocations.consume(self.session, self.line_id, declaration_item=item, quantity=quantity)
            self.held[item] = ("consumed", used)
        else:
            with pytest.raises(Invalid):
                allocations.consume(self.session, self.line_id, declaration_item=item, quantity=quantity)

    @rule(item=ITEMS)
    def release(self, item):
        allocations.release(self.session, self.line_id, declaration_item=item)
        self.held.pop(item, None)

    @property
    def used_up(self) -> bool:
        return sum((q for state, q in self.held.values() if state == "consumed"), Decimal(0)) == 200

    @invariant()
    def agrees_with_the_model(self):
        reserved = sum((q for state, q in self.held.values() if state == "reserved"), Decimal(0))
        consumed = sum((q for state, q in self.held.values() if state == "consumed"), Decimal(0))
        assert numbers(self.session, self.line_id) == (reserved, consumed, 200 - reserved - consumed)
        assert_sums_agree(self.session, self.line_id)

    def teardown(self):
        self.savepoint.rollback()


def test_any_history_of_movements_agrees_with_the_model(session):
    machine = type("BoundBalance", (Balance,), {"session": session})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine, settings=settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=checks)
    )


@pytest.fixture
def raced(committed):
    """A line of 1,000 with real commits."""
    with db.unit_of_work() as session:
        permit = make_permit(session, make_business(session), line("1000"), line("1000", hs="090121"))
        return [each.id for each in permit.lines]


def race(count, work):
    """Run ``work(place)`` in ``count`` threads that start together; each has its own unit of work."""
    gate = Barrier(count)

    def run(place):
        gate.wait(timeout=30)
        try:
            with db.unit_of_work() as session:
                return work(session, place)
        except Invalid as error:
            return error.problems[0].code

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_fifty_declarations_racing_for_one_line_never_take_more_than_it_has(raced):
    results = race(50, lambda session, place: reserve(session, raced[0], f"D{place}/1", "30") and "taken")
    assert results.count("taken") == 33  # 33 × 30 = 990; the next would be 1,020
    assert results.count("over_balance") == 17
    with db.unit_of_work() as session:
        assert numbers(session, raced[0]) == (990, 0, 10)
        assert_sums_agree(session, raced[0])


def test_the_same_item_sent_fifty_times_at_once_is_reserved_once(raced):
    results = race(50, lambda session, place: reserve(session, raced[0], "D/1", "30").id)
    assert len(set(results)) == 1
    with db.unit_of_work() as session:
        assert numbers(session, raced[0]) == (30, 0, 970)


def test_declarations_over_the_same_two_lines_do_not_block_each_other(raced):
    """Each takes both lines, half of them the other way round: a queue, never a deadlock."""
    with db.unit_of_work() as session:
        other = make_permit(session, make_business(session), line("1000"))
        lines = [raced[0], other.lines[0].id]

    def both(session, place):
        allocations.lock_lines(session, lines)
        for line_id in lines if place % 2 else reversed(lines):
            reserve(session, line_id, f"D{place}/1", "10")
        return "taken"

    assert race(30, both) == ["taken"] * 30
    with db.unit_of_work() as session:
        assert [numbers(session, line_id) for line_id in lines] == [(300, 0, 700)] * 2


def test_mixed_movements_in_a_race_still_add_up(raced):
    def churn(session, place):
        chance = random.Random(place)
        item, line_id = f"D{place % 10}/1", raced[place % 2]
        match chance.choice(["reserve", "reserve", "consume", "release"]):
            case "reserve":
                reserve(session, line_id, item, str(chance.randint(1, 200)))
            case "consume":
                allocations.consume(session, line_id, declaration_item=item)
            case "release":
                allocations.release(session, line_id, declaration_item=item)
        return "done"

    for _round in range(3):
        race(40, churn)
    with db.unit_of_work() as session:
        for line_id in raced:
            assert_sums_agree(session, line_id)


def test_a_suspension_in_the_middle_of_a_race_is_the_end_of_new_reservations(raced):
    def work(session, place):
        if place == 0:
            permit = session.get_one(PermitLine, raced[0]).permit
            lifecycle.suspend(session, permit, SYSTEM, "Inspection")
            return "suspended"
        return reserve(session, raced[0], f"D{place}/1", "1").id

    results = race(30, work)
    with db.unit_of_work() as session:
        taken = [result for result in results if isinstance(result, int)]
        assert numbers(session, raced[0])[0] == len(taken)
        assert results.count("permit_suspended") == 29 - len(taken)
        with pytest.raises(Invalid):
            reserve(session, raced[0], "E/1", "1")
