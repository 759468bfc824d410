"""Registration is reviewed by a registrar and approved by a second official."""

from app.cases.workflow import State, standard_workflow
from app.core.i18n import lazy_gettext as _l

WORKFLOW = standard_workflow(state_titles={State.APPROVED: _l("Registered")})
