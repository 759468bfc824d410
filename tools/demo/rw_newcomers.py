"""Rwanda: people who register now, and what fills the registrar's desk."""

from datetime import timedelta

from app.cases.models import Case, Outcome
from app.identity.actor import MembershipRole
from tools.demo import answers
from tools.demo.doings import Doings
from tools.demo.story import Raw


def tell(d: Doings) -> None:
    waiting(d)
    decided(d)
    unfinished(d)
    family_firm(d)


def trader(name: str, who: str, number: int, **changes: object) -> Raw:
    values: dict[str, object] = {
        "entity_type": "individual", "name": name, "activity": "4791", "does": "Selling Rwandan products online",
        "unit": "RW-kicukiro.kagarama", "street": f"KK {number} Street", "phone": f"07880000{number}",
        "email": f"firm{number}@firm.example",
        "people": [{"name": who, "roles": "owner", "document": f"11990700000000{number}", "nationality": "RW"}],
    }  # fmt: skip
    return answers.registration(**(values | changes))  # type: ignore[arg-type]


def sent(d: Doings, local: str, who: str, raw: Raw, *, days: float) -> Case:
    actor = d.story.acting(d.person(local, who))
    return d.sent(actor, "registration", raw, days=days, holder=who)


def waiting(d: Doings) -> None:
    """New, overdue, almost like another name, asked about, and two that wait for the second pair of eyes."""
    sent(d, "late", "Jeanne Nyiransabimana", trader("Imigongo Nziza", "Jeanne Nyiransabimana", 60), days=9)
    sent(d, "new", "Théogène Bizimana", trader("Ubuki bwa Nyungwe", "Théogène Bizimana", 61), days=0.1)
    sent(d, "near", "Diane Uwase", trader("Ikawa ya Musozi", "Diane Uwase", 62), days=1)
    design = sent(d, "waiting", "Fabrice Hakizimana", trader("Amakaro Design", "Fabrice Hakizimana", 63), days=2)
    d.recommended(design, "Complete; the name is free.", days=1)
    lease = sent(d, "asked", "Clarisse Mutoni", trader("Umuhigo Store", "Clarisse Mutoni", 68), days=4)
    d.asked(lease, "The telephone number does not answer. Please check it.",
            ("address", "address.phone", "Telephone"), days=3)  # fmt: skip
    bank = sent(d, "bank", "Jean Claude Nkurunziza", trader("Isango Mobile Bank", "Jean Claude Nkurunziza", 69), days=3)
    d.recommended(
        bank, "“Bank” needs the consent of the National Bank, which is not attached.", days=2, outcome=Outcome.REFUSE
    )


def decided(d: Doings) -> None:
    raw = trader("Rwanda National Coffee Authority", "Innocent Rukundo", 64)
    refused = sent(d, "refused", "Innocent Rukundo", raw, days=20)
    d.refused(
        refused, "The name reads like a public authority. Choose a name without “National” and “Authority”.", days=19
    )


def unfinished(d: Doings) -> None:
    """The shares do not add up: 9,999 of 10,000."""
    who = d.story.acting(d.person("shares", "Olivier Habineza"))
    d.unfinished(
        who, "registration",
        trader("Isoko Digital", "Olivier Habineza", 65, entity_type="ltd", capital=1_000_000, shares=10_000, people=[
            {"name": "Olivier Habineza", "roles": "owner manager", "document": "1199080000000065",
             "nationality": "RW", "shares": "6666"},
            {"name": "Grace Mutesi", "roles": "owner", "document": "1199170000000066", "nationality": "RW",
             "shares": "3333"},
        ]),
        days=1, holder="Isoko Digital Ltd", without=("articles",),
    )  # fmt: skip


def family_firm(d: Doings) -> None:
    """The licensing clerk has an interest in this firm: its cases are never shown or handed to her."""
    kin = d.person("kin", "Alphonse Karekezi")
    raw = trader("Umuryango Crafts", "Alphonse Karekezi", 67)
    family = d.firm(kin, raw, days=30, holder="Umuryango Crafts")
    d.joins(d.cast.licensing_user, family, MembershipRole.MANAGER)
    d.applies(kin, family, answers.licence(
        kind="heritage-clearance", hs="460219", description="Baskets and mats", destination="FR",
        first=d.story.today + timedelta(days=4), days=50, quantity="300", unit="H87", value="4500",
    ), days=1)  # fmt: skip
