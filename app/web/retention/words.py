"""What the pages of the schedule, of holds and of disposals say."""

from app.cases.retention_models import DisposalState, ItemState
from app.core import i18n
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions.retention_rows import Retention

STATES: dict[str, tuple[Text, str]] = {
    DisposalState.FOUND: (_l("To be proposed"), "new"),
    DisposalState.PROPOSED: (_l("To be approved"), "wait"),
    DisposalState.APPROVED: (_l("Being destroyed"), "work"),
    DisposalState.DONE: (_l("Destroyed"), "ok"),
    DisposalState.REFUSED: (_l("Kept"), "none"),
}
ITEM_STATES: dict[str, tuple[Text, str]] = {
    ItemState.LISTED: (_l("On the list"), "new"),
    ItemState.KEPT: (_l("Kept"), "none"),
    ItemState.HELD: (_l("Legal hold"), "bad"),
    ItemState.NEEDED: (_l("Needed again"), "wait"),
    ItemState.DONE: (_l("Destroyed"), "ok"),
}
STARTS: dict[str, Text] = {
    "closed": _l("from the day the case was closed"),
    "business_ended": _l("from the end of the business, or of the case if there is none"),
    "permit_ended": _l("from the last day of the permit, or the end of the case if there is none"),
    "issued": _l("from the day of issue"),
    "last_used": _l("from the last use"),
    "created": _l("from the day they were made"),
    "ended": _l("from their end"),
}
ENDS: dict[str, Text] = {
    "dispose": _l("Destroyed when two people have approved it"),
    "delete": _l("Deleted at once"),
    "keep": _l("Kept for ever"),
}


def period(rule: Retention) -> str:
    """How long, and from what on."""
    if rule.end == "keep":
        return _("No end")
    if rule.days is not None:
        length = i18n.ngettext("%(num)s day", "%(num)s days", rule.days)
    else:
        length = i18n.ngettext("%(num)s year", "%(num)s years", rule.years or 0)
    return _("%(length)s, %(start)s", length=length, start=STARTS[rule.starts or "closed"])
