"""Service standards for anyone: what each agency promises, how long it really takes, and what its silence means."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from flask import render_template

from app.cases import registry
from app.core import clock, db
from app.core.i18n import Text
from app.jurisdictions import load, lookup
from app.jurisdictions.clock_rows import Silence
from app.jurisdictions.model import Agency, Dated, Pack
from app.statistics import durations
from app.statistics.durations import Usual


@dataclass(frozen=True)
class Promise:
    """``hours``: where less than a day is promised. ``usual``: None while too few cases came in."""

    name: Text
    days: int
    hours: int | None
    agency: str
    row: Dated
    silence: Silence | None
    usual: Usual | None


@dataclass(frozen=True)
class Group:
    noun: Text
    promises: list[Promise]


def page() -> str:
    pack = load.current()
    usual = counted()
    day = clock.today(pack.zone)
    return render_template(
        "web/public/standards.html",
        groups=_groups(pack, day, {(each.service, each.agency, each.permit_kind): each for each in usual}),
        counted_at=_counted_at(usual),
        days=durations.DAYS,
        office_hours=lookup.in_force(pack.office_hours, day),
        agencies={agency.code: agency.name for agency in pack.agencies},
    )


def counted() -> list[Usual]:
    return durations.latest(db.session())


def _counted_at(usual: list[Usual]) -> datetime | None:
    return max((each.until for each in usual), default=None)


def _groups(pack: Pack, day: date, usual: dict[tuple[str, str, str], Usual]) -> list[Group]:
    """The standards in force by service; permit kinds have their own."""
    found: list[tuple[Text, Promise]] = []
    for standard in lookup.in_force(pack.standards, day):
        service = standard.service
        definition = registry.find(service)
        if definition is None:
            continue
        kinds = [kind for kind in lookup.in_force(pack.permit_kinds, day) if kind.service == service]
        for kind in kinds:
            agency = lookup.agency(pack, kind.agency)
            promise = Promise(
                kind.name, kind.standard_days, None, agency.name, kind, _silence(pack, service, kind.code, day),
                usual.get((service, agency.code, kind.code)),
            )  # fmt: skip
            found.append((definition.noun, promise))
        agencies: list[Agency] = [] if kinds else [lookup.agency(pack, code) for code in definition.agencies(pack)]
        for agency in agencies:
            promise = Promise(
                definition.noun, standard.working_days, standard.working_hours, agency.name, standard,
                _silence(pack, service, None, day), usual.get((service, agency.code, "")),
            )  # fmt: skip
            found.append((definition.noun, promise))
    return [Group(noun, [promise for _noun, promise in rows]) for noun, rows in groupby(found, key=lambda row: row[0])]


def _silence(pack: Pack, service: str, permit_kind: str | None, day: date) -> Silence | None:
    return next((row for row in lookup.silences(pack, service, permit_kind) if row.in_force(day)), None)
