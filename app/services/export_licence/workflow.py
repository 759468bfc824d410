"""A licence is reviewed by a clerk of the issuing agency and approved by a second official."""

from app.cases.workflow import State, standard_workflow
from app.core.i18n import lazy_gettext as _l

WORKFLOW = standard_workflow(state_titles={State.APPROVED: _l("Licence issued")})
