"""The officials' desk: the queue, the next case, the case beside its documents, deciding."""

from flask import Blueprint

blueprint = Blueprint("desk", __name__)

from app.web.desk import (  # noqa: E402  (routes)
    absent,  # noqa: F401
    advice,  # noqa: F401
    appeals,  # noqa: F401
    balance,  # noqa: F401
    deciding,  # noqa: F401
    findings,  # noqa: F401
    hands,  # noqa: F401
    inspections,  # noqa: F401
    queue,  # noqa: F401
    review,  # noqa: F401
    routing,  # noqa: F401
    together,  # noqa: F401
)
