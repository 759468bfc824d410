"""What a recommendation or a decision rested on, kept as it was then: the checks, their rules, the legal basis."""

from typing import Any

from app.cases import inspection_reports
from app.cases.fee_check import fee_check
from app.cases.models import Sentences
from app.cases.registry import Check
from app.cases.work import Work
from app.core import i18n


def checks(work: Work) -> Sentences:
    """Each check as the official saw it, in their language, with its rule and the version of the rules."""
    context = work.context()
    found = list(work.definition.checks(context))
    fee = fee_check(context)
    visits = inspection_reports.checks(inspection_reports.of_case(work.session, work.case))
    return [_kept(work, each) for each in [*found, *([fee] if fee is not None else []), *visits]]


def _kept(work: Work, check: Check) -> dict[str, Any]:
    return {
        "title": str(check.title),
        "passed": check.passed,
        "detail": str(check.detail),
        "rule": check.rule,
        "rules": work.pack.version,
        "locale": i18n.language(),
    }


def legal_ref(work: Work) -> str:
    """By which law or order the service decides at all; each reason and condition has its own beside."""
    return work.definition.legal_basis(work.pack, work.submission.data if work.submission is not None else {})
