"""The programs of trade platforms that may use the API."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries
from app.core import db
from app.core.errors import NotFound
from app.core.i18n import gettext as _
from app.identity import clients
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import guards
from app.web.accounts import verbs
from app.web.admin import blueprint
from app.web.guards import requires
from forms.admin import ApiClientForm
from forms.fields import options


@blueprint.route("/api-clients", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def api_clients() -> ResponseReturnValue:
    session = db.session()
    form = ApiClientForm(guards.posted_form() or None)
    form.channel.choices = options(
        [(channel.code, channel.name) for channel in load.current().channels], _("Choose a channel")
    )
    form.scopes.choices = options([(scope.value, str(title)) for scope, title in clients.SCOPE_TITLES.items()])
    if request.method == "GET" or not form.validate():
        return _clients_page(form), 422 if form.errors else 200
    client, secret = clients.create(
        session,
        name=form.name.data,
        channel=form.channel.data,
        contact=form.contact.data,
        scopes=form.scopes.data,
        created_by=guards.actor().user_id,
    )
    _record_client(verbs.CLIENT_CREATED, client.client_id, scopes=client.scopes, channel=client.channel)
    session.commit()
    return render_template("web/admin/client_secret.html", client=client, secret=secret)


def _clients_page(form: ApiClientForm) -> str:
    return render_template(
        "web/admin/api_clients.html",
        form=form,
        clients=clients.listing(db.session()),
        titles=clients.SCOPE_TITLES,
        channels={channel.code: channel.name for channel in load.current().channels},
    )


def _record_client(verb: str, client_id: str, **detail: Any) -> None:
    entries.record(
        db.session(),
        guards.actor(),
        verb,
        subject=f"api_client:{client_id}",
        reference=client_id,
        detail=detail or None,
    )


@blueprint.post("/api-clients/<client_id>/<action>")
@requires(Permission.ADMINISTER)
def act_on_client(client_id: str, action: str) -> ResponseReturnValue:
    """disable, enable or renew-secret."""
    session = db.session()
    client = clients.get(session, client_id)
    match action:
        case "disable":
            clients.disable(session, client)
            _record_client(verbs.CLIENT_DISABLED, client_id)
            flash(_("%(name)s can no longer use the API.", name=client.name), "ok")
        case "enable":
            clients.enable(session, client)
            _record_client(verbs.CLIENT_ENABLED, client_id)
            flash(_("%(name)s can use the API again.", name=client.name), "ok")
        case "renew-secret":
            secret = clients.renew_secret(session, client)
            _record_client(verbs.CLIENT_SECRET_RENEWED, client_id)
            session.commit()
            return render_template("web/admin/client_secret.html", client=client, secret=secret)
        case _:
            raise NotFound
    session.commit()
    return redirect(url_for("admin.api_clients"), 303)
