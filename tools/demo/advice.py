"""Advice and visits of the demo: an agency has answered, an expert has a link, a visit is planned, one was held."""

from datetime import timedelta

from sqlalchemy import select

from app.businesses.models import Business
from app.cases import advice, advice_links, inspection_reports, inspections
from app.cases.inspection_models import Inspection, Result
from app.cases.models import Case, Submission
from app.cases.workflow import State
from app.core import clock
from app.identity.actor import Actor
from app.jurisdictions import lookup, working_days
from tools.demo.cast import Cast
from tools.demo.story import Story

WORDS = {
    "en": {
        "tax": "Does the customs office hold anything against this exporter: open declarations, unpaid duties?",
        "tax_answer": "No open declarations and nothing unpaid. Two shipments this year, both released at once.",
        "expert": "Prof. Odette Nyirahirwa",
        "expert_question": "Are the quantity and the value plausible for goods of this kind at this time of the year?",
        "about": "The goods for export, their marks, and the stock book",
        "present": "The manager and a storekeeper",
        "seen": "The goods are marked and dry. The stock book is kept by hand and lacks two entries.",
        "remark": "Two entries of the stock book are missing",
    },
    "fr": {
        "tax": "Le bureau des douanes a-t-il quelque chose contre cet exportateur : déclarations ouvertes, impayés ?",
        "tax_answer": "Aucune déclaration ouverte, rien d'impayé. Deux envois cette année, libérés sans délai.",
        "expert": "Pr Odette Massamba",
        "expert_question": "La quantité et la valeur sont-elles plausibles pour ces marchandises en cette saison ?",
        "about": "Les marchandises à exporter, leur marquage et le registre du stock",
        "present": "Le gérant et un magasinier",
        "seen": "Les marchandises sont marquées et sèches. Le registre du stock est tenu à la main ; il y manque deux "
        "lignes.",
        "remark": "Deux lignes manquent au registre",
    },
}


def tell(story: Story, cast: Cast) -> None:
    words = WORDS[story.pack.default_language]
    clerk = cast.licensing
    held = _held(story, clerk)
    if not held:
        return
    first, other = held[0], held[-1]
    _asked(story, cast, first, words)
    with story.ago(0.1):
        story.session.refresh(other)
        expert = advice_links.Expert(words["expert"], "expert@lab.example", clerk.locale)
        advice_links.ask_expert(
            story.session, story.pack, clerk, other, expert, _question(story, other, words, "expert_")
        )
    with story.at(story.now):
        _planned(story, clerk, other, words, days=4)
    _reported(story, clerk, first, words)


def _held(story: Story, clerk: Actor) -> list[Case]:
    """What the licensing clerk is at work on, the oldest first."""
    wanted = select(Case).where(
        Case.assigned_to == clerk.user_id, Case.state.in_([State.IN_REVIEW.value, State.RECOMMENDED.value])
    )
    return list(story.session.scalars(wanted.order_by(Case.submitted_at, Case.id)))


def _question(story: Story, case: Case, words: dict[str, str], which: str = "") -> advice.Question:
    text = words[f"{which}question"] if which else words["tax"]
    return advice.Question(text, ("product", "kind", "quantity", "validity"), _papers(story, case))


def _papers(story: Story, case: Case) -> tuple[int, ...]:
    submission = story.session.get_one(Submission, case.current_submission_id)
    return tuple(each["upload_id"] for each in submission.documents[:1])


def _asked(story: Story, cast: Cast, case: Case, words: dict[str, str]) -> None:
    with story.ago(1.2):
        question = _question(story, case, words)
        asked = advice.ask_agency(story.session, story.pack, cast.licensing, case, story.pack.customs_agency, question)
    with story.ago(0.5):
        advice.take(story.session, cast.customs, asked, version=asked.version)
        given = advice.Answer("no_objection", words["tax_answer"])
        advice.answer(story.session, story.pack, cast.customs, asked, given, version=asked.version)


def _planned(story: Story, clerk: Actor, case: Case, words: dict[str, str], *, days: int) -> Inspection:
    day = working_days.add(story.pack, clock.now(), days).astimezone(story.pack.zone)
    starts_at = day.replace(hour=10, minute=0)
    business = story.session.get_one(Business, case.business_id)
    place = f"{business.street}, {lookup.unit(story.pack, business.unit_code).name}"
    wanted = inspections.Appointment(
        place, words["about"], starts_at, starts_at + timedelta(hours=2), (clerk.user_id or 0,)
    )
    return inspections.plan(story.session, story.pack, clerk, case, wanted)


def _reported(story: Story, clerk: Actor, case: Case, words: dict[str, str]) -> None:
    with story.ago(8):
        visit = _planned(story, clerk, case, words, days=3)
    with story.at(visit.starts_at + timedelta(hours=3)):
        items = inspection_reports.checklist(story.pack, case)
        findings = [inspection_reports.Finding(item.code, "ok") for item in items]
        if findings:
            findings[1] = inspection_reports.Finding(items[1].code, "not_ok", words["remark"])
        written = inspection_reports.Written(words["present"], Result.REMARKS, words["seen"], tuple(findings))
        inspection_reports.write(story.session, story.pack, clerk, visit, written, version=visit.version)
