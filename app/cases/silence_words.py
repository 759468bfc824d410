"""What silence decided, and why it did not, in the words of papers and pages."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from app.cases import grounds
from app.cases.registry import CaseContext, JsonObject
from app.cases.silence_models import SilenceHold
from app.core import clock
from app.core.i18n import format_date, format_datetime, use_locale
from app.core.i18n import gettext as _
from app.jurisdictions.clock_rows import Silence
from app.jurisdictions.model import Pack


def kept(pack: Pack, rule: Silence, at: datetime) -> JsonObject:
    """As ``cases.grounds`` keeps sentences: the wording and legal basis of the rule, and when the time ran out, which
    is before the decision is written down, by days where no worker ran."""
    names = {}
    for language, name in rule.names.items():
        with use_locale(pack.locale(language), pack.zone):
            names[language] = _("%(rule)s The time ran out on %(moment)s.", rule=name, moment=format_datetime(at))
    return {"code": f"silence-{rule.effect}", "names": names, "legal_ref": rule.legal_ref}


def decided_by(context: CaseContext) -> str:
    """The official's name; where nobody decided, that silence did, by which rule and when."""
    if not context.silence:
        return context.actor.name
    return _(
        "Nobody: granted by silence of the administration on %(date)s. %(basis)s",
        date=format_date(clock.today(context.pack.zone)),
        basis=grounds.told(context.silence, ""),
    )


def held(holds: Sequence[SilenceHold]) -> list[list[str]]:
    """From when to when silence did not decide and why; days in a row with the same grounds are one line."""
    found = []
    for texts, days in groupby(holds, key=lambda hold: [ground["text"] for ground in hold.grounds]):
        first, *rest = (format_date(hold.day) for hold in days)
        found.append([f"{first} – {rest[-1]}" if rest else first, "\n".join(texts)])
    return found
