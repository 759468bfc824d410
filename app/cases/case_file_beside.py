"""Advice and visits in the case file that people read; the one for machines has the rows."""

from typing import Any

from app.cases import advice_mail, grounds
from app.cases.advice_models import OPINION_TITLES, STATE_TITLES, Advice
from app.cases.case_file import CaseFile
from app.cases.inspection_models import FOUND_TITLES, RESULT_TITLES, InspectionReport
from app.cases.inspection_models import STATE_TITLES as VISIT_TITLES
from app.core import i18n
from app.core.i18n import gettext as _
from app.jurisdictions.model import Pack

# The digest of a link is a secret's shadow; the rest serves the portal alone.
ADVICE_LEAVES = frozenset({"link_digest", "told", "version"})
VISIT_LEAVES = frozenset({"version", "reminded_at"})


def lines(pack: Pack, file: CaseFile) -> dict[str, Any]:
    """As ``case_file_print.data`` has its parts."""
    return {
        "advice": [_advice(pack, file, each) for each in file.advice],
        "visits": [
            [
                i18n.format_datetime(each.starts_at),
                each.place,
                ", ".join(official["name"] for official in each.officials),
                str(VISIT_TITLES[each.state]),
                each.cancelled_reason or each.asked_again_reason or "–",
            ]
            for each in file.visits
        ],
        "inspection_reports": [_report(file, each) for each in file.reports],
    }


def _advice(pack: Pack, file: CaseFile, each: Advice) -> list[list[Any]]:
    said = file.names.get(each.answered_by or 0) or each.expert_name or "–"
    return [
        [_("Reference"), each.reference],
        [_("Asked of"), advice_mail.adviser_name(pack, each)],
        [_("Asked"), i18n.format_datetime(each.asked_at)],
        [_("By"), file.names.get(each.asked_by)],
        [_("Question"), each.question],
        [_("Documents shown"), "; ".join(paper["filename"] for paper in each.papers) or "–"],
        [_("Personal data shown"), _("Yes") if each.with_people else _("No")],
        [_("State"), str(STATE_TITLES[each.state])],
        [_("Ended"), i18n.format_datetime(each.ended_at) if each.ended_at else _("not answered yet")],
        *(
            [
                [_("Advice"), f"{OPINION_TITLES[each.opinion]}\n{grounds.told(each.conditions, each.answer)}"],
                [_("Given by"), said],
                [_("SHA-256 of what was attached"), each.paper_sha256 or "–"],
            ]
            if each.opinion
            else [[_("Reason"), each.ended_reason or "–"]]
        ),
    ]


def _report(file: CaseFile, each: InspectionReport) -> list[list[Any]]:
    numbers = {report.id: report.number for report in file.reports}
    return [
        [_("Number"), each.number],
        *([[_("Replaces the report"), numbers.get(each.corrects_id)]] if each.corrects_id else []),
        [_("Written"), i18n.format_datetime(each.written_at)],
        [_("By"), file.names.get(each.written_by)],
        [_("Result"), str(RESULT_TITLES[each.result])],
        [_("Present"), each.present or "–"],
        [_("What was seen"), each.account],
        *(
            [i18n.pick(found["names"]), f"{FOUND_TITLES[found['found']]} {found['remark']}".strip()]
            for found in each.findings
        ),
        [_("Photographs"), "; ".join(photo["sha256"] for photo in each.photographs) or "–"],
    ]
