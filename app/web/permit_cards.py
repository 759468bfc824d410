"""Permits as lists and their own pages show them: state, validity and balance in words, and a bar."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from flask import url_for

from app.businesses import lookup as businesses
from app.core import clock, db
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.documents.models import Record
from app.jurisdictions import load
from app.permits import lookup, verification
from app.permits.models import STATE_KINDS, STATE_TITLES, Permit, PermitLine, PermitState
from app.permits.words import amount
from app.reference import countries

ENDS_SOON = timedelta(days=30)


@dataclass(frozen=True)
class LineCard:
    """One line with its balance. ``used`` is reserved and used together, for the bar."""

    line: PermitLine

    @property
    def used(self) -> Decimal:
        return self.line.reserved + self.line.consumed

    @property
    def total(self) -> str:
        return amount(self.line.quantity, self.line.unit)

    @property
    def left(self) -> str:
        return amount(self.line.available, self.line.unit)

    @property
    def reserved(self) -> str:
        return amount(self.line.reserved, self.line.unit)

    @property
    def consumed(self) -> str:
        return amount(self.line.consumed, self.line.unit)

    @property
    def words(self) -> str:
        return _("%(left)s of %(total)s left", left=self.left, total=self.total)


@dataclass(frozen=True)
class PermitCard:
    """A permit as lists and its own page show it."""

    permit: Permit
    state: PermitState
    url: str
    lines: list[LineCard]
    paper: Record | None = None
    holder: str = ""

    @property
    def status(self) -> Text:
        return STATE_TITLES[self.state]

    @property
    def kind(self) -> str:
        return STATE_KINDS[self.state]

    @property
    def destination(self) -> str:
        return countries.name(self.permit.destination) if self.permit.destination else _("Every country")

    @property
    def days_left(self) -> int:
        """Of validity, today not counted."""
        return (self.permit.valid_to - clock.today(load.current().zone)).days

    @property
    def ends_soon(self) -> bool:
        return self.state is PermitState.ACTIVE and self.permit.expires_at - clock.now() <= ENDS_SOON


def cards(permits: list[Permit], endpoint: str, *, holders: bool = False) -> list[PermitCard]:
    """At most two statements more, however many permits."""
    session, now = db.session(), clock.now()
    papers = lookup.papers(session, permits)
    named = businesses.several(session, {permit.business_id for permit in permits}) if holders else {}
    return [
        PermitCard(
            permit=permit,
            state=verification.state(permit, now),
            url=url_for(endpoint, number=permit.number),
            lines=[LineCard(line) for line in permit.lines],
            paper=papers.get(permit.record_id) if permit.record_id else None,
            holder=named[permit.business_id].name if permit.business_id in named else "",
        )
        for permit in permits
    ]
