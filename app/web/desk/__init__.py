"""The officials' desk: the queue, the next case, the case beside its documents, deciding."""

from flask import Blueprint

blueprint = Blueprint("desk", __name__)

from app.web.desk import absent, balance, deciding, findings, hands, queue, review, together  # noqa: E402,F401  (routes)
