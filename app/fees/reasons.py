"""Why a payment failed, in words that say what to do. The provider's codes stay in the database."""

from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l

NO_ANSWER = "NO_ANSWER"
NOT_RECEIVED = "NOT_RECEIVED"

_FUNDS = _l("There is not enough money in the account. Top it up, then try again.")
_REASONS: dict[str, Text] = {
    "NOT_ENOUGH_FUNDS": _FUNDS,
    "LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED": _FUNDS,
    "PAYER_LIMIT_REACHED": _l("The account has reached its limit for today. Try again tomorrow or use another number."),
    "PAYER_NOT_FOUND": _l("This number has no mobile money account. Check the number or use another one."),
    "APPROVAL_REJECTED": _l("The payment was declined on the phone. You can start again."),
    "EXPIRED": _l("The payment was not approved in time. Keep the phone at hand and start again."),
    NOT_RECEIVED: _l("The request did not reach the mobile money service. No money was taken. Start again."),
    NO_ANSWER: _l(
        "We had no answer in time. If money has left your account, wait: we keep asking and will tell you. "
        "Otherwise start again."
    ),
    # MTN answers this for insufficient funds too.
    "INTERNAL_PROCESSING_ERROR": _l(
        "The mobile money service could not complete the payment. Check your balance, then try again."
    ),
}
_OTHER = _l("The mobile money service refused the payment. No money was taken. Try again or use another number.")


def explain(reason: str) -> Text:
    return _REASONS.get(reason, _OTHER)
