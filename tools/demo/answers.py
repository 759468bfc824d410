"""What the demo's applicants type, page by page, in the form their browsers would send."""

from datetime import date, timedelta

from tools.demo.story import Raw, written


def registration(
    *,
    entity_type: str,
    name: str,
    activity: str,
    does: str,
    unit: str,
    street: str,
    phone: str,
    email: str,
    people: list[dict[str, str]],
    other: str = "",
    trade_name: str = "",
    capital: int | None = None,
    shares: int | None = None,
) -> Raw:
    """``people`` have name, roles ("owner manager"), document (number), nationality and, for companies, shares."""
    raw: Raw = {
        "legal_form": {"entity_type": [entity_type]},
        "name": {"name": [name], "trade_name": [trade_name], "different": ["y"]},
        "activity": {"main": [activity], "other": [other], "description": [does]},
        "address": {"unit": [unit], "street": [street], "phone": [phone], "email": [email]},
        "people": {},
    }
    if capital is not None:
        raw["capital"] = {"capital": [str(capital)], "shares_issued": [str(shares)]}
    for number, person in enumerate(people):
        prefix = f"people-{number}"
        raw["people"] |= {
            f"{prefix}-name": [person["name"]],
            f"{prefix}-roles": person["roles"].split(),
            f"{prefix}-document_kind": [person.get("kind", "national_id")],
            f"{prefix}-document_number": [person["document"]],
            f"{prefix}-nationality": [person["nationality"]],
        }
        if "shares" in person:
            raw["people"][f"{prefix}-shares"] = [person["shares"]]
    return raw


def licence(
    *,
    kind: str,
    description: str,
    destination: str,
    first: date,
    days: int,
    hs: str = "",
    route: str = "general_trade",
    quantity: str = "",
    unit: str = "KGM",
    value: str = "",
    currency: str = "USD",
    consignee: str = "",
) -> Raw:
    raw: Raw = {
        "product": {
            "what": ["goods" if hs else "service"],
            "hs": [hs],
            "description": [description],
            "destination": [destination],
            "route": [route],
        },
        "kind": {"permit_kind": [kind]},
        "validity": {
            "valid_from": written(first),
            "valid_to": written(first + timedelta(days=days)),
            "consignee": [consignee],
        },
    }
    if quantity:
        raw["quantity"] = {"quantity": [quantity], "unit": [unit], "value": [value], "currency": [currency]}
    return raw


def declaration(
    *,
    office: str,
    exit_office: str,
    consignee: str,
    address: str,
    destination: str,
    mode: str,
    incoterm: str,
    place: str,
    invoice: str,
    invoiced: date,
    hs: str,
    description: str,
    packages: int,
    package_kind: str,
    gross: str,
    net: str,
    value: str,
    currency: str = "USD",
    procedure: str = "1000",
    identity: str = "",
    line: int | None = None,
    quantity: str = "",
    unit: str = "",
) -> Raw:
    return {
        "exit": {"office": [office], "exit_office": [exit_office], "procedure": [procedure]},
        "buyer": {"consignee": [consignee], "address": [address], "destination": [destination]},
        "transport": {"mode": [mode], "identity": [identity], "incoterm": [incoterm], "place": [place]},
        "invoice": {"number": [invoice], "date": written(invoiced), "currency": [currency]},
        "items": {
            "items-0-hs": [hs],
            "items-0-description": [description],
            "items-0-packages": [str(packages)],
            "items-0-package_kind": [package_kind],
            "items-0-gross_mass": [gross],
            "items-0-net_mass": [net],
            "items-0-quantity": [quantity],
            "items-0-unit": [unit],
            "items-0-value": [value],
            "items-0-permit_line": [str(line) if line else ""],
        },
    }
