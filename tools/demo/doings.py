"""What firms and officials do in both countries: registering, applying, shipping, deciding."""

from decimal import Decimal

from sqlalchemy.orm import Session

from app.businesses.models import Business
from app.cases import engine
from app.cases.models import Case, Outcome
from app.cases.workflow import Action, State
from app.identity import memberships
from app.identity.actor import Actor, MembershipRole, Role
from app.identity.models import User
from app.permits import lifecycle
from app.permits.lifecycle import ReasonCode
from app.trade import listings
from app.trade.models import Listing
from app.trade.readiness import Question
from tools.demo.cast import Cast
from tools.demo.story import Raw, Story

AGREED = {
    "RW": {
        "registration": "Name, form and papers are in order.",
        "export_licence": "The documents support what is asked for.",
        "customs": "Documents and quantity agree.",
        "inspected": "Inspected: seals and weight agree.",
    },
    "CG": {
        "registration": "Le nom, la forme et les pièces sont en règle.",
        "export_licence": "Les pièces justifient ce qui est demandé.",
        "customs": "Les documents et les quantités concordent.",
        "inspected": "Marchandises visitées : scellés et poids conformes.",
    },
}


class Doings:
    """Steps that take several of the engine's. ``days`` always counts back from the moment the demo is made."""

    def __init__(self, story: Story, cast: Cast) -> None:
        self.story = story
        self.cast = cast

    @property
    def session(self) -> Session:
        return self.story.session

    def person(self, local: str, name: str) -> User:
        return self.story.person(f"{local}@firm.example", name, Role.ENTREPRENEUR)

    def clerk(self, case: Case) -> Actor:
        """The one of the cast who works for the case's agency."""
        pack = self.story.pack
        if case.agency == pack.registration_agency:
            return self.cast.registrar
        return self.cast.customs if case.agency == pack.customs_agency else self.cast.licensing

    # --- applying -------------------------------------------------------------------------------------------------

    def sent(self, who: Actor, service: str, raw: Raw, *, days: float, holder: str, paid: bool = True) -> Case:
        """An application that was sent, and paid where it costs something, and waits."""
        with self.story.ago(days):
            case = self.story.draft(who, service, raw, holder=holder)
            self.story.submit(who, case)
            if paid:
                self.story.pay(who, case)
        return case

    def unfinished(
        self, who: Actor, service: str, raw: Raw, *, days: float, holder: str, without: tuple[str, ...] = ()
    ) -> Case:
        """A draft with whatever mistakes the answers have."""
        with self.story.ago(days):
            return self.story.draft(who, service, raw, holder=holder, without=without, strict=False)

    def applies(
        self,
        owner: User,
        business: Business,
        raw: Raw,
        *,
        days: float,
        service: str = "export_licence",
        paid: bool = True,
    ) -> Case:
        who = self.story.acting(owner, business)
        return self.sent(who, service, raw, days=days, holder=business.name, paid=paid)

    def joins(self, user: User, business: Business, role: MembershipRole) -> None:
        memberships.add(self.session, user.id, business.id, role)

    # --- deciding -------------------------------------------------------------------------------------------------

    def agreed(self, about: str) -> str:
        return AGREED[self.story.pack.country][about]

    def approved(self, case: Case, *, days: float) -> Case:
        """By the agency's clerk and the supervisor; a declaration by one officer unless its lane wants two."""
        clerk = self.clerk(case)
        with self.story.ago(days, hours=4):
            if case.service != "customs":
                return self.story.approve(clerk, self.cast.supervisor, case, self.agreed(case.service))
            self.story.take(clerk, case)
            if Action.APPROVE in self.story.possible(clerk, case):
                return self.story.do(clerk, case, Action.APPROVE, self.agreed("customs"))
            self.story.recommend(clerk, case, self.agreed("inspected"))
            return self.story.do(self.cast.supervisor, case, Action.APPROVE)

    def refused(self, case: Case, reason: str, *, days: float) -> Case:
        with self.story.ago(days, hours=4):
            return self.story.refuse(self.clerk(case), self.cast.supervisor, case, reason)

    def recommended(
        self, case: Case, reason: str, *, days: float, outcome: Outcome = Outcome.APPROVE, hours: float = 4
    ) -> Case:
        with self.story.ago(days, hours=hours):
            self.taken(case)
            return self.story.recommend(self.clerk(case), case, reason, outcome)

    def asked(self, case: Case, question: str, *fields: tuple[str, str, str], days: float) -> Case:
        with self.story.ago(days, hours=4):
            self.taken(case)
            return self.story.ask(self.clerk(case), case, question, *fields)

    def taken(self, case: Case) -> None:
        """Now, unless the clerk has it already."""
        if State(case.state) is State.SUBMITTED:
            self.story.take(self.clerk(case), case)

    def answered(self, who: Actor, case: Case, changes: Raw, *, days: float) -> Case:
        with self.story.ago(days):
            self.story.fill(case, changes)
            return self.story.submit(who, case)

    def noted(self, case: Case, text: str, *, days: float, hours: float = 5) -> None:
        with self.story.ago(days, hours=hours):
            self.taken(case)
            engine.add_note(self.session, case, self.clerk(case), text)

    def suspended(self, case: Case, reason: str, code: ReasonCode, *, days: float) -> None:
        """The permit that came of ``case``, by the supervisor."""
        with self.story.ago(days):
            permit = self.story.permit_of(case)
            lifecycle.suspend(self.session, permit, self.cast.supervisor, reason, reason_code=code)

    # --- selling --------------------------------------------------------------------------------------------------

    def listed(
        self,
        owner: User,
        business: Business,
        title: str,
        *,
        channel: str,
        destination: str,
        days: float,
        hs: str = "",
        quantity: str = "",
        unit: str = "KGM",
    ) -> Listing:
        """Saved by the owner: ready when everything it needs is held on that day."""
        offered = (Decimal(quantity), unit) if quantity else (None, None)
        asked = Question(hs, destination, channel, *offered)
        with self.story.ago(days):
            who = self.story.acting(owner, business)
            key = f"demo-{business.id}-{channel}-{hs}-{destination}"
            return listings.create(self.session, who, listings.NewListing(title, asked), idempotency_key=key)

    # --- whole roads ----------------------------------------------------------------------------------------------

    def firm(self, owner: User, raw: Raw, *, days: float, holder: str) -> Business:
        """A registration that went the whole way ``days`` ago."""
        case = self.sent(self.story.acting(owner), "registration", raw, days=days, holder=holder)
        self.approved(case, days=days - 1)
        return self.story.business_of(case)

    def licensed(self, owner: User, business: Business, raw: Raw, *, days: float) -> Case:
        case = self.applies(owner, business, raw, days=days)
        return self.approved(case, days=days - 1)

    def shipped(self, owner: User, business: Business, raw: Raw, *, days: float) -> Case:
        """A declaration lodged, paid and released on one day."""
        case = self.applies(owner, business, raw, days=days, service="customs")
        return self.approved(case, days=days)
