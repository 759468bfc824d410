"""``/admin/failures``: everything that failed for good, on one page, each with what to do about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, Generic, Protocol, TypeVar

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.audit import entries, verbs
from app.core import db
from app.core.errors import Invalid, NotFound
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
from app.notifications.sms import failures as texts
from app.notifications.sms.phones import masked
from app.notifications.sms.writing import SEND as SEND_TEXT
from app.outbox import deliveries, endpoints
from app.outbox.models import Delivery, Endpoint
from app.web import guards
from app.web.admin import blueprint, words
from app.web.guards import requires

PAGE = 20
MOST_PAYMENTS = 100  # counted to, no further
LARGEST_ID = 2**63 - 1
OWN_SECTION = (RENDER, SEND, SEND_TEXT)  # their failures are told by the document, mail and text they are about

JOB_RETRIED = verbs.register("failure.job_retried", _l("Failed job started again"))
DELIVERY_RETRIED = verbs.register("failure.delivery_retried", _l("Failed delivery started again"))
DELIVERIES_RETRIED = verbs.register("failure.deliveries_retried", _l("Failed deliveries to an address started again"))
ENDPOINT_ENABLED = verbs.register("failure.endpoint_enabled", _l("Address of an API client enabled again"))
ENDPOINT_DISABLED = verbs.register("failure.endpoint_disabled", _l("Address of an API client disabled"))
MAIL_RETRIED = verbs.register("failure.mail_retried", _l("Failed mail sent again"))
TEXT_RETRIED = verbs.register("failure.text_retried", _l("Failed text sent again"))
RECORD_RETRIED = verbs.register("failure.record_retried", _l("Failed document made again"))


class _Failure(Protocol):
    @property
    def id(self) -> int: ...


T = TypeVar("T", bound=_Failure)


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
        + texts.count(session)
        + documents.count(session)
    )


def _section(name: str, total: int, read: Callable[..., Sequence[T]]) -> Section[T]:
    """``name`` is that of the cursor in the address; ``read`` takes ``before`` and ``limit``."""
    before = request.args.get(name, type=int)
    if before is not None and not 0 < before <= LARGEST_ID:
        before = None
    found = read(before=before, limit=PAGE + 1)
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return Section(found[:PAGE], total, older, before is None)


def _by_endpoint(found: Sequence[Delivery]) -> list[tuple[Endpoint, list[Delivery]]]:
    """Grouped by client and address, the deliveries of each still newest first."""
    ordered = sorted(found, key=lambda row: (row.endpoint.client.name, row.endpoint_id, -row.id))
    return [(rows[0].endpoint, rows) for rows in (list(g) for _k, g in groupby(ordered, lambda row: row.endpoint_id))]


@blueprint.get("/failures", endpoint="failures")
@requires(Permission.ADMINISTER)
def overview() -> ResponseReturnValue:
    session = db.session()
    told = _section("deliveries", deliveries.count_failed(session), partial(deliveries.failed, session))
    return render_template(
        "web/admin/failures.html",
        documents=_section("documents", documents.count(session), partial(documents.list, session)),
        mails=_section("mails", mails.count(session), partial(mails.list, session)),
        texts=_section("texts", texts.count(session), partial(texts.list, session)),
        text_words=words.text_problem,
        masked=masked,
        deliveries=told,
        endpoints=_by_endpoint(told.rows),
        disabled=_section("disabled", endpoints.count_disabled(session), partial(endpoints.disabled, session)),
        jobs=_section(
            "jobs", jobs.count(session, without=OWN_SECTION), partial(jobs.list, session, without=OWN_SECTION)
        ),
        payments=len(payments.exceptions(session, limit=MOST_PAYMENTS)),
        most_payments=MOST_PAYMENTS,
        unfit=documents.unfit(session),
        kind_title=kind_title,
        task_words=words.task,
        record_words=words.record_problem,
        mail_words=words.mail_problem,
        delivery_words=words.delivery_problem,
        endpoint_words=words.why_disabled,
    )


@blueprint.post("/failures/<kind>/<int:number>/<action>")
@requires(Permission.ADMINISTER)
def act_on_failure(kind: str, number: int, action: str) -> ResponseReturnValue:
    """``retry`` for each kind of failure; ``retry``, ``disable`` and ``enable`` for endpoints."""
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
    except Invalid as error:
        session.rollback()
        flash(str(error.message), "warn")
    else:
        session.commit()
        flash(message, "ok")
    return redirect(url_for("admin.failures"), 303)


def _again(session: Session, verb: str, subject: str, **about: Any) -> str:
    """Note who started it again, and say that it is."""
    entries.record(session, guards.actor(), verb, subject=subject, **about)
    return _("It is being tried again. If it fails once more, it comes back to this page.")


def _retry_job(session: Session, number: int) -> str:
    failure = jobs.get(session, number)
    jobs.retry(session, number)
    return _again(session, JOB_RETRIED, f"job:{number}", detail={"task": failure.task})


def _retry_delivery(session: Session, number: int) -> str:
    delivery = deliveries.retry(session, number)
    return _again(
        session,
        DELIVERY_RETRIED,
        f"delivery:{number}",
        reference=delivery.event.uid,
        business_id=delivery.event.business_id,
        detail={"client": delivery.endpoint.client.client_id, "type": delivery.event.type},
    )


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


def _enable_endpoint(session: Session, number: int) -> str:
    endpoint = endpoints.by_id(session, number)
    endpoints.enable(session, endpoint)
    _record_endpoint(session, ENDPOINT_ENABLED, endpoint)
    return _(
        "What happens from now on is sent to %(url)s again. Tell %(client)s to ask the portal for what it missed.",
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
    return _again(
        session,
        MAIL_RETRIED,
        f"message:{number}",
        personal={"reference": message.email},
        case_id=message.case_id,
        detail={"template": message.template},
    )


def _retry_text(session: Session, number: int) -> str:
    text = texts.retry(session, number)
    return _again(
        session,
        TEXT_RETRIED,
        f"text:{number}",
        personal={"reference": masked(text.number)},
        detail={"template": text.template},
    )


def _retry_document(session: Session, number: int) -> str:
    record = documents.retry(session, number)
    return _again(
        session,
        RECORD_RETRIED,
        f"record:{number}",
        reference=record.number,
        case_id=record.case_id,
        business_id=record.business_id,
    )


_ACTIONS: dict[tuple[str, str], Callable[[Session, int], str]] = {
    ("jobs", "retry"): _retry_job,
    ("deliveries", "retry"): _retry_delivery,
    ("endpoints", "retry"): _retry_deliveries,
    ("endpoints", "disable"): _disable_endpoint,
    ("endpoints", "enable"): _enable_endpoint,
    ("mails", "retry"): _retry_mail,
    ("texts", "retry"): _retry_text,
    ("documents", "retry"): _retry_document,
}
