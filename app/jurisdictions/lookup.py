"""Questions to a pack: one row by its code, and the rules that hold for goods, a destination and a day. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions.appeal_rows import AppealTerms
from app.jurisdictions.clock_rows import Silence
from app.jurisdictions.model import (
    AdministrativeUnit,
    Agency,
    Channel,
    Control,
    Dated,
    DocumentRule,
    EntityType,
    FeeRule,
    Office,
    Pack,
    PermitKind,
    ProcedureCode,
    Reason,
    ReasonUse,
    Requirement,
)
from app.jurisdictions.retention_rows import Retention


class _Coded(Protocol):
    @property
    def code(self) -> str: ...
    @property
    def valid_from(self) -> date: ...
    def in_force(self, day: date) -> bool: ...


C = TypeVar("C", bound=_Coded)
D = TypeVar("D", bound=Dated)


def in_force(rows: Iterable[D], day: date) -> tuple[D, ...]:
    return tuple(row for row in rows if row.in_force(day))


def find(rows: Iterable[C], code: str, day: date | None = None) -> C | None:
    """The row with ``code`` in force on ``day``; without a day the latest, so that old cases keep their names."""
    rows = [row for row in rows if row.code == code and (day is None or row.in_force(day))]
    return max(rows, key=lambda row: row.valid_from, default=None)


def _one(rows: Iterable[C], code: str, day: date | None) -> C:
    row = find(rows, code, day)
    if row is None:
        raise NotFound()
    return row


def agency(pack: Pack, code: str, day: date | None = None) -> Agency:
    """Raises NotFound, as do the other look-ups by code."""
    return _one(pack.agencies, code, day)


def office(pack: Pack, code: str, day: date | None = None) -> Office:
    return _one(pack.offices, code, day)


def entity_type(pack: Pack, code: str, day: date | None = None) -> EntityType:
    return _one(pack.entity_types, code, day)


def permit_kind(pack: Pack, code: str, day: date | None = None) -> PermitKind:
    return _one(pack.permit_kinds, code, day)


def channel(pack: Pack, code: str, day: date | None = None) -> Channel:
    return _one(pack.channels, code, day)


def document(pack: Pack, code: str, day: date | None = None) -> DocumentRule:
    return _one(pack.documents, code, day)


def procedure(pack: Pack, code: str, day: date | None = None) -> ProcedureCode:
    return _one(pack.procedures, code, day)


def unit(pack: Pack, code: str, day: date | None = None) -> AdministrativeUnit:
    return _one(pack.units, code, day)


def unit_path(pack: Pack, code: str, day: date | None = None) -> tuple[AdministrativeUnit, ...]:
    """From the first level down to the unit itself. Raises NotFound."""
    row = unit(pack, code, day)
    path = [row]
    while row.parent is not None:
        row = unit(pack, row.parent, day)
        path.append(row)
    return tuple(reversed(path))


def offices_of(pack: Pack, agency_code: str, day: date, *, exit_only: bool = False) -> tuple[Office, ...]:
    return tuple(
        row for row in in_force(pack.offices, day) if row.agency == agency_code and (row.exit_office or not exit_only)
    )


def covers(prefixes: Sequence[str], hs: str) -> bool:
    """Whether an HS code falls under one of ``prefixes``."""
    return hs.startswith(tuple(prefixes))


def _is_for(row: Control | PermitKind | Requirement, hs: str, destination: str, day: date) -> bool:
    """Empty ``hs`` or ``destinations`` of a row mean "all"."""
    return (
        row.in_force(day)
        and (not row.hs or (hs != "" and covers(row.hs, hs)))
        and (not row.destinations or destination in row.destinations)
    )


def fees_for(pack: Pack, service: str, permit_kind: str | None, day: date) -> tuple[FeeRule, ...]:
    """The tariff lines of a service; those of one permit kind only for it."""
    return tuple(
        row for row in in_force(pack.fees, day) if row.service == service and row.permit_kind in (None, permit_kind)
    )


def requirements_for(pack: Pack, hs: str, destination: str, route: str, day: date) -> tuple[Requirement, ...]:
    """``hs`` is empty for a service; ``route`` is the channel's."""
    return tuple(
        row
        for row in pack.requirements
        if _is_for(row, hs, destination, day) and (not row.routes or route in row.routes)
    )


def controls_for(pack: Pack, hs: str, destination: str, day: date) -> tuple[Control, ...]:
    """Prohibitions and restrictions on the goods, the strictest first."""
    order = ("prohibited", "refer", "restricted")
    found = (row for row in pack.controls if _is_for(row, hs, destination, day))
    return tuple(sorted(found, key=lambda row: order.index(row.effect)))


def kinds_for(pack: Pack, hs: str, destination: str, day: date) -> tuple[PermitKind, ...]:
    """The permit kinds that may cover the goods (``hs`` empty: the kinds without goods), the required ones first."""
    found = (row for row in pack.permit_kinds if bool(row.hs) == bool(hs) and _is_for(row, hs, destination, day))
    return tuple(sorted(found, key=lambda row: not row.required_for_export))


def reasons_for(pack: Pack, use: ReasonUse, service: str, day: date) -> tuple[Reason, ...]:
    """The sentences an official of a service may choose from, in the pack's order."""
    return tuple(
        row for row in in_force(pack.reasons, day) if use in row.uses and (not row.services or service in row.services)
    )


def appeal_terms(pack: Pack, service: str, day: date) -> AppealTerms | None:
    """The service's own, else those for all; None when its decisions cannot be appealed against here."""
    rows = in_force(pack.appeals, day)
    own = next((row for row in rows if service in row.services), None)
    return own or next((row for row in rows if not row.services), None)


def standard_days(pack: Pack, service: str, day: date) -> int:
    """Working days promised for a service. Raises NotFound."""
    for row in in_force(pack.standards, day):
        if row.service == service:
            return row.working_days
    raise NotFound()


def standard_hours(pack: Pack, service: str, day: date) -> int | None:
    """Office hours promised for a service, where the promise is shorter than a day."""
    return next((row.working_hours for row in in_force(pack.standards, day) if row.service == service), None)


def silences(pack: Pack, service: str, permit_kind: str | None) -> tuple[Silence, ...]:
    """What it means, on whatever day, when such a case was not decided in time; a permit kind's own rows first."""
    found = (row for row in pack.silences if row.service == service and row.permit_kind in (None, permit_kind))
    return tuple(sorted(found, key=lambda row: row.permit_kind is None))


def rate(pack: Pack, currency: str, day: date) -> Decimal:
    """What one unit of ``currency`` costs in the national one. Raises Invalid when the pack has no rate that day."""
    if currency == pack.currency:
        return Decimal(1)
    for row in in_force(pack.rates, day):
        if row.currency == currency:
            return row.rate
    raise Invalid(Problem(_l("There is no exchange rate for that currency on that day."), "currency", "no_rate"))


def retention(pack: Pack, code: str, day: date | None = None) -> Retention:
    """A class of the retention schedule."""
    return _one(pack.retention, code, day)


def past(pack: Pack, code: str, now: datetime) -> datetime:
    """What of the class began before this moment is past its period at ``now``."""
    return retention(pack, code, now.astimezone(pack.zone).date()).before(now, pack.zone)
