"""Delivery reports, as they come in from the provider."""

import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.identity import keys
from app.jobs import queue
from app.notifications.sms import Fate, Report, africas_talking, infobip
from app.notifications.sms import tasks as _tasks
from app.notifications.sms.models import TextMessage

MOST = 100  # reports in one call: Infobip's own limit
LATER = "notifications.text_report"
_SOON = timedelta(seconds=20)


def from_africas_talking(session: Session, fields: Mapping[str, str]) -> None:
    """It signs nothing and answers no questions, so besides the address only it knows, its id and the number must fit.

    A report may be quicker than the answer that tells us the id: one about an unknown id is looked at once more.
    """
    report = africas_talking.report(fields)
    if report is None:
        return
    number = "+" + fields.get("phoneNumber", "").strip().lstrip("+")
    if not _settle(session, report, number):
        queue.enqueue(
            session, LATER, at=clock.now() + _SOON, provider_id=report.provider_id, fate=report.fate.value,
            reason=report.reason, stop=report.stop, proof=_proof(report, number),
        )  # fmt: skip


@queue.task(LATER, retry=queue.NEVER)
def later(session: Session, provider_id: str, fate: str, reason: str, stop: bool, proof: str) -> None:
    _settle(session, Report(Fate(fate), provider_id, reason, stop), proof=proof)


def _proof(report: Report, number: str) -> str:
    """Of the number, for a job: jobs keep no personal data."""
    return keys.keyed_digest("text report", f"{report.provider_id} {number}")


def _settle(session: Session, report: Report, number: str = "", *, proof: str = "") -> bool:
    """Whether the text is known. One of ``number`` and its ``proof`` must fit, or nothing happens to it."""
    found = session.execute(
        select(TextMessage.id, TextMessage.number).where(
            TextMessage.provider == africas_talking.AfricasTalking.code,
            TextMessage.provider_id == report.provider_id,
        )
    ).one_or_none()
    if found is None:
        return False
    if found.number == number or hmac.compare_digest(_proof(report, found.number), proof):
        _tasks.settle(session, found.id, report)
    return True


def from_infobip(session: Session, document: Any) -> None:
    """Nothing in it is believed: each text it names is asked about."""
    rows = document.get("results") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        return
    named = {_uuid(row.get("messageId")) for row in rows[:MOST] if isinstance(row, dict)} - {None}
    if not named:
        return
    known = session.scalars(
        select(TextMessage.id).where(TextMessage.provider == infobip.Infobip.code, TextMessage.reference.in_(named))
    )
    for text_id in known.all():
        queue.enqueue(session, _tasks.HEARD, text_id=text_id)


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
