"""Seeding: so many cases over two years, spread over services, agencies and states."""

import time
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.businesses import names
from app.cases.models import Outcome
from app.cases.workflow import State
from app.core.db import Database
from app.identity.actor import Role
from app.jurisdictions import lookup
from app.jurisdictions.model import EntityType
from app.permits.lifecycle import start_of_day
from app.permits.models import PermitState
from app.reference import countries
from app.services.customs import declarations
from app.services.registration import facts
from tools.demo.seeding import written
from tools.demo.seeding.lives import OPEN, Fate, Life, as_json, fate
from tools.demo.seeding.tables import Tables
from tools.demo.seeding.words import Good
from tools.demo.seeding.world import Firm, Line, World

BATCH = 4000  # cases in memory at a time
MANY = 5000  # from here on it pays to build the heaviest tables' indexes anew
OUTCOMES = {Fate.APPROVED: Outcome.APPROVE, Fate.REFUSED: Outcome.REFUSE}


def seed(session: Session, cases: int, random_seed: int) -> float:
    """Add ``cases`` cases in the session's transaction; returns the seconds it took. The caller commits."""
    started = time.monotonic()
    tables = Tables(session)
    world = World(session, tables, cases, random_seed)
    if cases >= MANY:
        tables.take_indexes_off()
    latest = [(service, state) for service in (_registration, _licence, _declaration) for state in OPEN]
    for number in range(cases):
        age = 1 - number / cases
        born = world.now - (world.now - world.begins) * age
        if cases - number <= len(latest) and world.firms:  # every open state of every service, however few cases
            service, state = latest[cases - number - 1]
            service(world, born, state)
        else:
            _one(world, born, age)
        if number % BATCH == BATCH - 1:
            tables.flush()
    _settle(world)
    tables.flush(last=True)
    tables.put_indexes_back()
    world.save_numbers()
    return time.monotonic() - started


def tidy(database: Database) -> None:
    """After the commit: tell the planner what is there now, as the autovacuum would in a while."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))


def _one(world: World, born: datetime, age: float) -> None:
    chance = world.random.random()
    if chance < 0.16 or not world.firms:
        _registration(world, born, Fate.APPROVED if not world.firms else fate(world, age))
    elif chance < 0.6:
        _licence(world, born, fate(world, age))
    else:
        _declaration(world, born, fate(world, age))


def _walk(life: Life, fate: Fate, *, days: int, papers: str, asked: str, alone: bool = False) -> bool:
    """Lead a case to its fate; True when it was approved. ``alone``: one officer releases, no recommendation."""
    if fate is Fate.DRAFT:
        return False
    life.submit(papers, days)
    if fate is Fate.WITHDRAWN:
        life.withdraw()
    if fate in (Fate.SUBMITTED, Fate.WITHDRAWN):
        return False
    life.take()
    if fate is Fate.RETURNED or life.world.random.random() < 0.08:
        life.ask(asked)
        if fate is Fate.RETURNED:
            return False
        life.answer(papers, days)
    if fate is Fate.IN_REVIEW:
        return False
    outcome = OUTCOMES.get(fate, Outcome.APPROVE)
    if not alone or fate in (Fate.RECOMMENDED, Fate.REFUSED):
        life.recommend(outcome)
    if fate is Fate.RECOMMENDED:
        return False
    life.decide(outcome)
    return outcome is Outcome.APPROVE


# --- registration -------------------------------------------------------------------------------------------------


def _registration(world: World, born: datetime, fate: Fate) -> None:
    pack = world.pack
    owner = world.person(Role.ENTREPRENEUR, born)
    good = world.random.choice(world.words.goods)
    kind = _entity_type(world)
    answers = written.registration(world, owner, world.name(), kind, good)
    name = facts.legal_name(pack, answers)
    life = Life(world, "registration", owner, pack.registration_agency, answers, name, born, None)
    days = lookup.standard_days(pack, "registration", world.today)
    approved = _walk(life, fate, days=days, papers=kind.code, asked="address.phone")
    if approved:
        _business(world, life, kind, name, good)
    elif life.state not in (State.DRAFT, State.REFUSED, State.WITHDRAWN):
        world.tables.add("name_claims", names.key(pack, name), name, life.id, life.born + timedelta(days=180))
    life.end()


def _entity_type(world: World) -> EntityType:
    offered = lookup.in_force(world.pack.entity_types, world.today)
    sole = next(kind for kind in offered if kind.category == "sole")
    company = next(kind for kind in offered if kind.category == "plc_private")
    return sole if world.random.random() < 0.6 else company


def _business(world: World, life: Life, kind: EntityType, name: str, good: Good) -> None:
    pack, at, tables = world.pack, life.at, world.tables
    told = facts.from_answers(pack, life.answers)
    number = next(world.ids["businesses"])
    year = at.astimezone(pack.zone).year
    short = lookup.agency(pack, pack.registration_agency).short
    shown = world.reference(f"{pack.country}-{short}", "business", year)
    capital = told.capital
    tables.add(
        "businesses", number, shown, name, names.key(pack, name), names.search_key(pack, name), kind.code, "active",
        told.unit_code, told.street, as_json(list(told.activities)), capital.minor if capital else None,
        capital.currency if capital else None, told.shares_issued, told.phone, told.email, at, life.id,
    )  # fmt: skip
    tables.add("business_versions", number, 1, as_json({"number": shown, **told.as_json()}), life.id, at)
    for person in told.people:
        tables.add(
            "business_people", number, person.name, person.role, person.document_kind, person.document_number,
            person.document_country, person.nationality, person.shares, at.date(),
        )  # fmt: skip
    by = life.decided_by
    tables.add("business_events", number, "active", at, by.id, by.name, "")
    tables.add("memberships", life.applicant.id, number, "owner", at)
    life.business_id = number
    life.note(by, "business.registered", at, f"business:{number}", shown, {}, kind.legal_ref)
    world.firms.append(Firm(number, name, life.applicant, good))


# --- export licence -----------------------------------------------------------------------------------------------


def _licence(world: World, born: datetime, fate: Fate, firm: Firm | None = None) -> None:
    firm = firm or world.firm()
    service = world.services and world.random.random() < 0.04
    good = None if service else firm.good if world.random.random() < 0.8 else world.random.choice(world.words.goods)
    kind = world.random.choice(world.goods[good] if good else world.services)
    first = (born + timedelta(days=9)).date()
    answers = written.licence(world, kind, good, first)
    title = f"{kind.name} – {answers['product']['description']}"
    life = Life(world, "export_licence", firm.owner, kind.agency, answers, title, born, firm.id)
    asked = "quantity.quantity" if "quantity" in answers else "product.description"
    if _walk(life, fate, days=kind.standard_days, papers=kind.code, asked=asked):
        _permit(world, life, firm, good)
    life.end()


def _permit(world: World, life: Life, firm: Firm, good: Good | None) -> None:
    pack, at, tables = world.pack, life.at, world.tables
    kind = lookup.permit_kind(pack, life.answers["kind"]["permit_kind"])
    year = at.astimezone(pack.zone).year
    prefix = f"{pack.country}-{kind.code.upper()}"
    shown = world.reference(prefix, f"permit:{prefix}", year)
    first, last = (date.fromisoformat(life.answers["validity"][name]) for name in ("valid_from", "valid_to"))
    number = next(world.ids["permits"])
    destination = life.answers["product"]["destination"]
    row = tables.keep("permits", [
        number, shown, kind.code, kind.agency, firm.id, life.id, "active", "", destination, first, last,
        start_of_day(first, pack.zone), start_of_day(last + timedelta(days=1), pack.zone), "", at,
    ])  # fmt: skip
    by = life.decided_by
    tables.add("permit_events", number, None, "active", at, by.id, by.name, "", "")
    detail = {"previous": None, "state": "active", "reason": "", "reason_code": ""}
    life.note(by, "permit.issued", at, f"permit:{number}", shown, detail, kind.legal_ref)
    line = None
    amounts = life.answers.get("quantity")
    if good is not None and amounts:
        value = int(amounts["value"]) * 100
        held = tables.keep("permit_lines", [
            next(world.ids["permit_lines"]), number, good.hs, life.answers["product"]["description"],
            int(amounts["quantity"]), amounts["unit"], value, amounts["currency"], 0, 0,
        ])  # fmt: skip
        line = Line(held[0], good, amounts["unit"], destination, last, held)
        if kind.required_for_export:
            firm.lines = [*firm.lines[-3:], line]
    world.kept.append((row, line))


def _settle(world: World) -> None:
    """What each permit is by now: used up, over, or (a few) suspended."""
    for row, line in world.kept:
        state, at, reason, code = None, row[12], "", "expiry"
        if line is not None and line.row[9] == line.row[4]:
            state, at, code = PermitState.USED_UP, world.now, "quantity"
        elif row[12] <= world.now:
            state = PermitState.EXPIRED
        elif world.random.random() < 0.02:
            state, at, code = PermitState.SUSPENDED, world.now, "documents"
            reason = world.words.refusals[0]
        if state is not None:
            row[6], row[7] = state.value, reason
            by = world.official(row[3], Role.SUPERVISOR)
            actor = (by.id, by.name) if state is PermitState.SUSPENDED else (None, "Kibali")
            world.tables.add("permit_events", row[0], "active", state.value, at, *actor, reason, code)


# --- customs ------------------------------------------------------------------------------------------------------


def _declaration(world: World, born: datetime, fate: Fate) -> None:
    """Of a firm that may send what it makes; one that holds nothing to draw on asks for a licence first."""
    firm = world.firm()
    line = next((each for each in firm.lines if each.left > 0 and each.valid_to > born.date()), None)
    if line is None and world.needs_line(firm.good):
        _licence(world, born, fate, firm)
        return
    good = line.good if line else firm.good
    pack, tables = world.pack, world.tables
    answers = written.declaration(world, good, line, born.date())
    item, office = answers["items"]["items"][0], answers["exit"]["office"]
    destination = answers["buyer"]["destination"]
    title = f"{good.description} → {countries.name(destination)}"
    life = Life(world, "customs", firm.owner, pack.customs_agency, answers, title, born, firm.id)
    worth = declarations.national(pack, Decimal(item["value"]), world.words.currency)
    colour, rule = declarations.lane(pack, life.reference, [good.hs], worth)
    days = lookup.standard_days(pack, "customs", world.today)
    approved = _walk(life, fate, days=days, papers="", asked="items.items-0-net_mass", alone=colour != "red")
    life.end()
    if fate is Fate.DRAFT:
        return
    assert life.submitted_at is not None
    number = next(world.ids["declarations"])
    year = born.astimezone(pack.zone).year
    tables.add(
        "declarations", number, life.id, firm.id, f"{year} {office} E {world.number(f'declaration:{office}', year)}",
        office, "1000", destination, colour, rule, worth.minor, worth.currency, life.submitted_at,
        life.at if approved else None,
    )  # fmt: skip
    quantity = int(item["quantity"] or item["net_mass"]) if line else None
    tables.add(
        "declaration_items", number, 1, good.hs, good.description, item["packages"], item["package_kind"],
        item["gross_mass"], item["net_mass"], int(item["value"]) * 100, world.words.currency,
        line.id if line else None, quantity,
    )  # fmt: skip
    if line is not None and quantity is not None:
        _draw(world, life, line, quantity, int(item["value"]) * 100)


def _draw(world: World, life: Life, line: Line, quantity: int, value: int) -> None:
    """Reserve at submission, use at release, give back when it came to nothing."""

    def move(state: str, reserved: int, consumed: int, at: datetime) -> None:
        world.tables.add(
            "allocations", line.id, f"{life.reference}/1", state, quantity, value, world.words.currency, reserved,
            consumed, at,
        )  # fmt: skip
        line.row[8] += reserved
        line.row[9] += consumed

    assert life.submitted_at is not None
    move("reserved", quantity, 0, life.submitted_at)
    if life.state is State.APPROVED:
        move("consumed", -quantity, quantity, life.at)
    elif life.state in (State.REFUSED, State.WITHDRAWN):
        move("released", -quantity, 0, life.at)
