"""What the demo's auditor saw: a finding that waits for its answer, an answered one, and a marked case."""

from sqlalchemy import select

from app.cases import findings
from app.cases.findings import Content
from app.cases.findings_models import Severity
from app.cases.models import Case, Decision, Outcome
from app.jurisdictions import load
from app.statistics import patterns
from tools.demo.cast import Cast
from tools.demo.story import Story

WORDS = {
    "en": {
        "quick": "Weight certificate not compared before approval",
        "quick_seen": "The approval names the invoice alone. The history does not show that the weight certificate was "
        "opened before the decision, though its hash differs from the one sent with the first licence.",
        "quick_basis": "Licensing procedure, step 4: compare weight and invoice",
        "refusal": "Refusal without its legal basis",
        "refusal_seen": "The reason tells the applicant what to do, but names no article, and not how to appeal.",
        "refusal_basis": "Administrative procedure: reasons of a refusal and means of appeal",
        "answer": "The reason was typed by hand. The laboratory's result stood behind it and is in the file.",
        "done": "The agency's list of reasons now names the article. The applicant was told how to appeal.",
        "mark": "Compare with the next licence of this exporter.",
    },
    "fr": {
        "quick": "Certificat de poids non comparé avant l'approbation",
        "quick_seen": "L'approbation ne cite que la facture. L'historique ne montre pas que le certificat de poids a "
        "été ouvert avant la décision.",
        "quick_basis": "Procédure de délivrance, étape 4 : comparer le poids et la facture",
        "refusal": "Refus sans base légale",
        "refusal_seen": "Le motif dit au demandeur que faire, mais ne cite aucun article ni la voie de recours.",
        "refusal_basis": "Procédure administrative : motifs du refus et voies de recours",
        "answer": "Le motif a été saisi à la main. Le résultat du laboratoire le justifie ; il est au dossier.",
        "done": "La liste des motifs de l'agence cite désormais l'article. Le demandeur connaît la voie de recours.",
        "mark": "Comparer avec la prochaine licence de cet exportateur.",
    },
}


def tell(story: Story, cast: Cast) -> None:
    words = WORDS[story.pack.default_language]
    approved, refused = _decided(story, Outcome.APPROVE), _decided(story, Outcome.REFUSE)
    if approved is not None:
        with story.ago(12):
            content = _content(approved, words, "quick", Severity.MINOR, days=5)
            finding = findings.write(story.session, story.pack, cast.auditor, approved, content)
            findings.mark(story.session, cast.auditor, approved, words["mark"])
            findings.send(story.session, story.pack, cast.auditor, finding, approved, version=finding.version)
    if refused is not None:
        with story.ago(10):
            content = _content(refused, words, "refusal", Severity.OBSERVATION, days=10)
            finding = findings.write(story.session, story.pack, cast.auditor, refused, content)
            findings.send(story.session, story.pack, cast.auditor, finding, refused, version=finding.version)
        with story.ago(4):
            findings.answer(
                story.session, cast.supervisor, finding, refused, text=words["answer"], done=words["done"],
                version=finding.version,
            )  # fmt: skip
    patterns.refresh(story.session, load.current())


def _decided(story: Story, outcome: Outcome) -> Case | None:
    """The latest licence decided so, and long enough ago."""
    wanted = (
        select(Case)
        .join(Decision, Decision.case_id == Case.id)
        .where(Case.service == "export_licence", Decision.outcome == outcome.value)
        .order_by(Decision.decided_at.desc())
    )
    found = story.session.scalars(wanted).all()
    return next((case for case in found if case.decided_at and (story.now - case.decided_at).days > 13), None)


def _content(case: Case, words: dict[str, str], about: str, severity: Severity, *, days: int) -> Content:
    return Content(
        title=words[about],
        agency=case.agency or "",
        seen=words[f"{about}_seen"],
        severity=severity.value,
        legal_basis=words[f"{about}_basis"],
        answer_days=days,
    )
