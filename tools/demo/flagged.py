"""Teams of the demo's officials, and what flags do: one case that is blocked, and one whose flag was cleared."""

from datetime import timedelta

from sqlalchemy import select

from app.businesses.models import Business, BusinessState
from app.cases import flags
from app.cases.models import Case
from app.identity import teams
from app.identity.actor import MembershipRole
from app.identity.models import AgencyMember, Membership, User
from tools.demo import answers
from tools.demo.cast import Cast
from tools.demo.doings import Doings
from tools.demo.story import Story

# Both customs teams: the demo has one customs clerk.
TEAMS = {"RW": ("rra-airport", "rra-inland"), "CG": ("dgddi-port", "dgddi-brazzaville")}
KIND = {"RW": ("coffee-export", "090111", "JP"), "CG": ("export-declaration", "180632", "FR")}
WORDS = {
    "RW": {
        "huge": "Green coffee, whole harvest of three stations",
        "large": "Green coffee for a first buyer in Japan",
        "why": "The contract with the buyer and the bank's letter were seen; the price is that of the market.",
    },
    "CG": {
        "huge": "Chocolat noir, commande annuelle d'un distributeur",
        "large": "Chocolat noir pour un premier acheteur au Japon",
        "why": "Le contrat et la lettre de la banque ont été vus ; le prix est celui du marché.",
    },
}


def tell(story: Story, cast: Cast) -> None:
    country = story.pack.country
    assert cast.customs.user_id is not None
    teams.set_teams(story.session, cast.customs.user_id, TEAMS[country])
    doings, words = Doings(story, cast), WORDS[country]
    owner, business = _firm(story)
    _applies(doings, owner, business, words["huge"], "1950000", days=2)
    seen = _applies(doings, owner, business, words["large"], "1100000", days=3)
    with story.ago(1):
        for flag in flags.of_case(story.session, seen.id):
            if flags.may_clear(story.session, seen, flag, cast.supervisor, {}):
                flags.clear(story.session, seen, flag.id, cast.supervisor, words["why"])


def _firm(story: Story) -> tuple[User, Business]:
    """The latest one that is active and has no official among its people, with its owner."""
    inside = (
        select(Membership.id)
        .join(AgencyMember, AgencyMember.user_id == Membership.user_id)
        .where(Membership.business_id == Business.id)
    )
    row = story.session.execute(
        select(User, Business)
        .join(Membership, Membership.user_id == User.id)
        .join(Business, Business.id == Membership.business_id)
        .where(
            Membership.role == MembershipRole.OWNER.value,
            Business.state == BusinessState.ACTIVE.value,
            ~inside.exists(),
        )
        .order_by(Business.registered_at.desc(), Business.id)
    ).first()
    assert row is not None  # the tales registered firms
    return row[0], row[1]


def _applies(doings: Doings, owner: User, business: Business, what: str, value: str, *, days: int) -> Case:
    kind, hs, destination = KIND[doings.story.pack.country]
    raw = answers.licence(
        kind=kind, hs=hs, description=what, destination=destination, first=doings.story.today + timedelta(days=5),
        days=60, quantity="150000", value=value,
    )  # fmt: skip
    return doings.applies(owner, business, raw, days=days)
