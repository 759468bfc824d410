"""Sentences officials choose from the pack's list, and free ones, as rows keep them and as people read them.

A row keeps the wording and legal basis a sentence had when it was used, in every language: ``{"code", "names",
"legal_ref"}``. A condition somebody wrote themselves has no code and one wording: ``{"code": "", "text"}``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from babel.support import LazyProxy

from app.cases.models import Sentences
from app.core import clock, i18n
from app.core.errors import Invalid, Problem
from app.core.i18n import gettext as _
from app.jurisdictions import lookup
from app.jurisdictions.model import ILLUSTRATIVE, Pack, ReasonUse

MOST = 12  # of a list, and of conditions in somebody's own words
LONGEST = 500  # characters of one of these


@dataclass(frozen=True)
class Said:
    """One sentence in the reader's language. ``legal_ref`` is empty for somebody's own words."""

    code: str
    text: str
    legal_ref: str

    @property
    def illustrative(self) -> bool:
        return self.legal_ref.lower() == ILLUSTRATIVE

    def __str__(self) -> str:
        if not self.legal_ref:
            return self.text
        source = _("illustrative") if self.illustrative else self.legal_ref
        return _("%(rule)s (%(source)s)", rule=self.text, source=source)


def chosen(pack: Pack, use: ReasonUse, service: str, codes: Iterable[str]) -> Sentences:
    """The rows' form of what was ticked, in the pack's order. Raises Invalid for what is not on the list today."""
    wanted = list(dict.fromkeys(codes))
    listed = {row.code: row for row in lookup.reasons_for(pack, use, service, clock.today(pack.zone))}
    if len(wanted) > MOST or any(code not in listed for code in wanted):
        field = "conditions" if use == "conditions" else "reasons"
        raise Invalid(Problem(_("The list of reasons has changed. Choose again."), field, "unknown"))
    return [
        {"code": row.code, "names": dict(row.names), "legal_ref": row.legal_ref}
        for row in listed.values()
        if row.code in wanted
    ]


def offers_conditions(pack: Pack, service: str) -> bool:
    return bool(lookup.reasons_for(pack, "conditions", service, clock.today(pack.zone)))


def own(lines: Iterable[str]) -> Sentences:
    """Conditions in the official's own words, one a line."""
    found = list(dict.fromkeys(" ".join(line.split()) for line in lines if line.strip()))
    if len(found) > MOST or any(len(line) > LONGEST for line in found):
        message = _("Write at most %(most)s conditions of at most %(longest)s characters.", most=MOST, longest=LONGEST)
        raise Invalid(Problem(message, "own_conditions", "too_long"))
    return [{"code": "", "text": line} for line in found]


def said(kept: Sequence[dict[str, object]]) -> list[Said]:
    """In the reader's language."""
    found = []
    for each in kept:
        names = each.get("names")
        text = i18n.pick(names) if isinstance(names, dict) else str(each.get("text", ""))
        found.append(Said(str(each["code"]), text, str(each.get("legal_ref", ""))))
    return found


def lines(kept: Sequence[dict[str, object]]) -> list[str]:
    """Each with its legal basis, in the reader's language."""
    return [str(each) for each in said(kept)]


def told(kept: Sequence[dict[str, object]], text: str) -> str:
    """The sentences with their legal basis, then the free text, in the reader's language."""
    return "\n".join([*lines(kept), *([text] if text else [])])


def telling(kept: Sequence[dict[str, object]], text: str) -> LazyProxy:
    """As ``told``, in the language of whoever reads it in the end."""
    return LazyProxy(told, kept, text, enable_cache=False)
