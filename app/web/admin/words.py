"""What failed, in words for somebody who runs the portal and did not write it."""

from dataclasses import dataclass

from app.audit import checking, sequencer
from app.cases import answers, bundles, copies, escalation, findings_notices, rerouting, silence, waiting
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
from app.notifications.sms import reports as text_reports
from app.notifications.sms import tasks as text_tasks
from app.notifications.sms import writing as text_writing
from app.outbox import housekeeping as outbox_housekeeping
from app.outbox import tasks as outbox_tasks
from app.outbox.endpoints import GONE
from app.outbox.models import Delivery, Endpoint
from app.permits import tasks as permit_tasks
from app.statistics import durations, patterns


@dataclass(frozen=True)
class Words:
    """``title`` is what was to be done, ``advice`` what follows from its failing and what to do."""

    title: Text
    advice: Text


_AGAIN_BY_ITSELF = _l("It runs again by itself. If it stays here, give the technical team the place of the error.")
_MONEY = _l("The payer's money is safe with the provider. See that the provider can be reached, then try again.")

_LOG_STOPPED = _l(
    "If the error is HeadDisagrees or RolledBack, the log in the database is not the one that was signed, and no new "
    "head is signed until this is explained. Keep the database and the folder of heads as they are, and tell the "
    "auditor. It is also what a database restored from an older copy looks like."
)
_LOG_CHANGED = _l(
    "If the error is EntryChanged, EntryMissing or TreeChanged, part of the audit log was changed or removed inside "
    "the database. Keep everything as it is, and tell the auditor; the worker's own log names the place."
)

TASKS: dict[str, Words] = {
    sequencer.SEQUENCE: Words(_l("Take new audit entries into the log and sign it"), _LOG_STOPPED),
    sequencer.SEQUENCE_MORE: Words(_l("Take further audit entries into the log and sign it"), _LOG_STOPPED),
    sequencer.STRAGGLERS: Words(_l("Look for audit entries that are not in the log"), _LOG_STOPPED),
    sequencer.EXPORT: Words(
        _l("Write a signed head of the audit log outside the database"),
        _l(
            "If the error is Forked, another head of the same size was written before: the log was changed. Keep "
            "everything as it is, and tell the auditor. Otherwise see that the folder of heads can be written, then "
            "try again."
        ),
    ),
    checking.CHECK: Words(_l("Check the whole audit log"), _LOG_CHANGED),
    copies.MAKE: Words(
        _l("Make a certified copy"),
        _l(
            "If the error is Broken, the original's file is missing, or its bytes or signature are not those that were "
            "issued: the request was refused and what was paid is owed back. Find out what happened to the file and "
            "bring it back from a backup. Otherwise the copy still waits: try again."
        ),
    ),
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
    text_writing.SEND: Words(_l("Send a text to a telephone"), _l("Try again.")),
    text_tasks.CHECK: Words(_l("Ask the provider of texts about one without an answer"), _l("Try again.")),
    text_tasks.HEARD: Words(_l("Ask the provider of texts how one went"), _l("Try again.")),
    text_tasks.SWEEP: Words(_l("Look for texts nobody asked about"), _AGAIN_BY_ITSELF),
    text_reports.LATER: Words(_l("Look once more at the report about a text"), _l("Try again.")),
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
    answers.REMIND: Words(_l("Remind applicants of questions they have not answered"), _AGAIN_BY_ITSELF),
    rerouting.LOOK: Words(_l("See whether the rules of teams and flags changed"), _AGAIN_BY_ITSELF),
    rerouting.PART: Words(_l("Run changed rules over the open cases"), _AGAIN_BY_ITSELF),
    waiting.REMIND: Words(_l("Remind advisers of questions, and people of visits"), _AGAIN_BY_ITSELF),
    findings_notices.REMIND: Words(_l("Tell agencies which findings they have not answered"), _AGAIN_BY_ITSELF),
    escalation.MORNING: Words(_l("Tell officials which of their cases are due or overdue"), _AGAIN_BY_ITSELF),
    silence.SWEEP: Words(_l("Look for cases whose time ran out and that silence decides"), _AGAIN_BY_ITSELF),
    silence.ONE: Words(_l("Decide a case by silence"), _l("Try again, or decide the case.")),
    durations.REFRESH: Words(_l("Count how long cases take"), _AGAIN_BY_ITSELF),
    bundles.BUILD: Words(
        _l("Make a bundle of case files for an auditor"), _l("The auditor sees that it failed. Try again.")
    ),
    "retention.find": Words(_l("List what is past its period, and remind of holds"), _AGAIN_BY_ITSELF),
    "retention.delete": Words(_l("Delete what the schedule keeps for a short time only"), _AGAIN_BY_ITSELF),
    "retention.dispose": Words(
        _l("Destroy what an approved list has"), _l("Nothing is half destroyed. Try again; it goes on where it was.")
    ),
    "retention.forget_bytes": Words(
        _l("Delete the files of what was destroyed"), _l("Try again; the nightly sweep deletes them as well.")
    ),
    "privacy.export": Words(_l("Make a copy of a person's own data"), _l("The person sees that it failed. Try again.")),
    "privacy.erase": Words(
        _l("Erase a person's data"), _l("Nothing is half erased. Try again: the person has been promised a day.")
    ),
    "auditor.expire_bundles": Words(_l("Delete bundles older than a week"), _AGAIN_BY_ITSELF),
    "accounts.forget_expired": Words(_l("Delete links and sessions that have run out"), _AGAIN_BY_ITSELF),
    patterns.REFRESH: Words(_l("Count the patterns that auditors look at"), _AGAIN_BY_ITSELF),
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


def text_problem(reason: str) -> Words:
    """Why a text was given up (``TextMessage.reason``)."""
    match reason:
        case "no_credit":
            return Words(_l("The account with the provider of texts is empty."), _l("Have it filled, then try again."))
        case "not_admitted":
            return Words(
                _l("The provider does not accept our credentials or our sender's name."),
                _l("Have KIBALI_SMS_URL and the sender's registration checked, then try again."),
            )
        case "away":
            return Words(
                _l("The provider of texts could not be reached."), _l("See that it can be reached, then try again.")
            )
        case "unanswered":
            return Words(
                _l("The provider gave no answer, so the text may have arrived."),
                _l("Try again only if it matters: the person may get it twice."),
            )
        case "switched_off":
            return Words(_l("No provider of texts is set up."), _l("Set KIBALI_SMS_URL, then try again."))
        case _:
            return Words(
                _l("The provider refused the text."), _l("Ask the provider why; try again when that is mended.")
            )


def record_problem(error: str) -> Words:
    """Why an issued document has no PDF; ``error`` as for ``mail_problem``."""
    match error.partition(_PLACE)[0]:
        case "StampAway":
            return Words(
                _l("The time-stamp authority could not be reached."),
                _l("See that it answers at KIBALI_TSA_URL, then try again."),
            )
        case "ListAway":
            return Words(
                _l("The list of withdrawn certificates could not be had."),
                _l("See that the portal reaches the authority that issued the seals, then try again."),
            )
        case "KeyAway":
            return Words(
                _l("The store of the agency's signing key did not answer."),
                _l("See that the key store is connected and its PIN is right, then try again."),
            )
        case "SealError":
            return Words(
                _l("The agency's seal cannot be used: its certificate or key is missing, wrong or withdrawn."),
                _l("Give the technical team the place of the error; try again when the seal is in order."),
            )
        case _:
            return Words(
                _l("The PDF could not be made."),
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
