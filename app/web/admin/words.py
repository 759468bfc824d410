"""What failed, in words for somebody who runs the portal and did not write it."""

from dataclasses import dataclass

from app.cases import bundles
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import records
from app.documents import tasks as document_tasks
from app.fees import payments
from app.fees import tasks as fee_tasks
from app.jobs import worker
from app.notifications import sending
from app.notifications import tasks as mail_tasks
from app.outbox import housekeeping as outbox_housekeeping
from app.outbox import tasks as outbox_tasks
from app.outbox.endpoints import GONE
from app.outbox.models import Delivery, Endpoint
from app.permits import tasks as permit_tasks


@dataclass(frozen=True)
class Words:
    """``title`` is what was to be done, ``advice`` what follows from its failing and what to do."""

    title: Text
    advice: Text


_AGAIN_BY_ITSELF = _l("It runs again by itself. If it stays here, give the technical team the place of the error.")
_MONEY = _l("The payer's money is safe with the provider. See that the provider can be reached, then try again.")

TASKS: dict[str, Words] = {
    records.RENDER: Words(_l("Make the PDF of a document"), _l("Try again.")),
    document_tasks.SWEEP: Words(
        _l("Delete stored files that belong to no document"),
        _l(
            "Nothing was deleted. If the error is NotOurStore, far more files than usual belong to no document: "
            "another portal uses the same folder, or the database is an older copy. Have the technical team look "
            "before it runs again."
        ),
    ),
    sending.SEND: Words(_l("Send a mail"), _l("Try again.")),
    mail_tasks.FORGET: Words(_l("Delete old mails with links to accounts"), _AGAIN_BY_ITSELF),
    payments.REQUEST: Words(_l("Ask the mobile money provider for a payment"), _MONEY),
    payments.CHECK: Words(_l("Ask the mobile money provider how a payment went"), _MONEY),
    fee_tasks.SWEEP: Words(_l("Look for payments nobody asked about"), _AGAIN_BY_ITSELF),
    outbox_tasks.DELIVER: Words(
        _l("Tell a platform about an event"), _l("Try again. Other deliveries are not held up by this one.")
    ),
    outbox_tasks.SWEEP: Words(_l("Look for events that were not delivered"), _AGAIN_BY_ITSELF),
    outbox_housekeeping.FORGET: Words(_l("Delete old events that everybody has heard"), _AGAIN_BY_ITSELF),
    permit_tasks.EXPIRE: Words(_l("Note the permits whose last day is over"), _AGAIN_BY_ITSELF),
    permit_tasks.REMIND: Words(_l("Remind holders of permits that will end"), _AGAIN_BY_ITSELF),
    bundles.BUILD: Words(
        _l("Make a bundle of case files for an auditor"), _l("The auditor sees that it failed. Try again.")
    ),
    "auditor.expire_bundles": Words(_l("Delete bundles older than a week"), _AGAIN_BY_ITSELF),
    "accounts.forget_expired": Words(_l("Delete links and sessions that have run out"), _AGAIN_BY_ITSELF),
    "trade.refresh_listings": Words(_l("Check all listings"), _AGAIN_BY_ITSELF),
    "trade.refresh_listings_after": Words(
        _l("Check the next listings"), _l("Try again; all listings are checked every night as well.")
    ),
    "trade.refresh_business": Words(
        _l("Check the listings of a business"), _l("Try again; all listings are checked every night as well.")
    ),
    worker.RESCUE: Words(_l("Take over the work of a stopped worker"), _AGAIN_BY_ITSELF),
}


def task(name: str) -> Words:
    return TASKS.get(name) or Words(
        name, _l("Try again. If it fails once more, give the technical team the place of the error.")
    )


_PLACE = " at "
_SMTP_REFUSED = frozenset({"SMTPRecipientsRefused"})
_SMTP_OURS = frozenset({"SMTPAuthenticationError", "SMTPSenderRefused", "SMTPNotSupportedError"})
_AWAY = frozenset(
    {
        "ConnectionRefusedError", "ConnectionResetError", "ConnectionAbortedError", "ConnectionError", "TimeoutError",
        "OSError", "gaierror", "BrokenPipeError", "SMTPServerDisconnected", "SMTPConnectError", "SSLError",
        "SSLCertVerificationError", "SSLEOFError",
    }
)  # fmt: skip


def mail_problem(error: str) -> Words:
    """``error`` is the kind and place a job keeps (``jobs.queue.describe``)."""
    kind = error.partition(_PLACE)[0]
    if kind in _SMTP_REFUSED:
        return Words(
            _l("The mail server does not take mail for this address."),
            _l("Ask the person for another address. Most messages can be read in the portal as well."),
        )
    if kind in _SMTP_OURS:
        return Words(
            _l("The mail server does not let the portal send."),
            _l("Have the name and password of the mail server checked, then try again."),
        )
    if kind in _AWAY:
        return Words(_l("The mail server could not be reached."), _l("See that the mail server runs, then try again."))
    return Words(
        _l("The mail server did not take the mail."),
        _l("Try again. If it fails once more, give the technical team the place of the error."),
    )


def delivery_problem(delivery: Delivery) -> str:
    """What the other side did; ``last_error`` is what ``outbox.sending`` says."""
    if delivery.last_status is not None:
        return _("It answered with status %(status)s.", status=delivery.last_status)
    kind = (delivery.last_error or "").partition(":")[0]
    match kind:
        case "timeout":
            return _("It did not answer in time.")
        case "tls":
            return _("Its certificate cannot be trusted.")
        case "refused":
            return _("Its address cannot be found, or may not be called.")
        case "answer":
            return _("Its answer could not be read.")
        case _:
            return _("It could not be reached.")


def why_disabled(endpoint: Endpoint) -> str:
    if endpoint.disabled_reason == GONE:
        return _("It answered that nothing more is to be sent there (status 410).")
    return _("An administrator disabled it.")
