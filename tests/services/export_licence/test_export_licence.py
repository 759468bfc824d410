"""Export licence: the fee, the review, the permit and its paper."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.cases import drafts, registry
from app.cases.models import Outcome
from app.cases.registry import CaseContext
from app.cases.work import Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.core.errors import DomainError, Invalid, NotAllowed
from app.documents.models import Record
from app.jurisdictions import load, lookup
from app.permits.models import Permit
from tests.factories.cases import drafted, licence, pay, submitted
from tests.services.conftest import cast, licensed, move


def test_a_paid_and_approved_application_makes_a_permit_and_its_paper(rwanda, exporter):
    line = licensed(rwanda, exporter)
    assert (line.hs, line.quantity, line.unit) == ("090111", Decimal(19200), "KGM")
    permit = rwanda.get(Permit, line.permit_id)
    record = rwanda.get(Record, permit.record_id)
    assert record.number == permit.number
    assert record.data["lines"][0]["hs"] == "090111"


def test_nobody_reviews_what_is_not_paid(rwanda, exporter):
    naeb = cast(rwanda, "NAEB")
    case = submitted(rwanda, exporter, "export_licence", licence())
    with pytest.raises(DomainError) as refused:
        move(rwanda, case, Action.TAKE, naeb.registrar)
    assert refused.value.code in {"stale", "unpaid"}
    assert case.due_at is None, "the clock starts with the payment"
    pay(rwanda, case, exporter)
    assert case.state == State.SUBMITTED
    assert case.due_at is not None


def test_prohibited_goods_are_refused_with_the_law(rwanda, exporter):
    case = drafted(rwanda, exporter, "export_licence", licence(hs="740400"))
    definition = registry.service("export_licence")
    evaluation = drafts.evaluate(rwanda, definition, load.current(), case)
    assert evaluation.problems


def test_validity_beyond_what_the_kind_allows_is_refused(rwanda, exporter):
    case = drafted(rwanda, exporter, "export_licence", licence(days=2000))
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    assert "validity.valid_to" in {problem.field for problem in refused.value.problems}


def test_a_kind_is_the_one_of_today_not_of_a_coming_rule(rwanda):
    pack = load.current()
    coming = lookup.permit_kind(pack, "coffee-export").model_copy(
        update={"valid_from": date(2999, 1, 1), "agency": "RRA", "documents": ()}
    )
    pack = pack.model_copy(update={"permit_kinds": (*pack.permit_kinds, coming)})
    definition, answers = registry.service("export_licence"), {"kind": {"permit_kind": "coffee-export"}}
    assert definition.agency(pack, answers) == "NAEB"
    assert definition.documents(pack, answers)


def test_a_licence_is_not_issued_for_days_that_are_over(rwanda, exporter):
    naeb = cast(rwanda, "NAEB")
    case = submitted(rwanda, exporter, "export_licence", licence(days=5))
    pay(rwanda, case, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=Payload(outcome=Outcome.APPROVE))
    definition, pack = registry.service("export_licence"), load.current()
    answers = dict(drafts.context(rwanda, definition, pack, case).answers)
    context = CaseContext(rwanda, pack, case, naeb.supervisor, None, answers)

    def validity():
        return next(check.passed for check in definition.checks(context) if check.rule == "validity")

    assert validity() is True
    with clock.at(clock.now() + timedelta(days=6)):
        assert validity() is False
        with pytest.raises(NotAllowed) as refused:
            move(rwanda, case, Action.APPROVE, naeb.supervisor)
    assert refused.value.code == "validity_over"


@pytest.mark.parametrize(("currency", "right"), [("USD", True), ("RWF", False)])
def test_francs_have_no_decimals(rwanda, exporter, currency, right):
    raw = licence()
    raw["quantity"] |= {"value": ["96000.50"], "currency": [currency]}
    case = drafted(rwanda, exporter, "export_licence", raw)
    assert case.draft["quantity"]["complete"] is right
