"""A schedule at work: a legal hold, the disposal of an old withdrawn case with its certificate, a copy asked for."""

from datetime import timedelta

from sqlalchemy import select

from app.cases import disposals, disposing, holds, privacy
from app.cases.models import Case
from app.cases.retention_models import Disposal, DisposalItem
from app.cases.workflow import Action, State
from app.identity.actor import Role
from app.identity.models import User
from tools.demo import answers
from tools.demo.cast import Cast
from tools.demo.story import Story

WORDS = {
    "en": {
        "why": "The court has asked for the file.",
        "proceeding": "Commercial Court, RCOM 214/2026",
        "propose": "The year after the withdrawal is over.",
        "approve": "Each reference compared with the register.",
    },
    "fr": {
        "why": "Le tribunal a demandé le dossier.",
        "proceeding": "Tribunal de commerce, RC 214/2026",
        "propose": "L'année qui suit le retrait est écoulée.",
        "approve": "Chaque référence a été comparée au registre.",
    },
}
FIRMS = {
    "RW": answers.registration(
        entity_type="individual", name="Umutako Crafts", activity="1629", does="Woven wall hangings",
        unit="RW-gasabo.kimironko", street="KG 17 Avenue 2", phone="0788000077", email="umutako@firm.example",
        people=[{"name": "Jean Bosco Habimana", "roles": "owner", "document": "1198580000000077", "nationality": "RW"}],
    ),
    "CG": answers.registration(
        entity_type="sarlu", name="Atelier Ancien", activity="1629", does="Objets en bois", unit="CG.c.ouesso",
        street="Avenue Centrale 2", phone="066000077", email="ancien@firm.example", capital=1_000_000, shares=100,
        people=[{"name": "Guy-Roland Okemba", "roles": "owner manager", "document": "999000000077",
                 "nationality": "CG", "shares": "100"}],
    ),
}  # fmt: skip


def tell(story: Story, cast: Cast) -> None:
    words, session, pack = WORDS[story.pack.default_language], story.session, story.pack
    agent = story.acting(cast.agent)
    with story.ago(395):
        old = story.draft(agent, "registration", FIRMS[pack.country], holder=cast.agent.name)
        old = story.submit(agent, old)
    with story.ago(392):
        old = story.do(agent, old, Action.WITHDRAW)
    administrator = story.acting(session.scalars(select(User).where(User.role == Role.ADMINISTRATOR.value)).one())
    with story.ago(6):
        disposals.find(session, pack)
        item = session.scalars(select(DisposalItem).where(DisposalItem.case_id == old.id)).one()
        disposal = session.get_one(Disposal, item.disposal_id)
        disposals.propose(session, administrator, disposal, reason=words["propose"], version=disposal.version)
    with story.ago(5):
        disposals.approve(session, cast.supervisor, disposal, reason=words["approve"], version=disposal.version)
        while disposing.step(session, pack, disposal.id):
            pass
    refused = session.scalars(select(Case).where(Case.state == State.REFUSED.value).order_by(Case.id)).first()
    if refused is not None:
        with story.ago(4):
            target = holds.Target(refused.reference, case_id=refused.id)
            holds.place(
                session, pack, cast.auditor, target, reason=words["why"], proceeding=words["proceeding"],
                review_on=story.today + timedelta(days=60),
            )  # fmt: skip
    with story.ago(1):
        privacy.ask_copy(session, pack, story.acting(cast.entrepreneur))
