"""Customs declarations: quantities reserved, used and given back; lanes; licences that are needed."""

import pytest
from sqlalchemy import select

from app.cases.models import Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core.errors import Invalid, NotAllowed
from app.documents.models import Record
from app.permits import allocations
from app.services.customs import declarations
from app.services.customs.models import Declaration
from tests.factories.businesses import make_business
from tests.factories.cases import declaration, drafted, fill, pay, submitted
from tests.factories.people import make_user
from tests.factories.permits import make_permit
from tests.services.conftest import cast, licensed, move


def lodged(session, exporter, line, net_mass="6000"):
    case = submitted(session, exporter, "customs", declaration(line.id if line else None, net_mass))
    pay(session, case, exporter)
    return case


def officer(session):
    return cast(session, "RRA").registrar


def balance(session, line):
    found = allocations.balance(session, line.id)
    return found.reserved, found.consumed


def test_submission_reserves_release_consumes(rwanda, exporter):
    line = licensed(rwanda, exporter)
    case = lodged(rwanda, exporter, line)
    assert balance(rwanda, line) == (6000, 0)
    customs = officer(rwanda)
    move(rwanda, case, Action.TAKE, customs)
    rwanda.scalars(select(Declaration).where(Declaration.case_id == case.id)).one().lane = "green"
    move(rwanda, case, Action.APPROVE, customs)
    assert case.state == State.APPROVED
    assert balance(rwanda, line) == (0, 6000)
    record = rwanda.scalars(select(Record).where(Record.case_id == case.id, Record.kind == "export_declaration")).one()
    assert record.data["items"][0]["licence"]


def test_the_red_lane_needs_a_second_officer(rwanda, exporter):
    line = licensed(rwanda, exporter)
    case = lodged(rwanda, exporter, line)
    customs = officer(rwanda)
    move(rwanda, case, Action.TAKE, customs)
    declarations.of_case(rwanda, case.id).lane = "red"
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.APPROVE, customs)
    move(rwanda, case, Action.RECOMMEND, customs, payload=Payload(outcome=Outcome.APPROVE))
    move(rwanda, case, Action.APPROVE, cast(rwanda, "RRA").supervisor)
    assert case.state == State.APPROVED


@pytest.mark.parametrize("ending", ["withdraw", "refuse", "cancel"])
def test_what_is_not_exported_comes_back(rwanda, exporter, ending):
    line = licensed(rwanda, exporter)
    case = lodged(rwanda, exporter, line)
    customs = cast(rwanda, "RRA")
    if ending == "withdraw":
        move(rwanda, case, Action.WITHDRAW, exporter)
    else:
        move(rwanda, case, Action.TAKE, customs.registrar)
        declarations.of_case(rwanda, case.id).lane = "green"
        if ending == "cancel":
            move(rwanda, case, Action.APPROVE, customs.registrar)
            assert balance(rwanda, line) == (0, 6000)
            move(rwanda, case, Action.CANCEL, exporter)
        else:
            move(rwanda, case, Action.RECOMMEND, customs.registrar, payload=Payload(outcome=Outcome.REFUSE))
            move(rwanda, case, Action.REFUSE, customs.supervisor)
    assert balance(rwanda, line) == (0, 0)


def test_more_than_the_balance_is_refused_with_the_balance_shown(rwanda, exporter):
    line = licensed(rwanda, exporter, quantity="5000")
    case = drafted(rwanda, exporter, "customs", declaration(line.id, "6000"))
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    assert refused.value.field == "items.items-0-net_mass"
    assert "5,000" in str(refused.value.message)


def test_goods_that_need_a_licence_do_not_leave_without_one(rwanda, exporter):
    case = drafted(rwanda, exporter, "customs", declaration(None))
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    assert refused.value.field == "items.items-0-permit_line"


def test_a_corrected_declaration_reserves_anew_not_twice(rwanda, exporter):
    line = licensed(rwanda, exporter)
    case = lodged(rwanda, exporter, line, "19000")
    customs = officer(rwanda)
    move(rwanda, case, Action.TAKE, customs)
    question = Payload(fields=(AskedField("items", "items.items-0-net_mass", "Net mass"),))
    move(rwanda, case, Action.ASK, customs, payload=question)
    fill(rwanda, case, declaration(line.id, "15000"))
    move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    assert balance(rwanda, line) == (15000, 0)


def test_another_firms_licence_cannot_be_used(rwanda, exporter):
    other = make_user(rwanda)
    theirs = make_permit(rwanda, make_business(rwanda, owner=other, name="Somebody Else Entirely"))
    case = drafted(rwanda, exporter, "customs", declaration(theirs.lines[0].id))
    with pytest.raises(Invalid):
        move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    assert balance(rwanda, theirs.lines[0]) == (0, 0)
