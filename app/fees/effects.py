"""What follows a payment outside the money itself: the audit entry, the receipt's PDF, the message to the payer.

Those packages are this one's neighbours and are not imported: they are passed in once, at start-up, by ``connect``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.orm import Session

from app.core.i18n import gettext as _
from app.core.i18n import use_locale
from app.fees import hooks, phones, reasons, receipts
from app.fees.models import Charge, ChargeState, Payment, Receipt
from app.identity import people
from app.identity.actor import SYSTEM, Actor
from app.jurisdictions import load

STARTED = "payment.started"
RECEIVED = "payment.received"
UNPAID = "payment.failed"
SURPLUS = "payment.surplus"


class Audit(Protocol):
    def __call__(
        self,
        session: Session,
        actor: Actor,
        verb: str,
        *,
        subject: str,
        reference: str = "",
        case_id: int | None = None,
        business_id: int | None = None,
        detail: dict[str, Any] | None = None,
    ) -> object: ...


class Issued(Protocol):
    @property
    def code(self) -> str: ...


class IssueRecord(Protocol):
    def __call__(
        self,
        session: Session,
        *,
        kind: str,
        template: str,
        title: str,
        data: dict[str, Any],
        locale: str,
        case_id: int | None = None,
        business_id: int | None = None,
        subject: str,
        issuer: str,
    ) -> Issued: ...


class Notify(Protocol):
    def __call__(
        self, session: Session, *, user_id: int, template: str, values: Mapping[str, Any], case_id: int | None = None
    ) -> object: ...


@dataclass(frozen=True)
class Effects:
    audit: Audit
    issue: IssueRecord
    notify: Notify

    def started(self, session: Session, charge: Charge, payment: Payment) -> None:
        actor = SYSTEM
        if payment.started_by is not None:
            person = people.user(session, payment.started_by)
            actor = Actor(kind="user", name=person.name, user_id=person.id)
        self._audit(session, actor, STARTED, charge, payment)

    def receipt(self, session: Session, charge: Charge, payment: Payment, receipt: Receipt) -> None:
        self._audit(session, SYSTEM, RECEIVED, charge, payment, receipt=receipt.reference)
        payer = people.user(session, charge.payer_id)
        with use_locale(payer.locale, load.current().zone):
            record = self.issue(
                session,
                kind=receipts.KIND,
                template=receipts.TEMPLATE,
                title=_("Receipt %(number)s", number=receipt.reference),
                data=receipts.facts(charge, payment, receipt, payer=payer.name),
                locale=payer.locale,
                case_id=charge.case_id,
                business_id=charge.business_id,
                subject=f"charge:{charge.id}",
                issuer=load.current().name,
            )
        receipt.record_code = record.code
        self._notify(session, "payment_received", charge, receipt=receipt.reference)

    def unpaid(self, session: Session, charge: Charge, payment: Payment) -> None:
        self._audit(session, SYSTEM, UNPAID, charge, payment, reason=payment.reason)
        if charge.state == ChargeState.DUE:  # of a bill that was taken back there is nothing to pay
            self._notify(session, "payment_failed", charge, reason=reasons.explain(payment.reason))

    def surplus(self, session: Session, charge: Charge, payment: Payment) -> None:
        self._audit(session, SYSTEM, SURPLUS, charge, payment, destination=payment.destination)
        self._notify(session, "payment_surplus", charge, number=phones.masked(payment.msisdn))

    def _audit(
        self, session: Session, actor: Actor, verb: str, charge: Charge, payment: Payment, **detail: Any
    ) -> None:
        self.audit(
            session,
            actor,
            verb,
            subject=f"charge:{charge.id}",
            reference=charge.reference,
            case_id=charge.case_id,
            business_id=charge.business_id,
            detail={
                "amount_minor": payment.amount_minor,
                "currency": payment.currency,
                "provider": payment.provider,
                "provider_reference": str(payment.provider_reference),
                **detail,
            },
        )

    def _notify(self, session: Session, template: str, charge: Charge, **values: Any) -> None:
        self.notify(
            session,
            user_id=charge.payer_id,
            template=template,
            values={
                "reference": charge.reference,
                "title": charge.title,
                "amount": charge.total,
                "path": f"/pay/{charge.reference}",
                **values,
            },
            case_id=charge.case_id,
        )


def connect(*, audit: Audit, issue: IssueRecord, notify: Notify) -> None:
    """Hang the effects on the hooks (once, at start-up)."""
    effects = Effects(audit, issue, notify)
    hooks.on_started(effects.started)
    hooks.on_receipt(effects.receipt)
    hooks.on_unpaid(effects.unpaid)
    hooks.on_surplus(effects.surplus)
