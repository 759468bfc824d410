"""``/privacy/request``: for people without an account, such as a shareholder named in a registration."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app.cases import privacy
from app.core import db
from app.core.errors import Busy, Invalid
from app.identity import signin
from app.identity.actor import Actor
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.guards import current_actor, requires
from forms.retention import RequestForm

blueprint = Blueprint("privacy_request", __name__)

AN_HOUR = 5  # from one address


@blueprint.route("/privacy/request", methods=["GET", "POST"], endpoint="ask")
@requires(Permission.PUBLIC)
def ask() -> ResponseReturnValue:
    form = RequestForm(request.form if request.method == "POST" else None)
    form.kind.offer([(kind.value, privacy.KINDS[kind]) for kind in privacy.OUTSIDE])
    if request.method == "GET" or not form.validate():
        return render_template("web/public/privacy_request.html", form=form), 422 if form.errors else 200
    session = db.session()
    who = current_actor() or Actor(kind="user", name=form.name.data, ip=request.remote_addr)
    try:
        signin.limit_address("privacy", request.remote_addr, AN_HOUR)
        received = privacy.receive(
            session,
            load.current(),
            who,
            kind=form.kind.data,
            name=form.name.data,
            email=form.email.data,
            message=form.message.data,
        )
    except (Busy, Invalid) as error:
        session.rollback()
        form.refuse(error.problems)
        return render_template("web/public/privacy_request.html", form=form), error.status
    session.commit()
    return render_template("web/public/privacy_received.html", received=received)
