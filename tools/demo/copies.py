"""Certified copies in the demo: one of a permit, paid for a bank; one asked for a tender and not paid yet."""

from sqlalchemy import select

from app.cases import copies
from app.cases.copies import Wanted
from app.cases.copies_models import CertifiedCopy
from app.documents.models import Record
from app.fees import payments
from app.fees.models import Charge
from app.fees.providers import Outcome, Status
from app.permits.models import Permit
from tools.demo.cast import Cast
from tools.demo.story import PAYS_FROM, Story

TEXTS = {
    "en": ("Export credit, file 2026-118", "Call for tenders 07/2026"),
    "fr": ("Crédit à l'exportation, dossier 2026-118", "Appel d'offres 07/2026"),
}


def tell(story: Story, cast: Cast) -> None:
    bank, tender = TEXTS[story.pack.default_language]
    paper = _paper(story, cast)
    if paper is None:
        return
    with story.ago(3):
        paid = _ask(story, cast, paper, Wanted("copy-bank", bank, story.pack.default_language), "demo-copy-of-the-bank")
        if paid.charge_id is not None:
            charge = story.session.get_one(Charge, paid.charge_id)
            payment = payments.start(
                story.session, charge, PAYS_FROM[story.pack.country], story.acting(cast.entrepreneur)
            )
            payments.learn(story.session, payment.id, Status(Outcome.SUCCESSFUL))
    with story.ago(1):
        _ask(story, cast, paper, Wanted("copy-tender", tender, "fr"), "demo-copy-of-the-tender")


def _ask(story: Story, cast: Cast, paper: Record, wanted: Wanted, key: str) -> CertifiedCopy:
    who = story.acting(cast.entrepreneur)
    record, official = copies.original(story.session, who, paper.code)
    return copies.ask(story.session, story.pack, who, record, wanted, official=official, idempotency_key=key)


def _paper(story: Story, cast: Cast) -> Record | None:
    """Of the entrepreneur's first permit."""
    held = story.acting(cast.entrepreneur).memberships
    wanted = (
        select(Record)
        .join(Permit, Permit.record_id == Record.id)
        .where(Permit.business_id.in_(list(held)))
        .order_by(Permit.id)
    )
    return story.session.scalars(wanted.limit(1)).one_or_none()
