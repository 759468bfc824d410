"""The marketplace's own pages, and the address at which it hears from the portal."""

from flask import Flask, render_template, request
from standardwebhooks import Webhook, WebhookVerificationError

from examples.marketplace.portal import Portal, PortalError
from examples.marketplace.shop import Shop

HOOK = "/hooks/kibali"
ASKED = ("business", "hs", "destination", "channel")
AMOUNT = ("quantity", "unit")
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


class Secret:
    """The key of the signatures; empty until the portal has given one."""

    value: str = ""


def make(portal: Portal, shop: Shop, secret: Secret) -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def home() -> str:
        problem = ""
        try:
            shop.take(portal.listings())
        except PortalError as error:
            problem = str(error)
        return _page(problem=problem)

    @app.get("/ask")
    def ask() -> str:
        question = {name: request.args.get(name, "").strip() for name in ASKED}
        amount = {name: request.args[name].strip() for name in AMOUNT if request.args.get(name, "").strip()}
        try:
            return _page(question=question | amount, answer=portal.readiness(**question, **amount))
        except PortalError as error:
            return _page(question=question | amount, problem=str(error))

    @app.get("/permit")
    def permit() -> str:
        number = request.args.get("number", "").strip()
        try:
            return _page(number=number, permit=portal.permit(number))
        except PortalError as error:
            return _page(number=number, problem=str(error))

    @app.post(HOOK)
    def hear() -> tuple[str, int]:
        """Check the signature over the raw body, act, answer quickly. Anything but 2xx makes the portal try again."""
        if not secret.value:
            return "", 503
        try:
            message = Webhook(secret.value).verify(request.get_data(), dict(request.headers))
        except WebhookVerificationError:
            return "", 400
        shop.hear(request.headers["webhook-id"], message)
        return "", 204

    @app.after_request
    def protect(response):  # type: ignore[no-untyped-def]
        response.headers["Content-Security-Policy"] = POLICY
        return response

    def _page(**shown: object) -> str:
        return render_template(
            "shop.html", portal=portal.address, listings=shop.listings.values(), heard=shop.heard, **shown
        )

    return app
