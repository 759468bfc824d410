"""Changes to who works when and on what, as auditors read them."""

from app.audit.verbs import register
from app.core.i18n import lazy_gettext as _l

ABSENCE_ENTERED = register("absence.entered", _l("Absence entered"))
ABSENCE_ENDED = register("absence.ended", _l("Absence ended"))
TEAMS_CHANGED = register("user.teams_changed", _l("Teams changed"))
SKILLS_CHANGED = register("user.skills_changed", _l("Training changed"))
