"""The audit verbs of the auditors' own acts."""

from app.audit.verbs import register
from app.core.i18n import lazy_gettext as _l

register("case_file.requested", _l("Case file printed"))
register("bundle.requested", _l("Bundle asked for"))
register("case.bundled", _l("Case put into a bundle"))
register("bundle.downloaded", _l("Bundle downloaded"))
