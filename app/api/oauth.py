"""``/oauth/token``: the client credentials grant (RFC 6749 §4.4), by HTTP Basic or in the form (§2.3.1)."""

from urllib.parse import unquote_plus

from flask import current_app, request
from pydantic import BaseModel, Field

from app.api import tokens
from app.api.guards import SCOPES
from app.api.operations import Reply
from app.api.problems import Unauthorised, Unreadable
from app.core import db
from app.core.errors import DomainError
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import limits, signin

GRANT = "client_credentials"
ATTEMPTS, WINDOW = 60, 60
WRONG_SECRETS, WRONG_WINDOW = 10, 600
FORM = "application/x-www-form-urlencoded"


class TokenRequest(BaseModel):
    """Send the client id and secret with HTTP Basic, or as the two fields here, not both."""

    grant_type: str = Field(description=_("Always “client_credentials”."), examples=[GRANT])
    scope: str | None = Field(
        default=None,
        description=_("Scopes separated by spaces; without it you get all you may have."),
        examples=["permits:read"],
    )
    client_id: str | None = Field(default=None, description=_("Only without HTTP Basic."))
    client_secret: str | None = Field(default=None, description=_("Only without HTTP Basic."))


class TokenAnswer(BaseModel):
    """An access token."""

    access_token: str = Field(examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9…"])
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(description=_("Seconds."), examples=[900])
    scope: str = Field(examples=["permits:read readiness:ask"])


class TokenError(DomainError):
    """One of RFC 6749 §5.2."""

    status = 400

    def __init__(self, code: str, message: Text) -> None:
        super().__init__(message, code=code)


def token() -> Reply:
    """Counted per address, and wrong secrets per client and address, so that nobody can lock another's client out."""
    where = signin.network(request.remote_addr)
    limits.hit(f"oauth:{where}", ATTEMPTS, WINDOW)
    if request.mimetype != FORM:
        raise Unreadable(
            _l("Send the request as application/x-www-form-urlencoded."), status=400, code="invalid_request"
        )
    if any(len(values) > 1 for _name, values in request.form.lists()):
        raise TokenError("invalid_request", _l("A field is given twice."))
    client_id, secret, basic = _credentials()
    if (request.form.get("grant_type") or "") != GRANT:
        code = "unsupported_grant_type" if request.form.get("grant_type") else "invalid_request"
        raise TokenError(code, _l("Use the grant type “client_credentials”."))
    wrong = f"oauth-wrong:{client_id[:100]}:{where}"
    limits.check(wrong, WRONG_SECRETS)
    client = tokens.authenticate(db.session(), client_id, secret)
    if client is None:
        limits.hit(wrong, WRONG_SECRETS, WRONG_WINDOW)
        raise _unknown_client(basic)
    issuer = current_app.config["KIBALI"].base_url
    issued = tokens.issue(client, _scopes(client.scopes), issuer)
    answer = TokenAnswer(
        access_token=issued.value,
        token_type="Bearer",  # noqa: S106  # the kind of token, not one
        expires_in=issued.expires_in,
        scope=" ".join(issued.scopes),
    )
    return Reply(answer, {"Cache-Control": "no-store", "Pragma": "no-cache"})


def _credentials() -> tuple[str, str, bool]:
    """Client id, secret, and whether they came by HTTP Basic (where each part is form-encoded first)."""
    in_form = "client_secret" in request.form
    basic = request.authorization
    if request.headers.get("Authorization"):
        if in_form:
            raise TokenError("invalid_request", _l("Give the client's secret once: by HTTP Basic or in the form."))
        if basic is None or basic.type != "basic" or basic.username is None or basic.password is None:
            raise _unknown_client(True)
        return unquote_plus(basic.username), unquote_plus(basic.password), True
    return request.form.get("client_id", ""), request.form.get("client_secret", ""), False


def _scopes(held: list[str]) -> tuple[str, ...]:
    available = [name for name in SCOPES if name in held]
    asked = (request.form.get("scope") or "").split()
    if any(name not in available for name in asked):
        raise TokenError("invalid_scope", _l("This client may not have one of the scopes asked for."))
    return tuple(name for name in available if not asked or name in asked)


def _unknown_client(basic: bool) -> Unauthorised:
    return Unauthorised(
        _l("The client is not known, its secret is wrong, or it has been disabled."),
        code="invalid_client",
        challenge='Basic realm="Kibali", charset="UTF-8"' if basic else 'Bearer realm="Kibali"',
    )


__all__ = ["TokenAnswer", "TokenRequest", "token"]
