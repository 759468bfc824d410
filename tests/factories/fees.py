"""Bills, a mobile-money stand-in, and hooks that hear what happened."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal

import time_machine
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core import clock
from app.core.money import Money
from app.fees import charges, hooks, providers
from app.fees.models import Charge
from app.fees.providers.mtn_momo import MtnMomo
from app.jobs import queue
from app.jurisdictions import load
from app.jurisdictions.model import FeeRule
from tools.standins.mtn_momo import StandIn, serve

PAYS, NO_FUNDS, NEVER_ANSWERS, FAILS = "0788000001", "0788000002", "0788000003", "0788000004"


def rule(
    amount: int = 15000, *, code: str = "licence", percent: str = "0", currency: str = "RWF", revenue: str = "1422"
) -> FeeRule:
    return FeeRule(
        code=code,
        names={"en": f"Fee {code}", "fr": f"Droit {code}"},
        service="export_licence",
        amount_minor=amount,
        percent=Decimal(percent),
        currency=currency,
        revenue_code=revenue,
        valid_from=date(2024, 1, 1),
        legal_ref="illustrative",
    )


def make_charge(
    session: Session,
    payer_id: int,
    *rules: FeeRule,
    base: Money | None = None,
    title: str = "Coffee export licence",
    business_id: int | None = None,
) -> Charge:
    pack = load.configure("RW")
    charge = charges.assess(
        session,
        pack=pack,
        rules=rules or (rule(),),
        base=base,
        title=title,
        case_id=None,
        business_id=business_id,
        payer_id=payer_id,
    )
    assert charge is not None
    return charge


@contextmanager
def momo(**settings: object) -> Iterator[StandIn]:
    """A stand-in on loopback, as the process's provider. Only status requests move it on, unless told otherwise."""
    state = StandIn(**{"settle_after": 3600.0, "callbacks": False, **settings})  # type: ignore[arg-type]
    server = serve(state)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    before = providers._provider
    providers.configure(adapter(f"http://127.0.0.1:{server.server_address[1]}"))
    try:
        yield state
    finally:
        providers._provider = before
        server.shutdown()
        server.server_close()
        thread.join()


def adapter(url: str, **changes: object) -> MtnMomo:
    values = {
        "url": url,
        "subscription_key": "demo-subscription",
        "api_user": "user",
        "api_key": "key",
        "environment": "sandbox",
        "timeout": (2.0, 2.0),
    }
    return MtnMomo(**(values | changes))  # type: ignore[arg-type]


@contextmanager
def own_hooks() -> Iterator[dict[str, list[str]]]:
    """Nobody else's hooks; what happened is noted by kind with the bill's reference."""
    lists = [hooks._settled, hooks._issued, hooks._unpaid, hooks._surplus, hooks._started, hooks._locking]
    before = [list(callbacks) for callbacks in lists]
    heard: dict[str, list[str]] = {"settled": [], "unpaid": [], "surplus": [], "receipt": [], "started": []}
    for callbacks in lists:
        callbacks.clear()
    hooks.on_settled(lambda session, charge: heard["settled"].append(charge.reference))
    hooks.on_receipt(lambda session, charge, payment, receipt: heard["receipt"].append(receipt.reference))
    hooks.on_unpaid(lambda session, charge, payment: heard["unpaid"].append(payment.reason))
    hooks.on_surplus(lambda session, charge, payment: heard["surplus"].append(charge.reference))
    hooks.on_started(lambda session, charge, payment: heard["started"].append(charge.reference))
    try:
        yield heard
    finally:
        for callbacks, old in zip(lists, before, strict=True):
            callbacks[:] = old


def run_for(session: Session, seconds: int, *, only: str = "%") -> None:
    """Let time pass and do the jobs that fall due; those whose name is not like ``only`` are dropped."""
    end = clock.now() + timedelta(seconds=seconds)
    waiting = text("SELECT min(scheduled_at) FROM procrastinate_jobs WHERE status = 'todo'")
    others = text("DELETE FROM procrastinate_jobs WHERE task_name NOT LIKE :only")
    now = clock.now()
    while True:
        with time_machine.travel(now, tick=False):
            done = 1
            while done:
                session.execute(others, {"only": only})
                done = queue.run_pending(session, limit=1)
        due = session.scalar(waiting)
        if due is None or due > end:
            return
        assert due >= now, "a job was not run when it fell due"
        now = due + timedelta(milliseconds=1)
