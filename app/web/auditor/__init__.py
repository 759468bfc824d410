"""The auditor's pages: search across everything, the read-only case file, bundles, and the audit log."""

from flask import Blueprint

blueprint = Blueprint("auditor", __name__)

from app.web.auditor import bundles, case, finding, log, verbs  # noqa: E402,F401  (they add their routes)
