"""The people of the demo: the accounts of the sign-in page, with their second factors."""

from dataclasses import dataclass
from datetime import timedelta

import pyotp

from app.identity import absences, skills
from app.identity.actor import Actor, Role
from app.identity.models import User
from app.identity.skills import Skills
from app.jurisdictions import lookup
from tools.demo.story import Story

NAMES = {
    "RW": {
        "entrepreneur": "Claudine Mukamana",
        "agent": "Jean Bosco Habimana",
        "registrar": "Immaculée Nyirahabimana",
        "clerk": "Vestine Murekatete",
        "customs": "Gaspard Twagirayezu",
        "supervisor": "Donatille Mukabalisa",
        "auditor": "Obadiah Biraro",
        "admin": "Sandrine Umubyeyi",
    },
    "CG": {
        "entrepreneur": "Prisca Mbila",
        "agent": "Guy-Roland Okemba",
        "registrar": "Mireille Ngoma",
        "clerk": "Ghislain Makosso",
        "customs": "Brice Itoua",
        "supervisor": "Antoinette Loemba",
        "auditor": "Hilaire Mavoungou",
        "admin": "Carine Bouanga",
    },
}


@dataclass(frozen=True)
class Cast:
    """Users who apply, and actors who decide (``licensing_user`` is the user behind ``licensing``)."""

    entrepreneur: User
    agent: User
    registrar: Actor
    licensing: Actor
    licensing_user: User
    customs: Actor
    supervisor: Actor
    auditor: Actor


def arrange(story: Story, officials: dict[str, User], kinds: list[str]) -> None:
    """A clerk is trained for some permit kinds only; the registrar is away from next week, the supervisor stands in."""
    skills.set_skills(story.session, officials["clerk"].id, Skills(permit_kinds=frozenset(kinds)))
    monday = story.today + timedelta(days=7 - story.today.weekday())
    absences.enter(
        story.session,
        story.acting(officials["registrar"]),
        officials["registrar"].id,
        first_day=monday,
        last_day=monday + timedelta(days=4),
        delegate_id=officials["supervisor"].id,
    )


def make(story: Story) -> Cast:
    pack, names = story.pack, NAMES[story.pack.country]
    registrar, customs = pack.registration_agency, pack.customs_agency
    today = story.today
    licensing = sorted({kind.agency for kind in lookup.in_force(pack.permit_kinds, today)} - {registrar, customs})
    every = sorted({registrar, customs, *(kind.agency for kind in pack.permit_kinds)})

    def one(local: str, role: Role, *agencies: str) -> User:
        secret = pyotp.random_base32() if role.official else None
        return story.person(f"{local}@demo.example", names[local], role, *agencies, secret=secret)

    with story.ago(400):
        entrepreneur = one("entrepreneur", Role.ENTREPRENEUR)
        agent = one("agent", Role.ENTREPRENEUR)
        officials = {
            "registrar": one("registrar", Role.CLERK, registrar),
            "clerk": one("clerk", Role.CLERK, *licensing),
            "customs": one("customs", Role.CLERK, customs),
            "supervisor": one("supervisor", Role.SUPERVISOR, *every),
            "auditor": one("auditor", Role.AUDITOR),
        }
        one("admin", Role.ADMINISTRATOR)
    known = lookup.in_force(pack.permit_kinds, today)
    arrange(story, officials, [kind.code for kind in known if kind.agency in licensing])
    return Cast(
        entrepreneur=entrepreneur,
        agent=agent,
        registrar=story.acting(officials["registrar"]),
        licensing=story.acting(officials["clerk"]),
        licensing_user=officials["clerk"],
        customs=story.acting(officials["customs"]),
        supervisor=story.acting(officials["supervisor"]),
        auditor=story.acting(officials["auditor"]),
    )
