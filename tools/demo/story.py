"""Telling the demo's stories: every step goes through the engine, at the moment it is said to have happened."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.businesses.models import Business
from app.cases import drafts, engine, registry
from app.cases.models import Case, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.documents import store
from app.documents.models import Upload
from app.fees import charges, payments
from app.fees.models import Payment
from app.fees.providers import Outcome as PaymentOutcome
from app.fees.providers import Status
from app.identity import memberships, people
from app.identity.actor import Actor, Role
from app.identity.models import User
from app.jurisdictions import load
from app.permits.models import Permit, PermitLine
from tools.demo import PASSWORD
from tools.demo.papers import specimen

Raw = dict[str, dict[str, list[str]]]
PAYS_FROM = {"RW": "0788000001", "CG": "066000001"}  # a mobile-money number of the country's provider


def written(day: date) -> list[str]:
    """A day as the three inputs of a date field would send it."""
    return [str(day.day), str(day.month), str(day.year)]


class Story:
    """The people and their doings in one country. ``now`` is the moment the demo is made."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session = session
        self.now = now
        self.pack = load.current()
        self.today = now.astimezone(self.pack.zone).date()

    @contextmanager
    def ago(self, days: float, hours: float = 0) -> Iterator[None]:
        """Inside the block it is ``days`` before the demo is made, in office hours, and never later than that."""
        moment = (self.now - timedelta(days=days)).astimezone(self.pack.zone)
        with self.at(moment.replace(hour=9, minute=12) + timedelta(hours=hours)):
            yield

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        with clock.at(min(moment, self.now)):
            yield

    # --- people ---------------------------------------------------------------------------------------------------

    def person(self, email: str, name: str, role: Role, *agencies: str, secret: str | None = None) -> User:
        return people.create_user(
            self.session,
            email=email,
            name=name,
            password=PASSWORD,
            role=role,
            locale=self.pack.locale(self.pack.default_language),
            agencies=agencies,
            totp_secret=secret,
            is_demo=email.endswith("@demo.example"),
        )

    def acting(self, user: User, business: Business | None = None) -> Actor:
        held = memberships.businesses_of(self.session, user.id)
        return Actor(
            kind="user",
            name=user.name,
            user_id=user.id,
            role=Role(user.role),
            agencies=frozenset(people.agencies_of(self.session, user.id)),
            memberships=held,
            business_id=business.id if business else None,
            locale=user.locale,
            second_factor=Role(user.role).official,
        )

    # --- the applicant --------------------------------------------------------------------------------------------

    def draft(
        self, who: Actor, service: str, raw: Raw, *, holder: str, without: tuple[str, ...] = (), strict: bool = True
    ) -> Case:
        """Start a case and fill it in; ``without`` leaves documents out, ``strict`` insists on right answers."""
        key = uuid.uuid5(uuid.NAMESPACE_URL, f"kibali-demo/{who.user_id}/{service}/{raw}").hex
        case = engine.start(self.session, service, who, idempotency_key=key)
        self.fill(case, raw, strict=strict)
        self.attach(case, holder, without)
        return case

    def fill(self, case: Case, raw: Raw, *, strict: bool = True) -> None:
        definition = registry.service(case.service)
        for step in definition.steps:
            context = drafts.context(self.session, definition, self.pack, case)
            if step.key not in raw or not step.applies(context):
                continue
            form = step.form(raw[step.key], context=context)
            complete = form.validate()
            if strict and not complete:
                raise ValueError(f"{case.service}/{step.key}: {[str(p.message) for p in form.problems()]}")
            drafts.save(self.session, case, step, form, complete=complete)
        answers = {key: kept.get("clean") or {} for key, kept in case.draft.items()}
        case.title = definition.case_title(self.pack, answers)
        case.search = f"{case.reference} {case.title}".upper()

    def attach(self, case: Case, holder: str, without: tuple[str, ...] = ()) -> None:
        definition = registry.service(case.service)
        answers = dict(drafts.context(self.session, definition, self.pack, case).answers)
        for requirement in definition.documents(self.pack, answers):
            if not requirement.required or requirement.code in without:
                continue
            content = specimen(str(requirement.title), holder)
            self.session.add(
                Upload(
                    case_id=case.id,
                    code=requirement.code,
                    filename=f"{requirement.code}.png",
                    media_type="image/png",
                    sha256=store.current().put(content),
                    size=len(content),
                    uploaded_by=case.applicant_id,
                    uploaded_at=clock.now(),
                )
            )
        self.session.flush()

    def submit(self, who: Actor, case: Case) -> Case:
        return self.do(who, case, Action.SUBMIT, payload=Payload(declared=True))

    def pay(self, who: Actor, case: Case) -> None:
        """Settle the case's bill, if it has one, as the provider's word would."""
        if State(case.state) is State.AWAITING_PAYMENT:
            self.told(self.attempt(who, case), PaymentOutcome.SUCCESSFUL)

    def attempt(self, who: Actor, case: Case) -> Payment:
        charge = charges.for_case(self.session, case.id)
        assert charge is not None
        return payments.start(self.session, charge, PAYS_FROM[self.pack.country], who)

    def told(self, payment: Payment, outcome: PaymentOutcome, reason: str = "") -> None:
        """The provider says how the attempt goes."""
        payments.learn(self.session, payment.id, Status(outcome, reason))

    def pay_twice(self, who: Actor, case: Case) -> None:
        """The first attempt gets no answer in time, the second succeeds; then the first turns out to have, too."""
        moment = clock.now()
        first = self.attempt(who, case)
        with self.at(moment + timedelta(minutes=6)):
            self.told(first, PaymentOutcome.PENDING)
        with self.at(moment + timedelta(minutes=9)):
            self.told(self.attempt(who, case), PaymentOutcome.SUCCESSFUL)
        with self.at(moment + timedelta(minutes=31)):
            self.told(first, PaymentOutcome.SUCCESSFUL)

    def pay_at_second_try(self, who: Actor, case: Case, reason: str) -> None:
        moment = clock.now()
        self.told(self.attempt(who, case), PaymentOutcome.FAILED, reason)
        with self.at(moment + timedelta(minutes=12)):
            self.told(self.attempt(who, case), PaymentOutcome.SUCCESSFUL)

    # --- officials ------------------------------------------------------------------------------------------------

    def do(self, who: Actor, case: Case, action: Action, reason: str = "", payload: Payload | None = None) -> Case:
        return engine.perform(self.session, case, action, who, version=case.version, reason=reason, payload=payload)

    def take(self, who: Actor, case: Case) -> Case:
        return self.do(who, case, Action.TAKE)

    def ask(self, who: Actor, case: Case, question: str, *fields: tuple[str, str, str]) -> Case:
        asked = tuple(AskedField(*field) for field in fields)
        return self.do(who, case, Action.ASK, question, Payload(fields=asked))

    def recommend(self, who: Actor, case: Case, reason: str, outcome: Outcome = Outcome.APPROVE) -> Case:
        return self.do(who, case, Action.RECOMMEND, reason, Payload(outcome=outcome))

    def approve(self, clerk: Actor, supervisor: Actor, case: Case, reason: str) -> Case:
        """Take, recommend and approve, a day apart."""
        moment = clock.now()
        self.take(clerk, case)
        with self.at(moment + timedelta(hours=3)):
            self.recommend(clerk, case, reason)
        with self.at(moment + timedelta(days=1)):
            return self.do(supervisor, case, Action.APPROVE)

    def refuse(self, clerk: Actor, supervisor: Actor, case: Case, reason: str) -> Case:
        self.take(clerk, case)
        self.recommend(clerk, case, reason, Outcome.REFUSE)
        return self.do(supervisor, case, Action.REFUSE, reason)

    def possible(self, who: Actor, case: Case) -> set[Action]:
        return {transition.action for transition in engine.available(self.session, case, who)}

    # --- what came of it ------------------------------------------------------------------------------------------

    def business_of(self, case: Case) -> Business:
        return self.session.scalars(select(Business).where(Business.case_id == case.id)).one()

    def permit_of(self, case: Case) -> Permit:
        return self.session.scalars(select(Permit).where(Permit.case_id == case.id)).one()

    def line_of(self, case: Case) -> PermitLine:
        return self.permit_of(case).lines[0]
