"""What the pages of visits share: its file for calendars."""

from urllib.parse import urlsplit

from flask import Response, current_app

from app.cases import calendar_file
from app.cases.inspection_models import Inspection
from app.cases.models import Case
from app.core import clock
from app.core.i18n import gettext as _
from app.jurisdictions import load, lookup
from config import Settings


def calendar(visit: Inspection, case: Case) -> Response:
    settings: Settings = current_app.config["KIBALI"]
    agency = lookup.agency(load.current(), visit.agency)
    content = calendar_file.of_visit(
        visit,
        summary=_("Visit of %(agency)s", agency=agency.short),
        description=f"{case.reference}\n{visit.about}",
        organiser=urlsplit(settings.base_url).hostname or "",
        stamp=clock.now(),
    )
    answer = Response(content, mimetype="text/calendar")
    answer.headers["Content-Disposition"] = f'attachment; filename="{visit.reference}.ics"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
