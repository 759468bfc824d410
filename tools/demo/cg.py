"""The Congo: the firms of the demo and what has happened to them. All invented; numbers from reserved ranges."""

from datetime import timedelta

from app.businesses.models import Business
from app.identity.actor import MembershipRole
from app.identity.models import User
from app.permits.lifecycle import ReasonCode
from tools.demo import answers, cg_newcomers
from tools.demo.cast import Cast
from tools.demo.doings import Doings
from tools.demo.story import Raw, Story

FRANCE = {"consignee": "Chocolaterie des Quais", "address": "12 quai des Chartrons, Bordeaux", "destination": "FR"}
BELGIUM = {"consignee": "Maison Verhaegen", "address": "Rue Haute 214, Bruxelles", "destination": "BE"}


def tell(story: Story, cast: Cast) -> None:
    doings = Doings(story, cast)
    cocoa_company(doings)
    wood_workshop(doings)
    log_trader(doings)
    raffia_group(doings)
    cg_newcomers.tell(doings)


def cocoa_company(d: Doings) -> None:
    """Beans for Europe, by the tonne, with three shipments; a fourth asks for more than is left."""
    story, owner = d.story, d.cast.entrepreneur
    raw = answers.registration(
        entity_type="sarlu", name="Cacao Mbila", activity="0127", other="1073",
        does="Culture et fermentation du cacao, chocolat en tablettes", unit="CG.c.ouesso",
        street="Route de Mokéko, km 4", phone="066000010", email="cacao@firm.example", capital=1_000_000, shares=100,
        people=[{"name": "Prisca Mbila", "roles": "owner manager", "document": "999000000010", "nationality": "CG",
                 "shares": "100"}],
    )  # fmt: skip
    business = d.firm(owner, raw, days=170, holder="Cacao Mbila SARLU")
    d.joins(d.cast.agent, business, MembershipRole.AGENT)
    permit = d.licensed(owner, business, beans(story, "export-declaration", "24", 150, first=-84, days=170), days=92)
    d.licensed(owner, business, beans(story, "cocoa-coffee-quality", "24", 150, first=-84, days=100), days=91)
    for days in (76, 15):  # the first has expired meanwhile
        d.licensed(owner, business, beans(story, "phytosanitary", "8", 150, first=4 - days, days=40), days=days)
    line = story.line_of(permit)
    d.shipped(owner, business, cocoa_goods(story, line.id, 1, 8000, 58), days=58)
    d.shipped(owner, business, cocoa_goods(story, line.id, 2, 7000, 29), days=29)
    d.applies(owner, business, cocoa_goods(story, line.id, 3, 5000, 2), days=2, service="customs")
    # More than the 4 tonnes that are left: the portal says so when it is sent.
    d.unfinished(story.acting(owner, business), "customs", cocoa_goods(story, line.id, 4, 6000, 0), days=0.2,
                 holder=business.name)  # fmt: skip
    origin = d.applies(owner, business, beans(story, "origin", "5", 150, first=1, days=300), days=3)
    d.asked(
        origin, "La facture indique 5,2 tonnes et la demande 5 tonnes. Quelle est la bonne quantité ?",
        ("quantity", "quantity.quantity", "Quantité"),
        ("documents", "documents.commercial_invoice", "Facture commerciale"), days=2,
    )  # fmt: skip
    d.applies(owner, business, beans(story, "cargo-tracking", "5", 150, first=1, days=50), days=0.5, paid=False)
    # China's list does not admit the beans: the first page of the application says so.
    d.unfinished(story.acting(owner, business), "export_licence", answers.licence(
        kind="export-declaration", hs="180100", description="Fèves de cacao fermentées et séchées", destination="CN",
        first=story.today + timedelta(days=6), days=80, quantity="10", unit="TNE", value="62000",
    ), days=1, holder=business.name)  # fmt: skip
    for destination in ("FR", "CN"):  # the first waits for the certificate of origin, the second is not admitted
        d.listed(owner, business, "Fèves de cacao de la Sangha", channel="alibaba-com", destination=destination,
                 hs="180100", quantity="3", unit="TNE", days=1)  # fmt: skip
    d.applies(owner, business, beans(story, "cocoa-coffee-quality", "6", 162, first=4, days=80), days=2)
    chocolate(d, owner, business)


def beans(story: Story, kind: str, tonnes: str, lot: int, *, first: int, days: int) -> Raw:
    return answers.licence(
        kind=kind, hs="180100", description=f"Fèves de cacao fermentées et séchées, lot {lot}", destination="FR",
        first=story.today + timedelta(days=first), days=days, quantity=tonnes, unit="TNE",
        value=str(int(tonnes) * 5400), currency="EUR", consignee="Chocolaterie des Quais, Bordeaux",
    )  # fmt: skip


def cocoa_goods(story: Story, line: int, number: int, kilos: int, days: int) -> Raw:
    bags = kilos // 65
    return answers.declaration(
        office="PNR-PORT", exit_office="PNR-PORT", **FRANCE, mode="1", incoterm="FOB", place="Pointe-Noire",
        identity="ETOILE DU KOUILOU", invoice=f"CM-{number:03d}", invoiced=story.today - timedelta(days=days + 1),
        hs="180100", description="Fèves de cacao en sacs de 65 kg", packages=bags, package_kind="JT",
        gross=str(kilos + bags), net=str(kilos), value=str(kilos * 54 // 10), currency="EUR", line=line,
    )  # fmt: skip


def chocolate(d: Doings, owner: User, business: Business) -> None:
    """Bars for consumers: a small lot that is used up, one in force that was paid twice, one that waits."""
    story = d.story

    def bars(kilos: str, destination: str, first: int, days: int, route: str = "cbec") -> Raw:
        return answers.licence(
            kind="export-declaration", hs="180632", description="Chocolat noir 70 %, tablettes de 100 g",
            destination=destination, route=route, first=story.today + timedelta(days=first), days=days, quantity=kilos,
            value=str(int(kilos) * 19), currency="EUR",
        )  # fmt: skip

    small = d.licensed(owner, business, bars("300", "FR", -60, 170), days=64)
    d.listed(owner, business, "Chocolat noir 70 % en colis", channel="other-parcels", destination="FR", hs="180632",
             quantity="200", days=56)  # fmt: skip
    d.shipped(owner, business, chocolate_goods(story, story.line_of(small).id, 48), days=48)
    paid_twice = d.applies(owner, business, bars("500", "CN", -33, 170), days=38, paid=False)
    with story.ago(38, hours=1):
        story.pay_twice(story.acting(owner, business), paid_twice)
    d.approved(paid_twice, days=37)
    d.listed(owner, business, "Chocolat noir 70 %, tablette de 100 g", channel="tmall-global", destination="CN",
             hs="180632", quantity="350", days=30)  # fmt: skip
    d.applies(owner, business, bars("400", "BE", 5, 120, route="general_trade"), days=1)


def chocolate_goods(story: Story, line: int, days: int) -> Raw:
    return answers.declaration(
        office="PNR-AIR", exit_office="PNR-AIR", consignee="Épicerie du Monde", address="3 rue du Bac, Nantes",
        destination="FR", mode="4", incoterm="CPT", place="Nantes", invoice="CMT-007",
        invoiced=story.today - timedelta(days=days + 1), hs="180632", description="Tablettes de chocolat noir 70 %",
        packages=30, package_kind="CT", gross="318", net="300", value="5700", currency="EUR", line=line,
    )  # fmt: skip


def wood_workshop(d: Doings) -> None:
    """Padouk is a CITES question; the weighbridge disagrees with a declaration; a verification is suspended."""
    story, owner = d.story, d.person("atelier", "Serge Kimbembe")
    raw = answers.registration(
        entity_type="sarl", name="Atelier Bois de Lune", activity="1629", does="Objets tournés et sculptés en bois",
        unit="CG.a.pnr-1", street="Avenue de la Forêt 27", phone="066000020", email="atelier@firm.example",
        capital=2_000_000, shares=400,
        people=[
            {"name": "Serge Kimbembe", "roles": "owner manager", "document": "999000000020", "nationality": "CG",
             "shares": "240"},
            {"name": "Noëlle Bemba", "roles": "owner", "document": "999000000021", "nationality": "CG",
             "shares": "160"},
        ],
    )  # fmt: skip
    business = d.firm(owner, raw, days=120, holder="Atelier Bois de Lune SARL")
    d.joins(d.cast.entrepreneur, business, MembershipRole.MANAGER)

    def wood(kind: str, hs: str, what: str, pieces: str, value: str, *, first: int, days: int) -> Raw:
        return answers.licence(
            kind=kind, hs=hs, description=what, destination="BE", first=story.today + timedelta(days=first), days=days,
            quantity="" if kind == "forest-export-check" else pieces, unit="H87", value=value, currency="EUR",
        )  # fmt: skip

    statues = "Statuettes sculptées en limba"
    permit = d.licensed(
        owner, business, wood("export-declaration", "442011", statues, "600", "10800", first=-50, days=170), days=55
    )
    check = d.licensed(
        owner, business, wood("forest-export-check", "442011", statues, "", "", first=-40, days=88), days=49
    )
    d.licensed(owner, business, wood("origin", "442011", statues, "600", "10800", first=-40, days=360), days=45)
    d.shipped(owner, business, wood_goods(story, story.line_of(permit).id, 4, "150", "172", 24), days=24)
    declared = d.applies(
        owner, business, wood_goods(story, story.line_of(permit).id, 5, "180", "198", 1), days=4, service="customs"
    )
    d.noted(
        declared, "Pont-bascule : 236 kg pour 9 caisses, 198 kg déclarés. Caisses 2 et 7 ouvertes ; recomptage.",
        days=2,
    )  # fmt: skip
    d.listed(owner, business, "Statuettes en limba", channel="alibaba-com", destination="BE", hs="442011",
             quantity="200", unit="H87", days=12)  # fmt: skip
    d.suspended(check, "Le permis de coupe présenté ne couvre pas la parcelle indiquée.", ReasonCode.DOCUMENTS, days=1)
    bowls = "Saladiers et couverts en padouk (Pterocarpus soyauxii)"
    d.applies(owner, business, wood("export-declaration", "441920", bowls, "350", "4200", first=7, days=120), days=1)
    cites = d.applies(owner, business, wood("cites", "441920", bowls, "350", "4200", first=15, days=160), days=9)
    d.noted(cites, "Annotation n° 17 : vérifier si les objets finis sont visés. Photographies transmises à l’herbier.",
            days=6)  # fmt: skip
    again = d.applies(owner, business, wood("forest-export-check", "441920", bowls, "", "", first=12, days=80), days=5)
    d.asked(again, "La liste des espèces ne donne pas les noms scientifiques. Merci de la compléter.",
            ("documents", "documents.species_list", "Liste des espèces"), days=4)  # fmt: skip


def wood_goods(story: Story, line: int, number: int, pieces: str, gross: str, days: int) -> Raw:
    return answers.declaration(
        office="PNR-PORT", exit_office="PNR-PORT", **BELGIUM, mode="1", incoterm="FOB", place="Pointe-Noire",
        identity="ETOILE DU KOUILOU", invoice=f"ABL-{number:03d}", invoiced=story.today - timedelta(days=days + 5),
        hs="442011", description="Statuettes sculptées en limba", packages=9, package_kind="CR", gross=gross,
        net=str(int(gross) - 18), value=str(int(pieces) * 18), currency="EUR", line=line, quantity=pieces, unit="H87",
    )  # fmt: skip


def log_trader(d: Doings) -> None:
    """Logs may not leave: the portal refuses on the first page. What is sawn may be asked for."""
    story, owner = d.story, d.person("grumes", "Aristide Ndinga")
    raw = answers.registration(
        entity_type="sa", name="Grumes Étoile", activity="1610", does="Exploitation forestière et sciage",
        unit="CG.c.pokola", street="Zone industrielle, parcelle 3", phone="066000030", email="grumes@firm.example",
        capital=50_000_000, shares=5000,
        people=[
            {"name": "Aristide Ndinga", "roles": "owner manager", "document": "999000000030", "nationality": "CG",
             "shares": "3500"},
            {"name": "Clémence Tsoumou", "roles": "owner", "document": "999000000031", "nationality": "CG",
             "shares": "1500"},
        ],
    )  # fmt: skip
    business = d.firm(owner, raw, days=100, holder="Grumes Étoile SA")

    def timber(hs: str, what: str, kind: str = "export-declaration") -> Raw:
        return answers.licence(
            kind=kind, hs=hs, description=what, destination="CN", first=story.today + timedelta(days=8), days=80,
            quantity="" if kind == "forest-export-check" else "180", unit="MTQ", value="81000", currency="EUR",
        )  # fmt: skip

    d.unfinished(story.acting(owner, business), "export_licence", timber("440399", "Grumes d’okoumé"), days=2,
                 holder=business.name)  # fmt: skip
    sawn = d.applies(owner, business, timber("440729", "Sciages d’okoumé avivés", "forest-export-check"), days=18)
    d.refused(sawn, "Les colis visités contenaient des grumes équarries, et non des bois transformés.", days=14)
    again = d.applies(owner, business, timber("440729", "Sciages d’okoumé avivés"), days=3)
    d.recommended(again, "Contrat et origine légale du bois concordent ; contrôle du SCPFE à suivre.", days=2)


def raffia_group(d: Doings) -> None:
    """A first payment that failed, a second that went through; returned twice; a certificate that waits."""
    story, owner = d.story, d.person("raphia", "Philomène Ossebi")
    raw = answers.registration(
        entity_type="gie", name="Raphia Likenge", activity="1629", does="Vannerie de raphia et de rotin",
        unit="CG.c.owando", street="Marché central, allée 5", phone="066000040", email="raphia@firm.example",
        people=[
            {"name": "Philomène Ossebi", "roles": "owner manager", "document": "999000000040", "nationality": "CG"},
            {"name": "Joséphine Ngakosso", "roles": "owner", "document": "999000000041", "nationality": "CG"},
        ],
    )  # fmt: skip
    who = story.acting(owner)
    case = d.sent(who, "registration", raw, days=70, holder="Raphia Likenge GIE", paid=False)
    with story.ago(70, hours=1):
        story.pay_at_second_try(who, case, "LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED")
    d.approved(case, days=68)
    business = story.business_of(case)
    d.joins(d.cast.agent, business, MembershipRole.AGENT)
    who = story.acting(owner, business)

    def baskets(kind: str, first: int, days: int, many: str = "400", unit: str = "H87") -> Raw:
        return answers.licence(
            kind=kind, hs="460219", description="Corbeilles et sacs de raphia tressé", destination="FR",
            first=story.today + timedelta(days=first), days=days, quantity=many, unit=unit,
            value=str(int(many) * 14), currency="EUR",
        )  # fmt: skip

    permit = d.licensed(owner, business, baskets("export-declaration", -30, 120), days=36)
    d.licensed(owner, business, baskets("origin", -28, 300), days=33)
    d.listed(owner, business, "Corbeilles de raphia", channel="other-marketplace", destination="FR", hs="460219",
             quantity="100", unit="H87", days=25)  # fmt: skip
    culture = d.applies(owner, business, baskets("cultural-goods", -2, 80), days=16)
    d.asked(culture, "Les photographies ne montrent pas les motifs. Merci d’en joindre de plus nettes.",
            ("documents", "documents.photographs", "Photographies"), days=14)  # fmt: skip
    d.answered(who, culture, {}, days=10)
    d.asked(culture, "Combien de pièces sont anciennes ? La quantité ne le dit pas.",
            ("quantity", "quantity.quantity", "Quantité"), days=8)  # fmt: skip
    d.applies(owner, business, baskets("phytosanitary", 2, 50, "200"), days=1)
    d.applies(owner, business, baskets("cargo-tracking", 2, 50, "180", "KGM"), days=4)
    d.applies(owner, business, answers.declaration(
        office="BZV-AIR", exit_office="BZV-AIR", consignee="Panier d’Afrique SAS", address="9 rue des Lilas, Lyon",
        destination="FR", mode="4", incoterm="FCA", place="Brazzaville", invoice="RL-003",
        invoiced=story.today - timedelta(days=2), hs="460219", description="Corbeilles de raphia tressé", packages=10,
        package_kind="CT", gross="84", net="72", value="1680", currency="EUR",
        line=story.line_of(permit).id, quantity="120", unit="H87",
    ), days=1, service="customs")  # fmt: skip
