"""The flags of a case, for its printed file."""

from app.cases.case_file import CaseFile
from app.core import i18n
from app.core.i18n import gettext as _


def lines(file: CaseFile) -> list[list[str]]:
    """Flag, raised, what became of it, reason; the first one raised first."""
    found = []
    for flag in file.flags:
        if flag.cleared_at is not None and flag.cleared_by is not None:
            became = _("cleared %(date)s by %(name)s", date=i18n.format_datetime(flag.cleared_at),
                       name=file.names.get(flag.cleared_by, ""))  # fmt: skip
        elif flag.lapsed_at is not None:
            became = _("lapsed %(date)s", date=i18n.format_datetime(flag.lapsed_at))
        else:
            became = _("stands")
        name = _("%(flag)s (blocks approval)", flag=flag.name) if flag.blocks else flag.name
        rule = f"{flag.code}: {flag.legal_ref} ({flag.rules_version})"
        found.append([name, rule, i18n.format_datetime(flag.raised_at), became, flag.clear_reason or "–"])
    return found
