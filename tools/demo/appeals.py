"""A refusal somebody appealed against, and an approval that was found wrong and decided anew."""

import pyotp
from sqlalchemy import select

from app.cases import appeals
from app.cases.models import Case, Decision
from app.cases.work import Payload
from app.cases.workflow import Action, State
from app.identity import people
from app.identity.actor import Actor, Role
from app.permits import lookup
from app.permits.models import PermitState
from tools.demo.cast import Cast
from tools.demo.story import Story

WORDS = {
    "en": {
        "why": "The samples were taken before the lot was fumigated. Please take others: it is clean now.",
        "wrong": "The quantity on the weight certificate was read wrongly.",
        "again": "Read again with the weight certificate: it fits the invoice.",
    },
    "fr": {
        "why": "Le bois a été scié avant la visite : ce ne sont plus des grumes. Veuillez le voir de nouveau.",
        "wrong": "La quantité du certificat de poids a été mal lue.",
        "again": "Relu avec le certificat de poids : il correspond à la facture.",
    },
}


SECOND = {"RW": "Epimaque Nsengimana", "CG": "Clarisse Bemba"}


def tell(story: Story, cast: Cast) -> None:
    words = WORDS[story.pack.default_language]
    with story.ago(390):
        user = story.person(
            "second@demo.example", SECOND[story.pack.country], Role.SUPERVISOR, *sorted(cast.supervisor.agencies),
            secret=pyotp.random_base32(),
        )  # fmt: skip
    second = story.acting(user)
    approved = _latest(story, State.APPROVED)
    if approved is not None:
        case, decision = approved
        clerk = people.user(story.session, decision.recommended_by or 0)
        with story.ago(3):
            _confirm(story, cast, second, story.acting(clerk), case, words)
    refused = _latest(story, State.REFUSED)
    if refused is not None:
        case, _decision = refused
        with story.ago(1):
            user = people.user(story.session, case.applicant_id)
            appeals.lodge(story.session, case, story.acting(user), why=words["why"], declared=True)


def _confirm(story: Story, cast: Cast, second: Actor, clerk: Actor, case: Case, words: dict[str, str]) -> None:
    """Who decided opens it, the clerk looks again, and another supervisor decides the same."""
    wrong = Payload(reasons=("correct-document",))
    story.do(cast.supervisor, case, Action.CORRECT, words["wrong"], wrong)
    story.approve(clerk, second, case, words["again"])


def _latest(story: Story, state: State) -> tuple[Case, Decision] | None:
    """A licence decided so, not long ago but with time for what follows; nothing declared on what it issued."""
    wanted = (
        select(Case, Decision)
        .join(Decision, Decision.case_id == Case.id)
        .where(Case.service == "export_licence", Case.state == state.value, Decision.recommended_by.is_not(None))
        .order_by(Decision.decided_at.desc())
        .limit(20)
    )
    for case, decision in story.session.execute(wanted):
        permits = lookup.by_case(story.session, case.id)
        drawn = any(line.reserved or line.consumed for permit in permits for line in permit.lines)
        active = all(permit.state == PermitState.ACTIVE for permit in permits)
        if 4 < (story.now - decision.decided_at).days < 28 and active and not drawn:
            return case, decision
    return None
