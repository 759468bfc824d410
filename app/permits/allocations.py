"""The licence balance: declarations reserve a quantity on a permit's line, use it, or give it back.

Every movement is a row that stays; the line keeps the sums, and a CHECK on it refuses what nobody may have. The
permit is locked before the line, and several lines in the order ``lock_lines`` gives, so that races end in a queue
rather than a deadlock. An item's standing on a line is its last movement there, hence asking twice changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.identity.actor import SYSTEM
from app.permits import changes, hooks, verification
from app.permits.models import Allocation, Movement, Permit, PermitLine, PermitState
from app.permits.words import amount
from app.reference import units

_THOUSANDTH = Decimal("0.001")

_WHY_NOT: dict[PermitState, Text] = {
    PermitState.SUSPENDED: _l("Permit %(number)s is suspended: nothing new can be declared on it."),
    PermitState.REVOKED: _l("Permit %(number)s is revoked: nothing can be declared on it."),
    PermitState.EXPIRED: _l("Permit %(number)s has expired: nothing new can be declared on it."),
    PermitState.USED_UP: _l("Permit %(number)s is used up: nothing more can be declared on it."),
    PermitState.NOT_YET_VALID: _l("Permit %(number)s is not valid yet: nothing can be declared on it."),
}


@dataclass(frozen=True)
class Balance:
    """Of one line, in its ``unit``."""

    quantity: Decimal
    reserved: Decimal
    consumed: Decimal
    unit: str

    @property
    def available(self) -> Decimal:
        return self.quantity - self.reserved - self.consumed


def balance(session: Session, line_id: int) -> Balance:
    """As of the last commit of others and this transaction's own movements. Raises NotFound."""
    row = session.execute(
        select(PermitLine.quantity, PermitLine.reserved, PermitLine.consumed, PermitLine.unit).where(
            PermitLine.id == line_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    return Balance(row.quantity, row.reserved, row.consumed, row.unit)


def history(
    session: Session, line_ids: Sequence[int], *, before: int | None = None, limit: int = 50
) -> list[Allocation]:
    """Movements on the lines, newest first; ``before`` is the id of the last one seen."""
    statement = select(Allocation).where(Allocation.line_id.in_(line_ids))
    if before is not None:
        statement = statement.where(Allocation.id < before)
    return list(session.scalars(statement.order_by(Allocation.id.desc()).limit(limit)))


def lock_lines(session: Session, line_ids: Iterable[int]) -> None:
    """Take the permits and lines of a whole declaration at once, in one order for everybody."""
    wanted = set(line_ids)
    permits = select(PermitLine.permit_id).where(PermitLine.id.in_(wanted))
    session.scalars(
        select(Permit)
        .where(Permit.id.in_(permits))
        .order_by(Permit.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    session.scalars(
        select(PermitLine)
        .where(PermitLine.id.in_(wanted))
        .order_by(PermitLine.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def reserve(
    session: Session,
    line_id: int,
    *,
    declaration_item: str,
    quantity: Decimal,
    value: Money,
    unit: str | None = None,
    field: str | None = "quantity",
) -> Allocation:
    """Hold ``quantity`` for an item of a declaration that is being submitted.

    ``unit``, when given, must be the line's: conversion is the caller's, by an explicit table. An item that already
    holds another quantity here changes it. Raises Invalid at ``field`` when the permit is not valid now, when the
    quantity is not positive with at most three decimals, or when the line has less (the message says how much).
    """
    permit, line = _locked(session, line_id)
    held = _standing(session, line_id, declaration_item)
    _check_quantity(quantity, field)
    if unit is not None and unit != line.unit:
        raise Invalid(
            Problem(
                _l(
                    "Permit %(number)s counts in %(unit)s. Give the quantity in it.",
                    number=permit.number,
                    unit=units.name(line.unit),
                ),
                field,
                "unit",
            )
        )
    if held is not None and held.movement is Movement.CONSUMED:
        raise Invalid(Problem(_l("These goods have already left: the quantity is used."), field, "already_used"))
    if held is not None and held.quantity == quantity and held.value == value:
        return held
    state = verification.state(permit, clock.now())
    if state is not PermitState.ACTIVE:
        raise Invalid(Problem(str(_WHY_NOT[state]) % {"number": permit.number}, field, f"permit_{state.value}"))
    left = line.available + (held.quantity if held else 0)
    if quantity > left:
        raise Invalid(_too_much(permit, line, left, field))
    if held is not None:
        _move(session, line, held, Movement.RELEASED, held.quantity, held.value)
    return _move(session, line, None, Movement.RESERVED, quantity, value, declaration_item)


def consume(
    session: Session,
    line_id: int,
    *,
    declaration_item: str,
    quantity: Decimal | None = None,
    value: Money | None = None,
) -> Allocation:
    """Use what the item has reserved, at release or exit; a smaller ``quantity`` gives the rest back.

    Allowed on a suspended or expired permit, for goods that were declared while it was valid; not on a revoked one.
    When nothing is left anywhere on the permit, the permit is used up.
    """
    permit, line = _locked(session, line_id)
    held = _standing(session, line_id, declaration_item)
    if held is None:
        raise Invalid(Problem(_l("Nothing is reserved on the permit for these goods."), "quantity", "not_reserved"))
    used = held.quantity if quantity is None else quantity
    _check_quantity(used, "quantity")
    if held.movement is Movement.CONSUMED:
        if used == held.quantity:
            return held
        raise Invalid(Problem(_l("These goods have already left: the quantity is used."), "quantity", "already_used"))
    if permit.stored_state is PermitState.REVOKED:
        raise Invalid(
            Problem(
                _l("Permit %(number)s is revoked: nothing can be declared on it.", number=permit.number),
                "quantity",
                "permit_revoked",
            )
        )
    if used > held.quantity:
        raise Invalid(_too_much(permit, line, held.quantity, "quantity"))
    worth = value or held.value
    if used < held.quantity:
        _move(session, line, held, Movement.RELEASED, held.quantity - used, Money(0, held.currency))
    movement = _move(session, line, held, Movement.CONSUMED, used, worth)
    if permit.stored_state is PermitState.ACTIVE and nothing_left(session, permit):
        changes.apply(session, permit, PermitState.USED_UP, changes.USED_UP, SYSTEM, reason_code="quantity")
    return movement


def release(session: Session, line_id: int, *, declaration_item: str, quantity: Decimal | None = None) -> None:
    """Give back all the item holds or has used here: its declaration was withdrawn, refused or cancelled.

    Nothing happens when it holds nothing. ``quantity``, when given, must be what it holds. A permit that was used up
    becomes usable again.
    """
    permit, line = _locked(session, line_id)
    held = _standing(session, line_id, declaration_item)
    if held is None:
        return
    if quantity is not None and quantity != held.quantity:
        raise Invalid(
            Problem(_l("The quantity to give back is not the one that is held."), "quantity", "quantity_differs")
        )
    _move(session, line, held, Movement.RELEASED, held.quantity, held.value)
    if permit.stored_state is PermitState.USED_UP:
        changes.apply(session, permit, PermitState.ACTIVE, changes.REOPENED, SYSTEM, reason_code="quantity")


def _locked(session: Session, line_id: int) -> tuple[Permit, PermitLine]:
    permit_id = session.scalar(select(PermitLine.permit_id).where(PermitLine.id == line_id))
    if permit_id is None:
        raise NotFound
    permit = changes.lock(session, permit_id)
    line = session.scalars(
        select(PermitLine).where(PermitLine.id == line_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    return permit, line


def _standing(session: Session, line_id: int, declaration_item: str) -> Allocation | None:
    """What the item holds or has used on the line: its last movement, unless that gave everything back."""
    last = session.scalars(
        select(Allocation)
        .where(Allocation.line_id == line_id, Allocation.declaration_item == declaration_item)
        .order_by(Allocation.id.desc())
        .limit(1)
    ).one_or_none()
    return None if last is None or last.movement is Movement.RELEASED else last


def _move(
    session: Session,
    line: PermitLine,
    held: Allocation | None,
    movement: Movement,
    quantity: Decimal,
    value: Money,
    declaration_item: str = "",
) -> Allocation:
    """Write one movement and the line's new sums together. ``held`` is what the item had before."""
    zero = Decimal(0)
    used_before = held is not None and held.movement is Movement.CONSUMED
    match movement:
        case Movement.RESERVED:
            reserved, consumed = quantity, zero
        case Movement.CONSUMED:
            reserved, consumed = -quantity, quantity
        case Movement.RELEASED:
            reserved, consumed = (zero, -quantity) if used_before else (-quantity, zero)
    line.reserved += reserved
    line.consumed += consumed
    allocation = Allocation(
        line_id=line.id,
        declaration_item=held.declaration_item if held else declaration_item,
        state=movement.value,
        quantity=quantity,
        value_minor=value.minor,
        currency=value.currency,
        reserved_change=reserved,
        consumed_change=consumed,
        at=clock.now(),
    )
    session.add(allocation)
    session.flush()
    hooks.balance_changed(session, line)
    return allocation


def nothing_left(session: Session, permit: Permit) -> bool:
    """Whether every line of the permit is used to the last unit (what is only reserved may still come back)."""
    open_line = select(PermitLine.id).where(
        PermitLine.permit_id == permit.id, PermitLine.consumed < PermitLine.quantity
    )
    return not session.scalar(select(open_line.exists()))


def _check_quantity(quantity: Decimal, field: str | None) -> None:
    if not quantity.is_finite() or quantity <= 0 or quantity != quantity.quantize(_THOUSANDTH):
        raise Invalid(
            Problem(_l("Enter a quantity above zero, with at most three decimals."), field, "quantity_malformed")
        )


def _too_much(permit: Permit, line: PermitLine, left: Decimal, field: str | None) -> Problem:
    if left == 0:
        return Problem(
            _l("Nothing is left on permit %(number)s for these goods.", number=permit.number), field, "over_balance"
        )
    return Problem(
        _l(
            "Only %(left)s are left on permit %(number)s. Declare that much or less.",
            left=amount(left, line.unit),
            number=permit.number,
        ),
        field,
        "over_balance",
    )
