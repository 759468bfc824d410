"""Paying a bill: ``/pay/<number>`` in every state, what the provider calls back, and what a person must clear up.

Importing this module also connects payments with their neighbours (audit, records, messages, cases): the worker
imports it too.
"""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app import notifications
from app.audit import entries, verbs
from app.core import db
from app.core.errors import Busy, Invalid
from app.core.i18n import lazy_gettext as _l
from app.documents import records
from app.documents.models import RecordState
from app.documents.schema_models import Schema
from app.fees import charges, effects, payments, phones, reasons, receipts
from app.fees import tasks as _tasks  # noqa: F401  # registers the jobs
from app.fees.models import Charge, Payment
from app.fees.record_data import Receipt
from app.identity import limits, signin
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.web import navigation
from app.web.guards import actor, csrf, posted_form, requires
from app.web.paging import read_id
from forms.payments import MobileMoneyForm

blueprint = Blueprint("payments", __name__)

REFRESH = 5  # seconds between looks while the payer approves on the phone
PAGE = 25

verbs.register(effects.STARTED, _l("Payment started"))
verbs.register(effects.RECEIVED, _l("Payment received"))
verbs.register(effects.UNPAID, _l("Payment failed"))
verbs.register(effects.SURPLUS, _l("Payment received that settles no bill"))
records.register_kind(receipts.KIND, _l("Receipt"), records.as_issued, schema=Schema(Receipt, 1))
effects.connect(audit=entries.record, issue=records.request, notify=notifications.send)
navigation.register(
    navigation.NavigationItem(_l("Payments"), "/pay", roles=frozenset({Role.ENTREPRENEUR}), order=50),
    navigation.NavigationItem(_l("Payments to clear"), "/audit/payments", roles=frozenset({Role.AUDITOR}), order=40),
    navigation.NavigationItem(
        _l("Payments to clear"), "/admin/payments", roles=frozenset({Role.ADMINISTRATOR}), order=40
    ),
)


@blueprint.get("/pay")
@requires(Permission.PAY)
def bills() -> ResponseReturnValue:
    found = charges.for_payer(db.session(), actor(), before=read_id(request.args.get("before")), limit=PAGE + 1)
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return render_template("web/payments/bills.html", charges=found[:PAGE], older=older)


@blueprint.route("/pay/<reference>", methods=["GET", "POST"])
@requires(Permission.PAY)
def pay(reference: str) -> ResponseReturnValue:
    session = db.session()
    charge = charges.load_for(session, actor(), reference)
    form = MobileMoneyForm(posted_form() or None)
    if request.method != "POST":
        return _page(charge, form)
    if form.validate():
        try:
            payments.start(session, charge, form.msisdn.data, actor())
        except Invalid as error:
            session.rollback()
            form.refuse(error.problems)
        else:
            session.commit()
            return _back(charge)
    return _page(charge, form, status=422)


@blueprint.post("/pay/<reference>/check")
@requires(Permission.PAY)
def check(reference: str) -> ResponseReturnValue:
    """Ask the provider now; the answer is on the page a moment later."""
    session = db.session()
    charge = charges.load_for(session, actor(), reference)
    payment = payments.latest(session, charge)
    if payment is not None:
        limits.hit(f"payment-check:{payment.id}", 30, 60)
        payments.ask_now(session, payment)
        session.commit()
    return _back(charge)


@blueprint.post("/pay/<reference>/renew")
@requires(Permission.PAY)
def renew(reference: str) -> ResponseReturnValue:
    session = db.session()
    charge = charges.load_for(session, actor(), reference)
    try:
        charge = charges.renew(session, charge)
    except Invalid as error:
        flash(str(error.message), "warn")
    else:
        session.commit()
    return _back(charge)


def _back(charge: Charge) -> Response:
    return redirect(url_for("payments.pay", reference=charge.reference), 303)


def _page(charge: Charge, form: MobileMoneyForm, status: int = 200) -> Response:
    session = db.session()
    payment = payments.settling(session, charge) if charge.settled else payments.latest(session, charge)
    waiting = payment is not None and payment.pending
    receipt = receipts.for_charge(session, charge.id) if charge.settled else None
    record = records.by_code(session, receipt.record_code) if receipt and receipt.record_code else None
    html = render_template(
        "web/payments/pay.html",
        charge=charge,
        successor=charges.successor(session, charge),
        cautions=_cautions(charge),
        form=form,
        payment=payment,
        number=phones.masked(payment.msisdn) if payment else "",
        explanation=reasons.explain(payment.reason) if payment and payment.reason else None,
        receipt=receipt,
        record=record,
        still="still" in request.args,
    )
    response = make_response(html, status)
    preparing = record is not None and record.state == RecordState.PENDING
    if (waiting or preparing) and status == 200 and "still" not in request.args:
        # A header, and only while something is on its way; "?still" is the page without it.
        response.headers["Refresh"] = str(REFRESH)
    return response


def _cautions(charge: Charge) -> dict[str, str]:
    """What must be said about a line's source, by its code: the bill keeps the legal reference, the pack the doubt."""
    pack = load.current()
    day = charge.created_at.astimezone(pack.zone).date()
    rules = [lookup.find(pack.fees, line.code, day) for line in charge.lines]
    return {rule.code: rule.caution for rule in rules if rule is not None}


@blueprint.route("/callbacks/mtn/<uuid:reference>", methods=["PUT", "POST"])
@requires(Permission.PUBLIC)
@csrf.exempt  # type: ignore[untyped-decorator]
def mtn_callback(reference: UUID) -> ResponseReturnValue:
    """Unsigned, so nothing in it is believed or even read: it makes us ask. The answer never depends on anything."""
    try:
        limits.hit(f"callback:{signin.network(request.remote_addr)}", 120, 60)
        limits.hit(f"callback:{reference}", 6, 60)
    except Busy:
        return "", 202
    session = db.session()
    payments.heard(session, reference)
    session.commit()
    return "", 202


@blueprint.get("/audit/payments")
@requires(Permission.AUDIT)
def to_clear() -> ResponseReturnValue:
    return _exceptions()


@blueprint.get("/admin/payments")
@requires(Permission.ADMINISTER)
def to_clear_admin() -> ResponseReturnValue:
    return _exceptions()


def _exceptions() -> str:
    found = payments.exceptions(db.session(), before=read_id(request.args.get("before")), limit=PAGE + 1)
    older = found[PAGE - 1].id if len(found) > PAGE else None
    shown: list[tuple[Payment, str]] = [(payment, phones.masked(payment.msisdn)) for payment in found[:PAGE]]
    return render_template("web/payments/exceptions.html", payments=shown, older=older)
