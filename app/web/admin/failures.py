"""``/admin/failures``: everything that failed for good, on one page, each with what to do about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.audit import entries, verbs
from app.core import db
from app.core.errors import NotFound
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.i18n import ngettext
from app.documents import failures as documents
from app.documents.records import RENDER, kind_title
from app.fees import payments
from app.identity.policy import Permission
from app.jobs import failures as jobs
from app.notifications import failures as mails
from app.notifications.sending import SEND
from app.outbox import deliveries, endpoints
from app.outbox.models import Delivery, Endpoint
from app.web import guards
from app.web.admin import blueprint, words
from app.web.guards import requires

PAGE = 20
MOST_PAYMENTS = 100  # counted to, no further
LARGEST_ID = 2**63 - 1
OWN_SECTION = (RENDER, SEND)  # their failures are told by the document and the mail they are about

JOB_RETRIED = verbs.register("failure.job_retried", _l("Failed job started again"))
DELIVERY_RETRIED = verbs.register("failure.delivery_retried", _l("Failed delivery started again"))
DELIVERIES_RETRIED = verbs.register("failure.deliveries_retried", _l("Failed deliveries to an address started again"))
ENDPOINT_DISABLED = verbs.register("failure.endpoint_disabled", _l("Address of an API client disabled"))
MAIL_RETRIED = verbs.register("failure.mail_retried", _l("Failed mail sent again"))
RECORD_RETRIED = verbs.register("failure.record_retried", _l("Failed document made again"))

T = TypeVar("T")


@dataclass(frozen=True)
class Section(Generic[T]):
    """One kind of failure: a page of them, how many there are in all, and where the next page begins."""

    rows: Sequence[T]
    count: int
    older: int | None
    first: bool


def count(session: Session) -> int:
    """How many failures wait for somebody. Payments to clear are not failures and not counted."""
    return (
        jobs.count(session, without=OWN_SECTION)
        + deliveries.count_failed(session)
        + mails.count(session)
        + documents.count(session)
    )


def _section(
    name: str, total: int, read: Callable[[int | None, int], Sequence[T]], key: Callable[[T], int]
) -> Section[T]:
    """``name`` is that of the cursor in the address."""
    before = request.args.get(name, type=int)
    if before is not None and not 0 < before <= LARGEST_ID:
        before = None
    found = read(before, PAGE + 1)
    older = key(found[PAGE - 1]) if len(found) > PAGE else None
    return Section(found[:PAGE], total, older, before is None)


def _by_endpoint(found: Sequence[Delivery]) -> list[tuple[Endpoint, list[Delivery]]]:
    """Grouped by client and address, the deliveries of each still newest first."""
    ordered = sorted(found, key=lambda row: (row.endpoint.client.name, row.endpoint_id, -row.id))
    return [(rows[0].endpoint, rows) for rows in (list(g) for _k, g in groupby(ordered, lambda row: row.endpoint_id))]


@blueprint.get("/failures", endpoint="failures")
@requires(Permission.ADMINISTER)
def overview() -> ResponseReturnValue:
    session = db.session()
    told = _section(
        "deliveries",
        deliveries.count_failed(session),
        lambda before, limit: deliveries.failed(session, before=before, limit=limit),
        lambda row: row.id,
    )
    return render_template(
        "web/admin/failures.html",
        documents=_section(
            "documents",
            documents.count(session),
            lambda before, limit: documents.list(session, before=before, limit=limit),
            lambda row: row.id,
        ),
        mails=_section(
            "mails",
            mails.count(session),
            lambda before, limit: mails.list(session, before=before, limit=limit),
            lambda row: row.id,
        ),
        deliveries=told,
        endpoints=_by_endpoint(told.rows),
        jobs=_section(
            "jobs",
            jobs.count(session, without=OWN_SECTION),
            lambda before, limit: jobs.list(session, without=OWN_SECTION, before=before, limit=limit),
            lambda row: row.id,
        ),
        payments=len(payments.exceptions(session, limit=MOST_PAYMENTS)),
        most_payments=MOST_PAYMENTS,
        kind_title=kind_title,
        task_words=words.task,
        mail_words=words.mail_problem,
        delivery_words=words.delivery_problem,
    )


@blueprint.post("/failures/<kind>/<int:number>/<action>")
@requires(Permission.ADMINISTER)
def act_on_failure(kind: str, number: int, action: str) -> ResponseReturnValue:
    """``retry`` for jobs, deliveries, mails and documents; ``retry`` and ``disable`` for endpoints."""
    act = _ACTIONS.get((kind, action))
    if act is None or number >= LARGEST_ID:
        raise NotFound
    session = db.session()
    try:
        message = act(session, number)
    except NotFound:
        # Two administrators, or two clicks: what is meant has happened already.
        session.rollback()
        flash(_("That is no longer among the failures."), "warn")
    else:
        session.commit()
        flash(message, "ok")
    return redirect(url_for("admin.failures"), 303)


def _again() -> str:
    return _("It is being tried again. If it fails once more, it comes back to this page.")


def _retry_job(session: Session, number: int) -> str:
    failure = jobs.get(session, number)
    jobs.retry(session, number)
    entries.record(session, guards.actor(), JOB_RETRIED, subject=f"job:{number}", detail={"task": failure.task})
    return _again()


def _retry_delivery(session: Session, number: int) -> str:
    delivery = deliveries.retry(session, number)
    entries.record(
        session,
        guards.actor(),
        DELIVERY_RETRIED,
        subject=f"delivery:{number}",
        reference=delivery.event.uid,
        business_id=delivery.event.business_id,
        detail={"client": delivery.endpoint.client.client_id, "type": delivery.event.type},
    )
    return _again()


def _retry_deliveries(session: Session, number: int) -> str:
    endpoint = endpoints.by_id(session, number)
    started = deliveries.retry_all(session, endpoint)
    if not started:
        raise NotFound
    _record_endpoint(session, DELIVERIES_RETRIED, endpoint, deliveries=started)
    return ngettext("%(num)s delivery is being tried again.", "%(num)s deliveries are being tried again.", started)


def _disable_endpoint(session: Session, number: int) -> str:
    endpoint = endpoints.by_id(session, number)
    if endpoint.disabled_at is not None:
        raise NotFound
    endpoints.disable(session, endpoint, "disabled by an administrator")
    _record_endpoint(session, ENDPOINT_DISABLED, endpoint)
    return _(
        "Nothing more is sent to %(url)s. %(client)s can register an address again.",
        url=endpoint.url,
        client=endpoint.client.name,
    )


def _record_endpoint(session: Session, verb: str, endpoint: Endpoint, **detail: int) -> None:
    entries.record(
        session,
        guards.actor(),
        verb,
        subject=f"endpoint:{endpoint.uid}",
        reference=endpoint.client.client_id,
        detail={"url": endpoint.url, **detail},
    )


def _retry_mail(session: Session, number: int) -> str:
    message = mails.retry(session, number)
    entries.record(
        session,
        guards.actor(),
        MAIL_RETRIED,
        subject=f"message:{number}",
        reference=message.email,
        case_id=message.case_id,
        detail={"template": message.template},
    )
    return _again()


def _retry_document(session: Session, number: int) -> str:
    record = documents.retry(session, number)
    entries.record(
        session,
        guards.actor(),
        RECORD_RETRIED,
        subject=f"record:{number}",
        reference=record.number,
        case_id=record.case_id,
        business_id=record.business_id,
    )
    return _again()


_ACTIONS: dict[tuple[str, str], Callable[[Session, int], str]] = {
    ("jobs", "retry"): _retry_job,
    ("deliveries", "retry"): _retry_delivery,
    ("endpoints", "retry"): _retry_deliveries,
    ("endpoints", "disable"): _disable_endpoint,
    ("mails", "retry"): _retry_mail,
    ("documents", "retry"): _retry_document,
}
