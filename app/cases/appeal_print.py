"""Corrections and appeals as the printed case file shows them."""

from typing import Any

from app.cases import grounds
from app.cases.appeal_models import GROUND_TITLES, STATE_TITLES
from app.cases.case_file import CaseFile
from app.core import i18n
from app.core.i18n import gettext as _


def parts(file: CaseFile) -> dict[str, Any]:
    """Each as labelled answers, in the language in force."""
    appeals = {each.id: each for each in file.appeals}
    return {
        "corrections": [
            [
                [_("Opened by"), file.names.get(each.opened_by)],
                [_("Opened"), i18n.format_datetime(each.opened_at)],
                [_("Reason"), grounds.told(each.reasons, each.reason)],
                [_("After the appeal"), appeals[each.appeal_id].reference if each.appeal_id in appeals else "–"],
                [_("Rules in force"), each.pack_version],
            ]
            for each in file.corrections
        ],
        "appeals": [
            [
                [_("Number"), each.reference],
                [_("Appeal"), str(GROUND_TITLES[each.ground])],
                [_("Appealed by"), file.names.get(each.appealed_by)],
                [_("Appealed"), i18n.format_datetime(each.appealed_at)],
                [_("What the applicant says"), each.why],
                [_("Documents"), "\n".join(f"{paper['filename']} ({paper['sha256']})" for paper in each.documents)],
                [_("To be decided by"), i18n.format_datetime(each.due_at)],
                [_("State"), str(STATE_TITLES[each.state])],
                [_("Decided by"), file.names.get(each.judged_by, "–") if each.judged_by is not None else "–"],
                [_("Decided"), i18n.format_datetime(each.judged_at) if each.judged_at is not None else "–"],
                [_("Reason"), each.reason or "–"],
                *(
                    [
                        [_("Withdrawn by"), file.names.get(each.withdrawn_by or 0)],
                        [_("Withdrawn"), i18n.format_datetime(each.withdrawn_at)],
                    ]
                    if each.withdrawn_at is not None
                    else []
                ),
            ]
            for each in file.appeals
        ],
    }
