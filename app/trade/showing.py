"""A checklist as people read it: one line of fact for each requirement, in the reader's language and numbers."""

from dataclasses import dataclass

from app.core.i18n import Text, format_date
from app.core.i18n import gettext as _
from app.jurisdictions import lookup as rules
from app.jurisdictions.model import Pack
from app.permits.models import PermitState
from app.permits.words import amount
from app.reference import units
from app.trade.readiness import REGISTRATION, STATE_KINDS, STATE_TITLES, Readiness, Row, RowState


@dataclass(frozen=True)
class Item:
    """A row for ``trade/_checklist.html``. ``fact`` is what we know of this business; ``action`` names the button."""

    row: Row
    status: Text
    kind: str
    fact: str
    agency: str
    action: str


def checklist(pack: Pack, found: Readiness) -> list[Item]:
    """What is still open comes first; then what is held; then what is good to know."""
    order = {RowState.HELD: 1, RowState.INFORMATION: 2}
    rows = sorted(found.rows, key=lambda row: order.get(row.state, 0))
    return [
        Item(row, STATE_TITLES[row.state], STATE_KINDS[row.state], _fact(found, row), _agency(pack, row), _action(row))
        for row in rows
    ]


def _agency(pack: Pack, row: Row) -> str:
    kind = rules.find(pack.permit_kinds, row.kind) if row.kind else None
    return rules.agency(pack, kind.agency).name if kind else ""


def _action(row: Row) -> str:
    if not row.startable:
        return ""
    if row.service == REGISTRATION:
        return _("Register a business")
    return {
        RowState.EXPIRED: _("Apply for a new one"),
        RowState.NOT_ENOUGH: _("Apply for more"),
    }.get(row.state, _("Apply for it"))


def _fact(found: Readiness, row: Row) -> str:
    permit = row.permit
    if permit is None:
        return ""
    if permit.state is PermitState.ACTIVE:
        return _balance(found, row, _("Valid until %(date)s.", date=format_date(permit.valid_to)))
    if permit.state is PermitState.NOT_YET_VALID:
        return _("Valid from %(date)s.", date=format_date(permit.valid_from))
    if permit.state is PermitState.EXPIRED:
        return _("Its last day was %(date)s.", date=format_date(permit.valid_to))
    return {
        PermitState.SUSPENDED: _("It is suspended. The reason is on the permit's page."),
        PermitState.REVOKED: _("It was revoked and gives no right any more."),
        PermitState.USED_UP: _("All it allowed has been exported."),
    }[permit.state]


def _balance(found: Readiness, row: Row, validity: str) -> str:
    """Validity and, where quantities count, what is left of them."""
    if row.remaining is None or row.unit is None:
        return validity
    asked = found.question
    left = _("%(left)s left.", left=amount(row.remaining, row.unit))
    if asked.quantity is None or asked.unit is None or row.standing is not RowState.NOT_ENOUGH:
        return f"{validity} {left}"
    if row.unit != asked.unit:
        unit = units.name(row.unit)
        return _("%(left)s The permit counts in %(unit)s: give your quantity in it.", left=left, unit=unit)
    offered = amount(asked.quantity, asked.unit)
    return _("%(left)s You want to offer %(quantity)s.", left=left, quantity=offered)


__all__ = ["Item", "checklist"]
