"""Readiness: "I want to sell this product to this country on this channel" – what is held, and what is still missing?

``evaluate`` is pure: the pack's rules and a business's standing in, the checklist out. ``answer`` looks the standing
up. A listing is lawful when nothing forbids the goods and every row that asks for something is held (domain.md §D).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy.orm import Session

from app.businesses.models import Business, BusinessState
from app.core import clock
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions import lookup as rules
from app.jurisdictions.model import Control, Dated, Pack, PermitKind
from app.permits.models import PermitState
from app.reference import units
from app.trade.question import SERVICE_ROUTE, Question, check, only_to
from app.trade.standing import HeldPermit, OpenCase, Standing, standing_of

BUSINESS, CHANNEL = "business", "channel"  # codes of the two rows that are not about a permit
REGISTRATION = "registration"
_FORBIDS = frozenset({"prohibited", "refer"})


class RowState(StrEnum):
    HELD = "held"
    IN_PROGRESS = "in_progress"  # applied for, or issued and not valid yet
    MISSING = "missing"
    EXPIRED = "expired"
    NOT_ENOUGH = "not_enough"
    SUSPENDED = "suspended"
    INFORMATION = "information"  # something to know; nobody here can check it


STATE_TITLES: dict[RowState, Text] = {
    RowState.HELD: _l("You have it"),
    RowState.IN_PROGRESS: _l("On its way"),
    RowState.MISSING: _l("Missing"),
    RowState.EXPIRED: _l("Expired"),
    RowState.NOT_ENOUGH: _l("Not enough left"),
    RowState.SUSPENDED: _l("Suspended"),
    RowState.INFORMATION: _l("Good to know"),
}
STATE_KINDS: dict[RowState, str] = {
    RowState.HELD: "ok",
    RowState.IN_PROGRESS: "work",
    RowState.MISSING: "bad",
    RowState.EXPIRED: "bad",
    RowState.NOT_ENOUGH: "bad",
    RowState.SUSPENDED: "late",
    RowState.INFORMATION: "none",
}


@dataclass(frozen=True)
class Ground:
    """A rule a row rests on, in words, with where it is written and what to beware of."""

    rule: Text
    legal_ref: str
    caution: str = ""


@dataclass(frozen=True)
class Row:
    """One requirement. ``permit`` is the one that decides the state; ``remaining`` is what is left on all that count,
    in ``unit`` (None: the kind has no quantities). ``line`` is the permit line with most left."""

    code: str
    title: Text
    state: RowState
    grounds: tuple[Ground, ...]
    kind: str | None = None
    permit: HeldPermit | None = None
    remaining: Decimal | None = None
    unit: str | None = None
    line: int | None = None
    at_border: bool = False  # customs asks for it
    case: str | None = None  # reference of the open application
    service: str | None = None  # which service mends it
    arguments: Mapping[str, str] = field(default_factory=dict)  # what is already known, for its first form
    standing: RowState | None = None  # the state but for the open application

    @property
    def blocks(self) -> bool:
        return self.state not in {RowState.HELD, RowState.INFORMATION}

    @property
    def startable(self) -> bool:
        """Whether an application would help: nothing is under way, and a suspension is lifted, not applied against."""
        return self.service is not None and self.state in {RowState.MISSING, RowState.EXPIRED, RowState.NOT_ENOUGH}

    @property
    def reason_code(self) -> str:
        """In one word for platforms, whether or not an application is under way."""
        if self.permit is not None and self.permit.state in {PermitState.REVOKED, PermitState.NOT_YET_VALID}:
            return self.permit.state.value
        return (self.standing or self.state).value


@dataclass(frozen=True)
class Readiness:
    question: Question
    rows: tuple[Row, ...]
    controls: tuple[Control, ...]  # the strictest first
    checked_at: datetime
    pack_version: str

    @property
    def ready(self) -> bool:
        return not self.forbidden and not self.open_rows

    @property
    def forbidden(self) -> tuple[Control, ...]:
        return tuple(control for control in self.controls if control.effect in _FORBIDS)

    @property
    def open_rows(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.blocks)

    @property
    def reason(self) -> tuple[str, str]:
        """Why it is not ready: a word, and the permit kind, control or row it is about. Empty when it is."""
        if self.forbidden:
            return self.forbidden[0].effect, self.forbidden[0].code
        for row in self.open_rows:
            return row.reason_code, row.kind or row.code
        return "", ""

    @property
    def permit_line(self) -> int | None:
        """A line a declaration of these goods can draw on: of the permit customs asks for, else of another held one."""
        rows = sorted((row for row in self.rows if row.line and not row.blocks), key=lambda row: not row.at_border)
        return rows[0].line if rows else None


def kinds_needed(pack: Pack, question: Question, day: date) -> dict[str, list[Ground]]:
    """Permit kinds and the rules that ask for each: by law, by customs at the border, by the channel."""
    found: dict[str, list[Ground]] = {}
    channel = rules.find(pack.channels, question.channel, day)
    route = channel.route if channel else ""
    for requirement in rules.requirements_for(pack, question.hs, question.destination, route, day):
        for code in requirement.permit_kinds:
            found.setdefault(code, []).append(_ground(requirement.name, requirement))
    for kind in rules.kinds_for(pack, question.hs, question.destination, day) if question.hs else ():
        if kind.required_for_export and kind.code not in found:
            found[kind.code] = [_ground(_("Customs asks for it when these goods leave the country."), kind)]
    for code in channel.permit_kinds if channel else ():
        if code not in found and channel is not None:
            found[code] = [_ground(_("%(channel)s asks every seller for it.", channel=channel.name), channel)]
    return found


def _ground(rule: str, row: Dated) -> Ground:
    return Ground(rule, "" if row.illustrative else row.legal_ref, row.caution)


def evaluate(pack: Pack, question: Question, standing: Standing, at: datetime, *, description: str = "") -> Readiness:
    """The checklist at a moment. Pure. ``description`` (the seller's words for the goods) goes into applications."""
    day = at.astimezone(pack.zone).date()
    rows = [_business_row(pack, standing), *_channel_row(pack, question, day)]
    for code, grounds in kinds_needed(pack, question, day).items():
        kind = rules.find(pack.permit_kinds, code, day) or rules.permit_kind(pack, code)
        rows.append(_permit_row(pack, question, standing, kind, tuple(grounds), description))
    rows += _information(pack, question, day)
    return Readiness(
        question, tuple(rows), rules.controls_for(pack, question.hs, question.destination, day), at, pack.version
    )


def answer(
    session: Session,
    pack: Pack,
    question: Question,
    *,
    business: Business | None,
    applicant_id: int | None = None,
    at: datetime | None = None,
    description: str = "",
) -> Readiness:
    """``evaluate`` for a business (None: for anyone), now or ``at``. At most three statements."""
    at = at or clock.now()
    kinds = kinds_needed(pack, question, at.astimezone(pack.zone).date())
    standing = standing_of(session, kinds, at, business=business, applicant_id=applicant_id)
    return evaluate(pack, question, standing, at, description=description)


_OF_BUSINESS = {
    BusinessState.ACTIVE: RowState.HELD,
    BusinessState.SUSPENDED: RowState.SUSPENDED,
}


def _business_row(pack: Pack, standing: Standing) -> Row:
    agency = rules.agency(pack, pack.registration_agency)
    state = _OF_BUSINESS.get(standing.business_state, RowState.MISSING) if standing.business_state else RowState.MISSING
    case = next((case.reference for case in standing.cases if case.service == REGISTRATION), None)
    rule = _("Only a business that is active in the register of %(agency)s may sell abroad.", agency=agency.name)
    return Row(
        code=BUSINESS,
        title=_("Registered business"),
        state=RowState.IN_PROGRESS if case and state is RowState.MISSING else state,
        grounds=(_ground(rule, agency),),
        case=case,
        service=REGISTRATION,
        standing=state,
    )


def _channel_row(pack: Pack, question: Question, day: date) -> Iterator[Row]:
    """Only when the channel is closed, or closed to this country: a listing may outlive a rule."""
    channel = rules.find(pack.channels, question.channel, day)
    if channel is not None and (not channel.destinations or question.destination in channel.destinations):
        return
    known = channel or rules.find(pack.channels, question.channel)
    if channel is not None:
        ground = _ground(only_to(channel), channel)
    else:
        ground = Ground(_("This channel is not open to sellers of this country."), "")
    title = known.name if known else question.channel
    yield Row(CHANNEL, title, RowState.MISSING, (ground,), standing=RowState.MISSING)


def _information(pack: Pack, question: Question, day: date) -> Iterator[Row]:
    channel = rules.find(pack.channels, question.channel, day)
    route = channel.route if channel else ""
    for row in rules.requirements_for(pack, question.hs, question.destination, route, day):
        if not row.permit_kinds:
            yield Row(row.code, row.name, RowState.INFORMATION, (_ground(row.name, row),))


# Which of several permits tells the story, the best first.
_RANK = (
    PermitState.ACTIVE,
    PermitState.NOT_YET_VALID,
    PermitState.SUSPENDED,
    PermitState.USED_UP,
    PermitState.EXPIRED,
    PermitState.REVOKED,
)
_OF_PERMIT = {
    PermitState.NOT_YET_VALID: RowState.IN_PROGRESS,
    PermitState.SUSPENDED: RowState.SUSPENDED,
    PermitState.USED_UP: RowState.NOT_ENOUGH,
    PermitState.EXPIRED: RowState.EXPIRED,
    PermitState.REVOKED: RowState.MISSING,
}
_MENDED_BY_APPLYING = frozenset({RowState.MISSING, RowState.EXPIRED, RowState.NOT_ENOUGH})


def _permit_row(
    pack: Pack, question: Question, standing: Standing, kind: PermitKind, grounds: tuple[Ground, ...], description: str
) -> Row:
    code = kind.code
    fitting = [
        permit
        for permit in standing.permits
        if permit.kind == code and permit.covers(question.hs, question.destination)
    ]
    best = min(fitting, key=lambda permit: (_RANK.index(permit.state), -permit.valid_to.toordinal()), default=None)
    balance = _balance(question, kind, [permit for permit in fitting if permit.state is PermitState.ACTIVE])
    if best is None:
        state = RowState.MISSING
    elif best.state is PermitState.ACTIVE:
        state = RowState.HELD if balance.enough else RowState.NOT_ENOUGH
    else:
        state = _OF_PERMIT[best.state]
    case = next((case.reference for case in standing.cases if _applies_for(case, code, question)), None)
    return Row(
        code=code,
        title=kind.name,
        state=RowState.IN_PROGRESS if case and state in _MENDED_BY_APPLYING else state,
        grounds=grounds,
        kind=code,
        permit=best,
        remaining=balance.remaining,
        unit=balance.unit,
        line=balance.line,
        at_border=kind.required_for_export,
        case=case,
        service=kind.service,
        arguments=_arguments(pack, question, kind, balance, description),
        standing=state,
    )


def _applies_for(case: OpenCase, kind: str, question: Question) -> bool:
    return (
        case.kind == kind
        and case.destination in (None, question.destination)
        and (not question.hs or (case.hs is not None and question.hs.startswith(case.hs)))
    )


@dataclass(frozen=True)
class _Balance:
    """``remaining`` None: quantities do not matter. ``lacking`` is in the question's unit."""

    enough: bool
    remaining: Decimal | None = None
    unit: str | None = None
    lacking: Decimal | None = None
    line: int | None = None


def _balance(question: Question, kind: PermitKind, active: list[HeldPermit]) -> _Balance:
    """What is left on the active permits together; a unit that cannot be converted counts for nothing."""
    if not kind.has_quantity or not question.hs:
        return _Balance(enough=True)
    if not kind.required_for_export and any(not permit.lines for permit in active):
        return _Balance(enough=True)  # at the border, though, a permit without lines is none: nothing to draw on
    lines = [line for permit in active for line in permit.lines if question.hs.startswith(line.hs)]
    unit = question.unit or (lines[0].unit if lines else None)
    if unit is None:
        return _Balance(enough=False)
    counted = [(units.convert(line.available, line.unit, unit), line) for line in lines]
    usable = [(left, line.id) for left, line in counted if left]
    remaining = sum((left for left, _line in usable), Decimal(0))
    most = max(usable, default=(None, None))[1]
    if question.quantity is None:
        return _Balance(any(line.available > 0 for line in lines), remaining, unit, line=most)
    lacking = max(question.quantity - remaining, Decimal(0))
    if lines and all(left is None for left, _line in counted):  # show what there is, in its own unit
        unit = lines[0].unit
        remaining = sum((line.available for line in lines if line.unit == unit), Decimal(0))
    return _Balance(not lacking, remaining, unit, lacking, most)


def _arguments(
    pack: Pack, question: Question, kind: PermitKind, balance: _Balance, description: str
) -> Mapping[str, str]:
    """What the application's first forms can be filled with; of the quantity, the part that is lacking."""
    channel = rules.find(pack.channels, question.channel)
    known = {"kind": kind.code, "hs": question.hs, "destination": question.destination, "description": description}
    if channel is not None and channel.route != SERVICE_ROUTE:
        known["route"] = channel.route
    asked = balance.lacking or question.quantity
    if kind.has_quantity and question.hs and asked and question.unit:
        for unit in (question.unit, *kind.units):
            converted = units.convert(asked, question.unit, unit) if unit in kind.units else None
            if converted is not None:
                known |= {"quantity": plain_number(converted), "unit": unit}
                break
    return {name: value for name, value in known.items() if value}


def plain_number(value: Decimal) -> str:
    """``19200`` or ``0.5``: digits that every form and program reads the same way."""
    return f"{value.normalize():f}"


__all__ = [
    "STATE_KINDS",
    "STATE_TITLES",
    "Ground",
    "Question",
    "Readiness",
    "Row",
    "RowState",
    "answer",
    "check",
    "evaluate",
    "kinds_needed",
    "plain_number",
]
