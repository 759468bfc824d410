"""``/retention``: the schedule, for who has to keep to it."""

from flask import render_template
from flask.typing import ResponseReturnValue

from app.core import clock
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.web.guards import requires
from app.web.retention import blueprint
from app.web.retention.words import ENDS, period


@blueprint.get("", endpoint="schedule")
@requires(Permission.RETENTION)
def schedule() -> ResponseReturnValue:
    pack = load.current()
    return render_template(
        "web/retention/schedule.html",
        rules=lookup.in_force(pack.retention, clock.today(pack.zone)),
        period=period,
        ends=ENDS,
        pack=pack,
    )
