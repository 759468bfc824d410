"""The auditor's pages: search across everything, the read-only case file, bundles, and the audit log."""

from flask import Blueprint

blueprint = Blueprint("auditor", __name__)

from app.web.auditor import bundle_file, bundles, case, choosing, finding, findings, log, patterns, proof, verbs  # noqa: E402,F401  (they add their routes)
