"""What seeded applicants answer: the clean answers of each service's steps, as its forms give them."""

from datetime import date, timedelta
from typing import Any

from app.jurisdictions.model import EntityType, PermitKind
from tools.demo.seeding.words import Good
from tools.demo.seeding.world import Line, Person, World

Answers = dict[str, dict[str, Any]]
_DATES = {"date", "valid_from", "valid_to"}


def registration(world: World, owner: Person, name: str, kind: EntityType, good: Good) -> Answers:
    pick, country = world.random, world.pack.country
    prefix = "11990700000" if country == "RW" else "999000"
    people: list[dict[str, Any]] = []
    for number in range(max(kind.min_owners, 1)):
        roles = ["owner", "manager"] if number == 0 and kind.owner_role != kind.manager_role else ["owner"]
        person: dict[str, Any] = {
            "name": owner.name
            if number == 0
            else f"{pick.choice(world.words.given)} {pick.choice(world.words.family)}",
            "roles": roles,
            "document_kind": "national_id",
            "document_number": f"{prefix}{(owner.id * 7 + number) % 10**5:05d}",
            "nationality": country,
        }
        if kind.has_shares:
            person["shares"] = 1000 // max(kind.min_owners, 1)
        people.append(person)
    answers: Answers = {
        "legal_form": {"entity_type": kind.code},
        "name": {"name": name, "trade_name": None, "different": True},
        "activity": {"main": "4791" if good.unit == "H87" else "4630", "other": None, "description": world.words.does},
        "address": {
            "unit": pick.choice(world.units).code,
            "street": f"{pick.randint(1, 240)}",
            "phone": f"{world.pack.phone_prefix}{'788000' if country == 'RW' else '066000'}{owner.id % 1000:03d}",
            "email": f"firm{owner.id}@firm.example",
            "tax_number": None,
        },
        "people": {"people": people},
    }
    if kind.has_shares:
        answers["capital"] = {"capital": str(1000 * pick.choice((1000, 5000, 20000))), "shares_issued": 1000}
    return answers


def licence(world: World, kind: PermitKind, good: Good | None, first: date) -> Answers:
    pick = world.random
    last = first + timedelta(days=kind.validity_days - 1)
    answers: Answers = {
        "product": {
            "what": "goods" if good else "service",
            "hs": good.hs if good else None,
            "description": f"{good.description if good else world.words.service}, lot {pick.randint(1, 9999)}",
            "destination": pick.choice(good.destinations) if good else "CN",
            "route": "cbec" if pick.random() < 0.2 else "general_trade",
        },
        "kind": {"permit_kind": kind.code},
        "validity": {
            "valid_from": first.isoformat(),
            "valid_to": last.isoformat(),
            "consignee": pick.choice(world.words.buyers),
        },
    }
    if good and kind.has_quantity:
        quantity = pick.randint(*good.lot)
        answers["quantity"] = {
            "quantity": str(quantity),
            "unit": good.unit if good.unit in kind.units else kind.units[0],
            "value": str(quantity * good.price),
            "currency": world.words.currency,
        }
    return answers


def declaration(world: World, good: Good, line: Line | None, day: date) -> Answers:
    pick = world.random
    most = min(good.lot[1], int(line.left)) if line else good.lot[1]
    quantity = pick.randint(min(good.lot[0], most), most)
    by_weight = good.unit == "KGM"
    net = quantity if by_weight else max(quantity // 2, 1)
    office = pick.choice(world.exits).code
    return {
        "exit": {"office": office, "exit_office": office, "procedure": "1000"},
        "buyer": {
            "consignee": pick.choice(world.words.buyers),
            "address": f"{pick.randint(1, 99)} Harbour Road",
            "destination": line.destination if line else pick.choice(good.destinations),
        },
        "transport": {"mode": "4", "identity": None, "incoterm": "FCA", "place": world.pack.capital_city},
        "invoice": {
            "number": f"INV-{pick.randint(1, 99999):05d}",
            "date": (day - timedelta(days=2)).isoformat(),
            "currency": world.words.currency,
        },
        "items": {
            "items": [
                {
                    "hs": good.hs,
                    "description": good.description,
                    "packages": max(net // 50, 1),
                    "package_kind": good.package,
                    "gross_mass": str(net + max(net // 50, 1)),
                    "net_mass": str(net),
                    "quantity": None if by_weight else str(quantity),
                    "unit": None if by_weight else good.unit,
                    "value": str(quantity * good.price),
                    "permit_line": str(line.id) if line else None,
                }
            ]
        },
    }


def draft(answers: Answers) -> dict[str, Any]:
    """As a draft keeps them: typed and clean."""
    return {key: {"raw": _raw(step), "clean": step, "complete": True} for key, step in answers.items()}


def _raw(step: dict[str, Any], prefix: str = "") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in step.items():
        if value is None:
            continue
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for number, entry in enumerate(value):
                found |= _raw(entry, f"{name}-{number}-")
        elif name in _DATES:
            day = date.fromisoformat(value)
            found[prefix + name] = [str(day.day), str(day.month), str(day.year)]
        else:
            found[prefix + name] = value if isinstance(value, list) else ["y" if value is True else str(value)]
    return found
