"""Rwanda: the firms of the demo and what has happened to them. All invented; numbers from reserved ranges."""

from datetime import timedelta

from app.businesses.models import Business
from app.identity.actor import MembershipRole
from app.identity.models import User
from app.permits.lifecycle import ReasonCode
from tools.demo import answers, rw_newcomers
from tools.demo.cast import Cast
from tools.demo.doings import Doings
from tools.demo.story import Raw, Story

CHINA = {"consignee": "Hangzhou West Lake Coffee Co.", "address": "18 Tianmushan Road, Hangzhou", "destination": "CN"}
BRITAIN = {"consignee": "Severn Tea Brokers Ltd", "address": "4 Dock Lane, Bristol", "destination": "GB"}


def tell(story: Story, cast: Cast) -> None:
    doings = Doings(story, cast)
    coffee_cooperative(doings)
    basket_maker(doings)
    tea_company(doings)
    tour_operator(doings)
    chilli_company(doings)
    wood_workshop(doings)
    rw_newcomers.tell(doings)


def coffee_cooperative(d: Doings) -> None:
    """A specialty lot: three partial declarations, and a fourth that asks for more than is left."""
    story, owner = d.story, d.cast.entrepreneur
    raw = answers.registration(
        entity_type="coop", name="Koperative Ikawa y'Umusozi", activity="0127", other="4630",
        does="Growing and washing specialty coffee", unit="RW-rubavu.kanama", street="Mahoko washing station",
        phone="0788000010", email="ikawa@firm.example",
        people=[
            {"name": "Claudine Mukamana", "roles": "owner manager", "document": "1198070000000010",
             "nationality": "RW"},
            {"name": "Emmanuel Nsengiyumva", "roles": "owner", "document": "1197580000000011", "nationality": "RW"},
            {"name": "Béatrice Uwimana", "roles": "owner", "document": "1199070000000012", "nationality": "RW"},
        ],
    )  # fmt: skip
    business = d.firm(owner, raw, days=160, holder="Koperative Ikawa y'Umusozi")
    d.joins(d.cast.agent, business, MembershipRole.AGENT)
    permit = d.licensed(owner, business, answers.licence(
        kind="coffee-export", hs="090111", description="Fully washed Bourbon, cup score 86", destination="CN",
        first=story.today - timedelta(days=88), days=179, quantity="19200", value="134400",
        consignee="Hangzhou West Lake Coffee Co.",
    ), days=92)  # fmt: skip
    for days in (70, 13):  # the first has expired meanwhile
        d.licensed(owner, business, answers.licence(
            kind="phytosanitary", hs="090111", description="Green coffee of this harvest", destination="CN",
            first=story.today - timedelta(days=days - 4), days=29, quantity="6000", value="42000",
        ), days=days)  # fmt: skip
    line = story.line_of(permit)
    d.shipped(owner, business, coffee_goods(story, line.id, 1, "6000", 60), days=60)
    d.shipped(owner, business, coffee_goods(story, line.id, 2, "6000", 30), days=30)
    d.applies(owner, business, coffee_goods(story, line.id, 3, "4000", 2), days=2, service="customs")
    # More than the 3,200 kg that are left: the portal says so when it is sent.
    d.unfinished(
        story.acting(owner, business), "customs", coffee_goods(story, line.id, 4, "4000", 0), days=0.2,
        holder=business.name,
    )  # fmt: skip
    roasted(d, owner, business)
    d.listed(owner, business, "Green coffee, fully washed Bourbon", channel="alibaba-com", destination="CN",
             hs="090111", quantity="3000", days=1)  # fmt: skip


def roasted(d: Doings, owner: User, business: Business) -> None:
    """Roasted coffee for consumers: one licence in force, another still to be paid, a question, a mark asked for."""
    story = d.story
    paid_twice = d.applies(owner, business, answers.licence(
        kind="coffee-export", hs="090121", description="Roasted coffee in 250 g bags", destination="CN", route="cbec",
        first=story.today - timedelta(days=36), days=170, quantity="800", value="10400",
    ), days=41, paid=False)  # fmt: skip
    with story.ago(41, hours=1):
        story.pay_twice(story.acting(owner, business), paid_twice)
    d.approved(paid_twice, days=39)
    d.listed(owner, business, "Ikawa y'Umusozi, roasted, 250 g", channel="tmall-global", destination="CN", hs="090121",
             quantity="500", days=33)  # fmt: skip
    d.applies(owner, business, answers.licence(
        kind="coffee-export", hs="090121", description="Roasted coffee, whole beans in 1 kg bags", destination="DE",
        first=story.today + timedelta(days=3), days=170, quantity="1200", value="15600",
    ), days=0.5, paid=False)  # fmt: skip
    origin = d.applies(owner, business, answers.licence(
        kind="origin-china", hs="090111", description="Green coffee of this harvest", destination="CN",
        first=story.today + timedelta(days=1), days=300, quantity="4000", value="28000",
    ), days=3)  # fmt: skip
    d.asked(
        origin, "The invoice gives 4,200 kg and the application 4,000 kg. Which one is right?",
        ("quantity", "quantity.quantity", "Quantity"),
        ("documents", "documents.commercial_invoice", "Commercial invoice"), days=2,
    )  # fmt: skip
    d.applies(owner, business, answers.licence(
        kind="specialty-coffee", hs="090111", description="Micro-lot Mahoko, natural process, cup score 88",
        destination="JP", first=story.today + timedelta(days=5), days=170, quantity="900", value="11700",
    ), days=1)  # fmt: skip
    d.applies(owner, business, answers.licence(
        kind="s-mark", hs="090121", description="Roasted coffee in 250 g bags", destination="DE",
        first=story.today + timedelta(days=10), days=700,
    ), days=8)  # fmt: skip


def coffee_goods(story: Story, line: int, number: int, net: str, days: int) -> Raw:
    bags = round(int(net) / 60)
    return answers.declaration(
        office="KGLAIR", exit_office="KGLAIR", **CHINA, mode="4", incoterm="FCA", place="Kigali", identity="WB 700",
        invoice=f"IKW-{number:03d}", invoiced=story.today - timedelta(days=days + 1), hs="090111",
        description="Green coffee in 60 kg bags with liner", packages=bags, package_kind="JT",
        gross=str(int(net) + bags), net=net, value=str(int(net) * 7), line=line,
    )  # fmt: skip


def basket_maker(d: Doings) -> None:
    """Parcels of baskets to consumers: little is needed, and it is all there."""
    story, owner = d.story, d.person("agaseke", "Solange Ingabire")
    raw = answers.registration(
        entity_type="individual", name="Agaseke Imirasire", activity="1629", does="Weaving agaseke peace baskets",
        unit="RW-gasabo.kimironko", street="KG 11 Avenue 4", phone="0788000020", email="agaseke@firm.example",
        people=[{"name": "Solange Ingabire", "roles": "owner", "document": "1199270000000020", "nationality": "RW"}],
    )  # fmt: skip
    business = d.firm(owner, raw, days=75, holder="Agaseke Imirasire")
    d.applies(owner, business, answers.licence(
        kind="heritage-clearance", hs="460219", description="Handwoven sisal baskets, new", destination="CN",
        route="cbec", first=story.today + timedelta(days=5), days=60, quantity="400", unit="H87", value="9200",
    ), days=1)  # fmt: skip
    d.shipped(owner, business, answers.declaration(
        office="KGLAIR", exit_office="KGLAIR", consignee="Panier d'Afrique SAS", address="9 rue des Lilas, Lyon",
        destination="FR", mode="4", incoterm="CPT", place="Lyon", invoice="AGA-011",
        invoiced=story.today - timedelta(days=21), hs="460219", description="Handwoven sisal baskets", packages=12,
        package_kind="CT", gross="96", net="84", value="1750",
    ), days=20)  # fmt: skip
    d.listed(owner, business, "Peace basket, sisal, 30 cm", channel="tmall-global", destination="CN", hs="460219",
             quantity="150", unit="H87", days=12)  # fmt: skip
    # Kenya's lower duty wants a certificate of origin, which is not there yet.
    d.listed(owner, business, "Peace baskets for shops, assorted", channel="alibaba-com", destination="KE", hs="460219",
             days=2)  # fmt: skip


def tea_company(d: Doings) -> None:
    """A licence suspended while its tea is on offer, one used up, and an application that was sent back twice."""
    story, owner = d.story, d.person("urumuri", "Patrick Mugisha")
    raw = answers.registration(
        entity_type="ltd", name="Urumuri Tea Hills", activity="1079", does="Processing and exporting black tea",
        unit="RW-gicumbi.byumba", street="Mulindi road", phone="0788000030", email="urumuri@firm.example",
        capital=20_000_000, shares=1000,
        people=[
            {"name": "Patrick Mugisha", "roles": "owner manager", "document": "1198480000000030", "nationality": "RW",
             "shares": "600"},
            {"name": "Aline Kayitesi", "roles": "owner", "document": "1198770000000031", "nationality": "RW",
             "shares": "400"},
        ],
    )  # fmt: skip
    business = d.firm(owner, raw, days=140, holder="Urumuri Tea Hills Ltd")
    d.joins(d.cast.entrepreneur, business, MembershipRole.MANAGER)

    def tea(tonnes: str, value: str, *, kind: str = "tea-export", first: int, days: int) -> Raw:
        return answers.licence(
            kind=kind, hs="090240", description="Black tea BP1 in paper sacks", destination="GB",
            first=story.today - timedelta(days=first), days=days, quantity=tonnes, unit="TNE", value=value,
        )  # fmt: skip

    small = d.licensed(owner, business, tea("6", "15600", first=117, days=170), days=120)
    d.shipped(owner, business, tea_goods(story, story.line_of(small).id, 1, 6000, 80), days=80)
    main = d.licensed(owner, business, tea("24", "62400", first=57, days=170), days=60)
    d.shipped(owner, business, tea_goods(story, story.line_of(main).id, 2, 4500, 25), days=25)
    d.applies(owner, business, tea_goods(story, story.line_of(main).id, 3, 2400, 4), days=4, service="customs")
    d.licensed(owner, business, answers.licence(
        kind="phytosanitary", hs="090240", description="Black tea BP1 in paper sacks", destination="GB",
        first=story.today - timedelta(days=16), days=50, quantity="12", unit="TNE", value="31200",
    ), days=20)  # fmt: skip
    d.listed(owner, business, "Black tea BP1 from Mulindi", channel="alibaba-com", destination="GB", hs="090240",
             quantity="8", unit="TNE", days=14)  # fmt: skip
    d.suspended(
        main, "The quality certificate of lot 14 was withdrawn by the laboratory.", ReasonCode.DOCUMENTS, days=3
    )
    who = story.acting(owner, business)
    origin = d.applies(owner, business, tea("6", "15600", kind="origin", first=-1, days=60), days=16)
    d.asked(origin, "The weight differs from the invoice. Which one is right?",
            ("quantity", "quantity.quantity", "Quantity"), days=15)  # fmt: skip
    d.answered(who, origin, {"quantity": {"quantity": ["5.5"], "unit": ["TNE"], "value": ["14300"],
                                          "currency": ["USD"]}}, days=12)  # fmt: skip
    d.asked(origin, "The invoice is not readable. Please attach a clear copy.",
            ("documents", "documents.commercial_invoice", "Commercial invoice"), days=11)  # fmt: skip


def tea_goods(story: Story, line: int, number: int, kilos: int, days: int) -> Raw:
    sacks = kilos // 60
    return answers.declaration(
        office="KGLDRY", exit_office="RUSUMO", **BRITAIN, mode="3", incoterm="FCA", place="Kigali",
        identity="RAD 000 T", invoice=f"UTH-{number:03d}", invoiced=story.today - timedelta(days=days + 1), hs="090240",
        description="Black tea BP1 in paper sacks", packages=sacks, package_kind="SA", gross=str(kilos + sacks),
        net=str(kilos), value=str(kilos * 26 // 10), line=line,
    )  # fmt: skip


def tour_operator(d: Doings) -> None:
    """A service: no goods and no customs. The licence ends soon and its renewal waits for the supervisor."""
    story, owner = d.story, d.person("inzira", "Eric Ndayisaba")
    raw = answers.registration(
        entity_type="ltd", name="Inzira y'Ingagi Tours", activity="7912", does="Guided travel to the gorillas",
        unit="RW-musanze.muhoza", street="NM 5 Street 12", phone="0788000040", email="inzira@firm.example",
        capital=5_000_000, shares=100,
        people=[{"name": "Eric Ndayisaba", "roles": "owner manager", "document": "1198980000000040",
                 "nationality": "RW", "shares": "100"}],
    )  # fmt: skip
    business = d.firm(owner, raw, days=290, holder="Inzira y'Ingagi Tours Ltd")

    def tours(first: int) -> Raw:
        return answers.licence(
            kind="tour-operator", description="Guided travel in the Volcanoes National Park", destination="CN",
            first=story.today + timedelta(days=first), days=300,
        )  # fmt: skip

    d.licensed(owner, business, tours(-270), days=285)
    d.listed(owner, business, "Four days with the mountain gorillas", channel="fliggy", destination="CN", days=250)
    renewal = d.applies(owner, business, tours(31), days=7)
    d.recommended(renewal, "Insurance and programme cover the coming season; no complaint on file.", days=5)


def chilli_company(d: Doings) -> None:
    """The residue result is pending: the agency waits for the applicant."""
    story, owner = d.story, d.person("pilipili", "Josiane Umutoni")
    raw = answers.registration(
        entity_type="ltd", name="Pili-Pili Nyota", activity="0128", does="Growing and drying chillies",
        unit="RW-bugesera.nyamata", street="Nyamata irrigation scheme, block 7", phone="0788000050",
        email="pilipili@firm.example", capital=8_000_000, shares=100,
        people=[
            {"name": "Nyota Holdings Ltd, by Josiane Umutoni", "roles": "owner", "document": "PC000050",
             "kind": "passport", "nationality": "RW", "shares": "60"},
            {"name": "Josiane Umutoni", "roles": "owner manager", "document": "1199370000000050", "nationality": "RW",
             "shares": "40"},
        ],
    )  # fmt: skip
    business = d.firm(owner, raw, days=50, holder="Pili-Pili Nyota Ltd")
    d.joins(d.cast.agent, business, MembershipRole.AGENT)

    def chilli(kind: str, first: int, days: int) -> Raw:
        return answers.licence(
            kind=kind, hs="090421", description="Dried bird's eye chilli", destination="CN",
            first=story.today + timedelta(days=first), days=days, quantity="2500", value="11250",
        )  # fmt: skip

    pest = d.applies(owner, business, chilli("phytosanitary", -18, 25), days=24)
    d.refused(pest, "Live insects were found in two of eight samples. Treat the lot and apply again.", days=22)
    case = d.applies(owner, business, chilli("horticulture-export", 2, 80), days=6)
    d.asked(case, "China asks for the residue analysis. Please attach it when the laboratory has it.",
            ("documents", "documents.residue_analysis", "Residue analysis"), days=5)  # fmt: skip
    again = d.applies(owner, business, chilli("phytosanitary", 2, 25), days=1)
    d.noted(again, "Second lot of this exporter: look at the treatment certificate first.", days=0.4)


def wood_workshop(d: Doings) -> None:
    """Wood is inspected: the weighbridge disagrees with the declaration. A CITES question is open, too."""
    story, owner = d.story, d.person("imbaho", "Anastase Gatera")
    raw = answers.registration(
        entity_type="individual", name="Imbaho Nziza Workshop", activity="1629", does="Carving and turning wood",
        unit="RW-huye.ngoma", street="Huye crafts centre, stall 6", phone="0788000070", email="imbaho@firm.example",
        people=[{"name": "Anastase Gatera", "roles": "owner", "document": "1198270000000070", "nationality": "RW"}],
    )  # fmt: skip
    business = d.firm(owner, raw, days=66, holder="Imbaho Nziza Workshop")
    permit = d.licensed(owner, business, answers.licence(
        kind="processed-wood", hs="442011", description="Carved statuettes of jacaranda", destination="BE",
        first=story.today - timedelta(days=34), days=170, quantity="600", unit="H87", value="10800",
    ), days=45)  # fmt: skip
    declared = d.applies(owner, business, answers.declaration(
        office="KGLAIR", exit_office="KGLAIR", consignee="Maison du Bois SPRL", address="Rue Haute 214, Bruxelles",
        destination="BE", mode="4", incoterm="FCA", place="Kigali", invoice="IMB-021",
        invoiced=story.today - timedelta(days=3), hs="442011", description="Carved statuettes of jacaranda",
        packages=9, package_kind="CR", gross="198", net="180", value="3240", line=story.line_of(permit).id,
        quantity="180", unit="H87",
    ), days=1, service="customs")  # fmt: skip
    d.noted(
        declared, "Weighbridge: 236 kg for 9 crates, 198 kg declared. Opened crates 2 and 7; being counted again.",
        days=0.3,
    )  # fmt: skip
    cites = d.applies(owner, business, answers.licence(
        kind="cites", hs="442011", description="Bowls and figures of Pterocarpus (muninga)", destination="BE",
        first=story.today + timedelta(days=12), days=170, quantity="40", unit="H87", value="2600",
    ), days=9)  # fmt: skip
    d.noted(cites, "Asked the herbarium to confirm the species from the photographs.", days=6)
    d.applies(owner, business, answers.licence(
        kind="processed-wood", hs="441920", description="Salad bowls and spoons of grevillea", destination="BE",
        first=story.today + timedelta(days=6), days=120, quantity="350", unit="H87", value="4200",
    ), days=2)  # fmt: skip
