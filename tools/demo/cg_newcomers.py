"""The Congo: people who register now, and what fills the registrar's desk. A registration is paid before it is read."""

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
    guide(d)


def trader(name: str, who: str, number: int, **changes: object) -> Raw:
    values: dict[str, object] = {
        "entity_type": "ets", "name": name, "activity": "4791", "does": "Vente en ligne de produits congolais",
        "unit": "CG.a.bzv-3", "street": f"Rue des Manguiers {number}", "phone": f"0660000{number}",
        "email": f"firme{number}@firm.example",
        "people": [{"name": who, "roles": "owner", "document": f"9990000000{number}", "nationality": "CG"}],
    }  # fmt: skip
    return answers.registration(**(values | changes))  # type: ignore[arg-type]


def sent(d: Doings, local: str, who: str, raw: Raw, *, days: float, paid: bool = True) -> Case:
    actor = d.story.acting(d.person(local, who))
    return d.sent(actor, "registration", raw, days=days, holder=who, paid=paid)


def waiting(d: Doings) -> None:
    """New, overdue, almost like another name, asked about, unpaid, and two that wait for the second pair of eyes."""
    sent(d, "retard", "Ornella Massamba", trader("Miel de la Likouala", "Ornella Massamba", 60), days=20)
    sent(d, "nouveau", "Rodrigue Malonga", trader("Savons du Pool", "Rodrigue Malonga", 61), days=0.1)
    sent(d, "proche", "Destinée Akouala", trader("Cacao Mbilla", "Destinée Akouala", 62), days=1)
    sent(d, "impaye", "Franck Bitsindou", trader("Pagnes Liputa", "Franck Bitsindou", 66), days=2, paid=False)
    design = sent(d, "attente", "Gloria Nzoussi", trader("Atelier Mossaka", "Gloria Nzoussi", 63), days=3)
    d.recommended(design, "Dossier complet, nom disponible.", days=2)
    phone = sent(d, "question", "Dieudonné Poaty", trader("Gingembre Loango", "Dieudonné Poaty", 68), days=4)
    d.asked(phone, "Le numéro de téléphone ne répond pas. Merci de le vérifier.",
            ("address", "address.phone", "Téléphone"), days=3)  # fmt: skip
    bank = sent(d, "banque", "Yvon Samba", trader("Microfinance Kouilou", "Yvon Samba", 69), days=5)
    d.recommended(
        bank, "« Microfinance » exige l’agrément de la COBAC, qui n’est pas joint.", days=3, outcome=Outcome.REFUSE
    )


def decided(d: Doings) -> None:
    refused = sent(d, "refuse", "Armel Mouanda", trader("Ministère du Cacao", "Armel Mouanda", 64), days=24)
    d.refused(refused, "Le nom se lit comme celui d’une administration. Choisissez un nom sans « Ministère ».", days=22)


def unfinished(d: Doings) -> None:
    """The shares do not add up: 9,999 of 10,000."""
    who = d.story.acting(d.person("parts", "Urbain Loubaki"))
    d.unfinished(
        who, "registration",
        trader("Source Numérique", "Urbain Loubaki", 65, entity_type="sarl", capital=10_000_000, shares=10_000, people=[
            {"name": "Urbain Loubaki", "roles": "owner manager", "document": "999000000065", "nationality": "CG",
             "shares": "6666"},
            {"name": "Grâce Mampouya", "roles": "owner", "document": "999000000067", "nationality": "CG",
             "shares": "3333"},
        ]),
        days=1, holder="Source Numérique SARL", without=("articles",),
    )  # fmt: skip


def family_firm(d: Doings) -> None:
    """The licensing clerk has an interest in this firm: its cases are never shown or handed to him."""
    kin = d.person("famille", "Bernadette Makosso")
    family = d.firm(kin, trader("Vannerie Makosso", "Bernadette Makosso", 70), days=40, holder="Vannerie Makosso Ets")
    d.joins(d.cast.licensing_user, family, MembershipRole.MANAGER)
    d.applies(kin, family, answers.licence(
        kind="origin", hs="460219", description="Paniers et nattes", destination="FR",
        first=d.story.today + timedelta(days=2), days=50, quantity="300", unit="H87", value="4500", currency="EUR",
    ), days=1)  # fmt: skip


def guide(d: Doings) -> None:
    """Travel is a service: no goods and no customs."""
    owner = d.person("guide", "Roméo Ibata")
    raw = trader("Odzala Découverte", "Roméo Ibata", 71, activity="7912", does="Voyages guidés au parc d’Odzala",
                 unit="CG.d.mbomo")  # fmt: skip
    business = d.firm(owner, raw, days=90, holder="Odzala Découverte Ets")
    d.licensed(owner, business, answers.licence(
        kind="tour-operator", description="Voyages guidés au parc national d’Odzala", destination="CN",
        first=d.story.today - timedelta(days=55), days=360,
    ), days=80)  # fmt: skip
    d.listed(owner, business, "Gorilles des plaines : cinq jours à Odzala", channel="fliggy", destination="CN", days=50)
    river = d.person("fleuve", "Sylvie Elenga")
    raw = trader("Croisières du Fleuve", "Sylvie Elenga", 72, activity="7912", does="Croisières sur le Congo")
    boats = d.firm(river, raw, days=26, holder="Croisières du Fleuve Ets")
    d.applies(river, boats, answers.licence(
        kind="tour-operator", description="Croisières de Brazzaville à Mossaka", destination="FR",
        first=d.story.today + timedelta(days=20), days=300,
    ), days=3)  # fmt: skip
