"""What happened to the flags and the team of a case, for the history that officials and auditors read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, select

from app.audit.models import Entry, Personal
from app.cases import teams, verbs
from app.cases.flags_models import CaseFlag
from app.cases.models import CaseEvent, Sentences
from app.cases.workflow import Workflow
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.jurisdictions.model import Pack

MOVED, ROUTED = "case.moved_to_team", "case.routed"
# The log has who moved a case and why; the case only where it is.
ENTRIES: Select[*tuple[Any, ...]] = (
    select(Entry.id, Entry.at, Entry.verb, Entry.detail, Personal.name)
    .join(Personal, Personal.entry_id == Entry.id)
    .where(Entry.case_id == bindparam("case"), Entry.verb.in_((MOVED, ROUTED)))
)


@dataclass(frozen=True)
class Routed:
    """Shaped as a ``CaseEvent`` for the pages."""

    title: str
    actor_name: str
    at: datetime
    reason: str = ""
    reasons: Sentences | tuple[()] = ()


def of_flags(flags: Iterable[CaseFlag], names: Mapping[int, str]) -> list[Routed]:
    found = []
    for flag in flags:
        raised = _("Flag raised: %(flag)s", flag=flag.name)
        found.append(Routed(raised, _("The rules"), flag.raised_at))
        if flag.cleared_at is not None and flag.cleared_by is not None:
            cleared = _("Flag cleared: %(flag)s", flag=flag.name)
            found.append(Routed(cleared, names.get(flag.cleared_by, ""), flag.cleared_at, flag.clear_reason))
        if flag.lapsed_at is not None:
            found.append(Routed(_("Flag lapsed: %(flag)s", flag=flag.name), _("The rules"), flag.lapsed_at))
    return found


def of_team(pack: Pack, entries: Sequence[Any]) -> list[Routed]:
    """``entries`` as ``ENTRIES`` finds them, the first one first. Where the rules put a case at first is no move."""
    found = []
    for place, entry in enumerate(entries):
        before, after = entry.detail["team"]
        if before == after or (place == 0 and entry.verb == ROUTED and before is None):
            continue
        name = teams.name_of(pack, after)
        title = _("Moved to the team “%(team)s”", team=name) if name else _("Moved to no team: the whole agency")
        if entry.verb == MOVED:
            who = entry.name if entry.name is not None else _("name erased")
            found.append(Routed(title, who, entry.at, entry.detail["reason"]))
        else:
            found.append(Routed(title, _("The rules"), entry.at))
    return found


def among(events: Sequence[CaseEvent], routed: Iterable[Routed]) -> list[CaseEvent | Routed]:
    """The history with these in it; what the rules did on sending comes after the sending."""
    return sorted([*events, *routed], key=lambda each: (each.at, isinstance(each, Routed)))


def happened(workflow: Workflow, event: CaseEvent | Routed) -> Text:
    """As ``verbs.happened``."""
    return event.title if isinstance(event, Routed) else verbs.happened(workflow, event)
