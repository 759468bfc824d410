"""The jobs of text messages: handing one over, at most once, and learning what became of it.

Before a call to the provider the state SENDING is committed. Whatever happens then, no job hands the text over again
unless the provider said for certain that it took nothing.
"""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.jobs import queue
from app.jurisdictions import load
from app.notifications import sms
from app.notifications.sms import Fate, NotSent, Refused, Report, Unanswered, phones, quiet
from app.notifications.sms.models import TextMessage, TextState
from app.notifications.sms.writing import SEND

CHECK = "notifications.check_text"
HEARD = "notifications.heard_of_text"
SWEEP = "notifications.sweep_texts"
WAITS = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=45))
LOST = timedelta(hours=1)
REMOVED = "[removed after sending]"
UNANSWERED = "unanswered"
# Nobody can mend these: the person no longer wants it, the news is old, or their own network did not take it.
_BEYOND_US = frozenset({"not_wanted", "refuses_texts", "no_number", "unreachable", "not_delivered", "too_late"})
_OPEN = (TextState.SENDING, TextState.SENT)
_KINDS = {"NoCredit": "no_credit", "NotAdmitted": "not_admitted", "Away": "away"}

_keep_secrets = False


def configure(*, keep_secrets: bool) -> None:
    """``keep_secrets``: in the demo, whose telephone page is the only reader, codes stay readable."""
    global _keep_secrets
    _keep_secrets = keep_secrets


def _locked(session: Session, text_id: int) -> TextMessage | None:
    return session.get(TextMessage, text_id, with_for_update=True, populate_existing=True)


def _failed(session: Session, failed: queue.Failed, text_id: int) -> None:
    text = _locked(session, text_id)
    if failed.final and text is not None and text.state == TextState.QUEUED:
        _end(text, TextState.FAILED, _KINDS.get(failed.error.partition(" ")[0], "portal"))


@queue.task(SEND, queue="texts", on_failure=_failed)
def send_text(session: Session, text_id: int) -> None:
    text, provider = _locked(session, text_id), sms.current()
    if text is None or text.state != TextState.QUEUED:
        return
    now = clock.now()
    hindrance = _hindrance(session, text, provider)
    if hindrance or provider is None:
        _end(text, TextState.FAILED, hindrance)
        return
    later = None if text.secret else quiet.until(now, load.current().zone)
    if later is not None:
        text.valid_until = max(text.valid_until, later + timedelta(hours=1))
        queue.enqueue(session, SEND, at=later, text_id=text.id)
        return
    text.state, text.handed_over_at, text.provider = TextState.SENDING.value, now, provider.code
    text.attempts += 1
    session.flush()
    _release(session)
    minutes = max(1, int((text.valid_until - now).total_seconds() // 60))
    try:
        provider_id = provider.send(text.number, text.body, text.reference, minutes=minutes)
    except Refused as refusal:
        settle(session, text_id, Report(Fate.FAILED, "", refusal.reason, refusal.stop))
    except NotSent:
        text.state = TextState.QUEUED.value  # nobody else touches it: without an id no report fits it
        session.flush()
        _release(session)
        raise
    except Unanswered:
        wait = WAITS[0] if provider.tells else LOST
        queue.enqueue(session, CHECK, at=clock.now() + wait, text_id=text_id, number=1)
    else:
        settle(session, text_id, Report(Fate.UNDER_WAY, provider_id))


def _hindrance(session: Session, text: TextMessage, provider: sms.Provider | None) -> str:
    """Why it must not be handed over any more; empty when it may."""
    if provider is None:
        return "switched_off"
    if clock.now() > text.valid_until:
        return "too_late"
    if not text.secret and phones.to_write_to(session, text.user_id) != text.number:
        return "not_wanted"
    return ""


@queue.task(CHECK, queue="texts")
def check_text(session: Session, text_id: int, number: int) -> None:
    """Clear up a call without an answer; after the last look it counts as failed, and a person may decide."""
    text, provider = session.get(TextMessage, text_id, populate_existing=True), sms.current()
    if text is None or text.state != TextState.SENDING:
        return
    report = _enquire(session, text, provider) if provider is not None and provider.tells else None
    if report is not None:
        settle(session, text_id, report)
    elif provider is not None and provider.tells and number < len(WAITS):
        queue.enqueue(session, CHECK, at=clock.now() + WAITS[number], text_id=text_id, number=number + 1)
    else:
        settle(session, text_id, Report(Fate.FAILED, "", UNANSWERED))


def _enquire(session: Session, text: TextMessage, provider: sms.Provider) -> Report | None:
    reference = text.reference
    _release(session)
    try:
        return provider.enquire(reference)
    except Unanswered:
        return None


@queue.task(HEARD, queue="texts")
def heard(session: Session, text_id: int) -> None:
    """A delivery report came from a provider that can be asked: ask it."""
    text, provider = session.get(TextMessage, text_id, populate_existing=True), sms.current()
    if text is None or provider is None or not provider.tells or not _open(text):
        return
    report = _enquire(session, text, provider)
    if report is not None:
        settle(session, text_id, report)


@queue.task(SWEEP)
def sweep(session: Session) -> None:
    """Take up texts whose worker died between the call and the note of its answer."""
    lost = session.scalars(
        select(TextMessage.id).where(
            TextMessage.state == TextState.SENDING.value, TextMessage.handed_over_at < clock.now() - 2 * LOST
        )
    ).all()
    for text_id in lost:
        queue.enqueue(session, CHECK, text_id=text_id, number=len(WAITS))


queue.periodic("23 * * * *", SWEEP)


def _open(text: TextMessage) -> bool:
    """Whether news about it can change anything: also of one we had given up without having had an answer."""
    return text.state in _OPEN or (text.state == TextState.FAILED and text.reason == UNANSWERED)


def settle(session: Session, text_id: int, report: Report) -> bool:
    """Take in what is known of a text; False when that changes nothing. An end is final."""
    text = _locked(session, text_id)
    if text is None or not _open(text):
        return False
    if report.provider_id and text.provider_id is None:
        text.provider_id = report.provider_id
    if report.fate is Fate.UNDER_WAY:
        if text.state == TextState.SENT:
            return False
        text.state, text.sent_at, text.ended_at, text.reason = TextState.SENT.value, clock.now(), None, ""
        text.given_up = False
        _hide(text)
    elif report.fate is Fate.DELIVERED:
        _end(text, TextState.DELIVERED, "")
    else:
        _end(text, TextState.FAILED, report.reason or "not_delivered")
        if report.stop:
            phones.stop(session, text.number, text.reason)
    session.flush()
    return True


def _end(text: TextMessage, state: TextState, reason: str) -> None:
    text.state, text.reason, text.ended_at = state.value, reason, clock.now()
    text.given_up = state is TextState.FAILED and not text.secret and reason not in _BEYOND_US
    if state is TextState.DELIVERED:
        text.sent_at = text.sent_at or text.ended_at
    _hide(text)


def _hide(text: TextMessage) -> None:
    if text.secret and not _keep_secrets:
        text.body = REMOVED


def _release(session: Session) -> None:
    """End the transaction: none waits for a provider's network. Inside a savepoint (jobs run inline) it stays open."""
    if not session.in_nested_transaction():
        session.commit()
