"""``/admin/rules``: the jurisdiction pack as it is in force. To change it, see docs/packs.md."""

from dataclasses import dataclass
from datetime import date

from flask import render_template
from flask.typing import ResponseReturnValue

from app.cases import registry, rerouting, teams
from app.core import clock, db
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.money import Money
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.jurisdictions.model import Dated, FeeRule, Pack
from app.web.admin import blueprint, routing_words
from app.web.guards import requires


@dataclass(frozen=True)
class When:
    """Whether a row holds today. ``kind`` is that of the tag."""

    title: str
    kind: str


@dataclass(frozen=True)
class Fee:
    row: FeeRule
    service: Text
    permit_kind: str
    amount: Money | None  # None: a percentage of the declared value


def _when(row: Dated, day: date) -> When:
    if row.valid_from > day:
        return When(_("Later"), "wait")
    return When(_("In force"), "ok") if row.in_force(day) else When(_("Ended"), "none")


def _service(code: str) -> Text:
    definition = registry.find(code)
    return definition.noun if definition is not None else code


def _fee(pack: Pack, row: FeeRule) -> Fee:
    kind = lookup.find(pack.permit_kinds, row.permit_kind) if row.permit_kind else None
    amount = None if row.percent else Money(row.amount_minor, row.currency)
    return Fee(row, _service(row.service), kind.name if kind is not None else "", amount)


@blueprint.get("/rules")
@requires(Permission.ADMINISTER)
def rules() -> ResponseReturnValue:
    """Rows of the past and of the future too: decisions were taken and will be taken on them."""
    pack = load.current()
    day = clock.today(pack.zone)
    return render_template(
        "web/admin/rules.html",
        pack=pack,
        day=day,
        fees=[_fee(pack, row) for row in pack.fees],
        short={agency.code: agency.short for agency in pack.agencies},
        service=_service,
        kinds={kind.code: kind.name for kind in pack.permit_kinds},
        when=lambda row: _when(row, day),
        run=rerouting.latest(db.session()),
        stated=lambda row: routing_words.stated(pack, row),
        cleared_by=routing_words.CLEARED_BY,
        team_name=lambda code: teams.name_of(pack, code),
    )
