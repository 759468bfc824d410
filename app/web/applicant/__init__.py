"""The applicant's side of every service: home, task list, steps, documents, check, send, follow, withdraw."""

from flask import Blueprint

blueprint = Blueprint("applicant", __name__)

from app.web.applicant import application, following, home, visits  # noqa: E402,F401  (they add their routes)
