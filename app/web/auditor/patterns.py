"""``/audit/patterns``: numbers that are worth a look, with what may explain them. Never an accusation."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.businesses import lookup as businesses
from app.businesses.models import Business
from app.cases import registry
from app.core import db, i18n
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.identity import people
from app.identity.policy import Permission
from app.jurisdictions import load
from app.jurisdictions.model import Pack
from app.statistics import patterns
from app.statistics.patterns import Counted, Found, Line, Pattern
from app.web.auditor import blueprint
from app.web.guards import requires

KINDS: dict[str, Text] = {
    "approved": _l("refused, then approved"),
    "cancelled": _l("approved, then cancelled"),
    "revoked": _l("approved, then the permit was revoked"),
    "corrected": _l("decided, then corrected to the opposite"),
}


@dataclass(frozen=True)
class Cell:
    label: Text
    value: str
    end: bool = False  # a number


@dataclass(frozen=True)
class Shown:
    """One line: ``head`` names whom or what it is about, ``more`` is where the rest of its cases are found."""

    head: str
    cells: list[Cell]
    refs: tuple[str, ...]
    more: str = ""


@dataclass(frozen=True)
class Section:
    code: str
    title: Text
    counted: str  # what is counted, and from where on it is shown
    harmless: str
    head: Text  # of the first column
    lines: list[Shown] = field(default_factory=list)
    total: int = 0


@dataclass(frozen=True)
class _Words:
    """What the lines of a page need to be read: looked up once for all of them."""

    pack: Pack
    counted: Counted
    officials: dict[int, str]
    firms: dict[int, Business]

    def official(self, line: Line) -> str:
        return self.officials.get(line.official or 0, "–")

    def business(self, line: Line) -> str:
        firm = self.firms.get(line.business or 0)
        return firm.name if firm else "–"

    def agency(self, line: Line) -> str:
        return next((each.name for each in self.pack.agencies if each.code == line.agency), line.agency)

    def service(self, line: Line) -> str:
        found = registry.find(line.service)
        return str(found.noun) if found else line.service

    def period(self) -> dict[str, Any]:
        zone = self.pack.zone
        return {
            "since": self.counted.since.astimezone(zone).date().isoformat(),
            "until": self.counted.until.astimezone(zone).date().isoformat(),
        }

    def of_business(self, line: Line, *, received_before: int = 0) -> str:
        """The search for the business's cases; those decided in the period may have been received earlier."""
        firm = self.firms.get(line.business or 0)
        if firm is None:
            return ""
        since = (self.counted.since - timedelta(days=received_before)).astimezone(self.pack.zone).date()
        asked = self.period() | {"since": since.isoformat()}
        return url_for("auditor.find", business=firm.number, service=line.service, agency=line.agency or None, **asked)

    def log_of(self, line: Line, verb: str) -> str:
        return url_for("auditor.log", person=line.official, verb=verb, **self.period())


@blueprint.get("/audit/patterns", endpoint="patterns")
@requires(Permission.AUDIT)
def overview() -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    asked = request.args.get("days", type=int)
    days = asked if asked in patterns.PERIODS else patterns.USUAL
    counted = patterns.latest(session, days)
    sections = []
    if counted is not None:
        lines = [line for found in counted.found.values() for line in found.lines]
        officials = {each for line in lines for each in (line.official, line.other) if each is not None}
        words = _Words(
            pack,
            counted,
            people.names(session, sorted(officials)),
            businesses.several(session, [line.business for line in lines]),
        )
        sections = [
            _SECTIONS[pattern](counted.found[pattern], words) for pattern in Pattern if pattern in counted.found
        ]
    return render_template(
        "web/auditor/patterns.html",
        counted=counted,
        sections=sections,
        days=days,
        periods=patterns.PERIODS,
        most=patterns.MOST,
    )


@blueprint.post("/audit/patterns")
@requires(Permission.AUDIT)
def count_again() -> ResponseReturnValue:
    session = db.session()
    patterns.ask(session)
    session.commit()
    flash(_("The patterns are being counted anew. Open this page again in a minute."))
    return redirect(url_for("auditor.patterns", days=request.form.get("days", type=int)), 303)


def _number(value: int) -> str:
    return i18n.format_number(value)


def _percent(part: int, whole: int) -> str:
    return i18n.format_percent(Decimal(round(100 * min(part, whole) / whole))) if whole else "–"


def _expected(line: Line) -> str:
    return i18n.format_number(Decimal(line.expected or 0))


def _same_again(found: Found, words: _Words) -> Section:
    lines = [
        Shown(
            words.official(line),
            [
                Cell(_("Business"), words.business(line)),
                Cell(_("Agency and service"), f"{words.agency(line)} · {words.service(line)}"),
                Cell(_("Decisions by this official"), _number(line.n), end=True),
                Cell(_("All decisions for the business"), _number(line.of), end=True),
                Cell(_("Expected by chance"), _expected(line), end=True),
            ],
            line.refs,
            words.of_business(line, received_before=90),
        )
        for line in found.lines
    ]
    return Section(
        Pattern.SAME_AGAIN.value,
        _("The same official and the same business, again and again"),
        _(
            "Decisions of one official for one business, against what chance would give: the business's decisions "
            "times the official's share of all decisions of that agency and service. Shown from %(least)s "
            "decisions on, when they are at least twice what chance gives and more than %(away)s standard "
            "deviations away from it.",
            least=_number(patterns.LEAST_DECISIONS),
            away=_number(patterns.AWAY),
        ),
        _(
            "An official may know a product, a region or a language best, a colleague may have been on leave, or the "
            "business may send its cases on the days that this official works."
        ),
        _("Official"),
        lines,
        found.total,
    )


def _out_of_hours(found: Found, words: _Words) -> Section:
    lines = [
        Shown(
            words.official(line),
            [
                Cell(_("Agency"), words.agency(line)),
                Cell(_("Decisions out of hours"), _number(line.n), end=True),
                Cell(_("All their decisions"), _number(line.of), end=True),
                Cell(_("Share"), _percent(line.n, line.of)),
            ],
            line.refs,
            words.log_of(line, "case.approve"),
        )
        for line in found.lines
    ]
    return Section(
        Pattern.OUT_OF_HOURS.value,
        _("Decisions out of office hours"),
        _(
            "Decisions outside the office hours of the agency, or on a day on which the offices are closed, in the "
            "country's time. Shown from %(least)s decisions of one official on.",
            least=_number(patterns.LEAST),
        ),
        _("Shifts at a border office, overtime to shorten a queue, and work agreed from home all look like this."),
        _("Official"),
        lines,
        found.total,
    )


def _reversed(found: Found, words: _Words) -> Section:
    lines = [
        Shown(
            words.business(line),
            [
                Cell(_("Agency and service"), f"{words.agency(line)} · {words.service(line)}"),
                Cell(_("What happened"), str(KINDS.get(line.kind, line.kind))),
                Cell(_("First decision"), words.official(line)),
                Cell(_("Second decision"), words.officials.get(line.other or 0, "–")),
            ],
            line.refs,
            words.of_business(line, received_before=90),
        )
        for line in found.lines
    ]
    return Section(
        Pattern.REVERSED.value,
        _("Decisions that were turned round"),
        _(
            "A refusal followed within %(days)s days by an approval for the same business, kind and product, or an "
            "approval taken back within as many days. Every one is counted; the latest come first.",
            days=_number(patterns.WITHIN),
        ),
        _(
            "Most applicants who are refused put right what was wrong and apply again: that is what a refusal is for. "
            "Compare what was sent the second time."
        ),
        _("Business"),
        lines,
        found.total,
    )


def _split(found: Found, words: _Words) -> Section:
    lines = [
        Shown(
            words.business(line),
            [
                Cell(_("Service"), words.service(line)),
                Cell(_("Threshold"), str(Money(line.minor, line.currency))),
                Cell(_("Cases just below it"), _number(line.n), end=True),
                Cell(_("Their value together"), str(Money(line.sum, line.currency)), end=True),
            ],
            line.refs,
            words.of_business(line),
        )
        for line in found.lines
    ]
    return Section(
        Pattern.SPLIT.value,
        _("Quantities that may have been split"),
        _(
            "Cases of one business whose declared value is between %(share)s and the whole of a threshold of the "
            "rules. Shown from %(least)s within %(days)s days on.",
            share=i18n.format_percent(100 * patterns.NEAR),
            least=_number(patterns.LEAST),
            days=_number(patterns.WITHIN),
        ),
        _(
            "A container, a pallet or a buyer's usual order may simply be worth that much. Look at the buyers, the "
            "invoices and the days of shipment."
        ),
        _("Business"),
        lines,
        found.total,
    )


def _quick(found: Found, words: _Words) -> Section:
    lines = [
        Shown(
            words.official(line),
            [
                Cell(_("Agency and service"), f"{words.agency(line)} · {words.service(line)}"),
                Cell(_("Quick approvals"), _number(line.n), end=True),
                Cell(_("All their approvals"), _number(line.of), end=True),
                Cell(_("Expected"), _expected(line), end=True),
                Cell(_("Quick means under"), _took(line.seconds)),
            ],
            line.refs,
            words.log_of(line, "case.approve"),
        )
        for line in found.lines
    ]
    return Section(
        Pattern.QUICK.value,
        _("Unusually quick approvals"),
        _(
            "The time from what was sent last to its approval, against the quickest %(share)s of the approvals of that "
            "agency and service. Shown from %(least)s on, when an official has at least twice the share that everyone "
            "would have alike; agencies with fewer than %(enough)s approvals are left out.",
            share=i18n.format_percent(100 * patterns.QUICKEST),
            least=_number(patterns.LEAST),
            enough=_number(patterns.ENOUGH),
        ),
        _("Simple renewals, complete papers and a short queue make approvals quick; so does an experienced official."),
        _("Official"),
        lines,
        found.total,
    )


def _took(seconds: int) -> str:
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 120:
        return i18n.ngettext("%(num)s minute", "%(num)s minutes", minutes)
    if hours < 48:
        return i18n.ngettext("%(num)s hour", "%(num)s hours", hours)
    return i18n.ngettext("%(num)s day", "%(num)s days", hours // 24)


def _chosen(found: Found, words: _Words) -> Section:
    lines = [
        Shown(
            words.official(line),
            [
                Cell(_("Cases chosen out of turn"), _number(line.n), end=True),
                Cell(_("All cases taken"), _number(line.of), end=True),
                Cell(_("Share"), _percent(line.n, line.of)),
            ],
            line.refs,
            words.log_of(line, "case.chosen"),
        )
        for line in found.lines
    ]
    return Section(
        Pattern.CHOSEN.value,
        _("Cases chosen out of turn"),
        _(
            "Cases that an official took by choosing them, instead of asking for the next one. Shown from %(least)s of "
            "one official on.",
            least=_number(patterns.LEAST),
        ),
        _(
            "Going on with a case one knows, an urgent shipment, or a supervisor's request are good reasons, and the "
            "log keeps the reason where one was given."
        ),
        _("Official"),
        lines,
        found.total,
    )


_SECTIONS = {
    Pattern.SAME_AGAIN: _same_again,
    Pattern.OUT_OF_HOURS: _out_of_hours,
    Pattern.REVERSED: _reversed,
    Pattern.SPLIT: _split,
    Pattern.QUICK: _quick,
    Pattern.CHOSEN: _chosen,
}
