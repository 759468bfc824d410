"""The operations every platform needs, and where they are. Listings and readiness are added by trade."""

from flask import Response, current_app, jsonify

from app.api import docs, oauth, openapi, permits, webhooks
from app.api.guards import public
from app.api.kit import PREFIX
from app.api.kit import blueprint as make_blueprint
from app.api.operations import operation
from app.core.i18n import lazy_gettext as _l

blueprint = make_blueprint("api", __name__, url_prefix=None)


@public
def openapi_document() -> Response:
    response = jsonify(openapi.document(current_app._get_current_object()))  # type: ignore[attr-defined]
    response.headers["Cache-Control"] = "public, max-age=300"
    response.add_etag()
    return response


@public
def documentation() -> str:
    return docs.page()


token = public(
    operation(
        summary=_l("Get an access token"),
        description=_l("It lasts fifteen minutes. Keep it and use it until then; ask for the next one in good time."),
        tag="tokens",
        body=oauth.TokenRequest,
        response=oauth.TokenAnswer,
        errors=(400, 401, 429),
        media_type=oauth.FORM,
        parsed=False,
    )(oauth.token)
)

_ENDPOINTS = f"{PREFIX}/webhook-endpoints"

for _rule, _method, _view in (
    ("/oauth/token", "POST", token),
    (f"{PREFIX}/openapi.json", "GET", openapi_document),
    ("/api/docs", "GET", documentation),
    (f"{PREFIX}/permits/<number>", "GET", permits.permit),
    (_ENDPOINTS, "GET", webhooks.list_webhook_endpoints),
    (_ENDPOINTS, "POST", webhooks.add_webhook_endpoint),
    (f"{_ENDPOINTS}/<endpoint_id>", "DELETE", webhooks.remove_webhook_endpoint),
    (f"{_ENDPOINTS}/<endpoint_id>/test", "POST", webhooks.send_test_webhook),
):
    blueprint.add_url_rule(_rule, view_func=_view, methods=[_method])
