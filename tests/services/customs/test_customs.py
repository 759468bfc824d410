"""Customs declarations: quantities reserved, used and given back; lanes; licences that are needed."""

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import select, text

import app
from app.businesses.models import Business
from app.cases import engine, registry
from app.cases.models import Case, Outcome
from app.cases.registry import CaseContext
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import db
from app.core.errors import Invalid, NotAllowed
from app.core.money import Money
from app.documents import pdf
from app.documents.models import Record
from app.identity import keys
from app.jurisdictions import load
from app.permits import allocations
from app.permits.models import Permit, PermitLine
from app.services.customs import declarations
from app.services.customs.models import Declaration
from config import DEFAULT_SECRET
from forms.customs import drawn
from tests.factories.businesses import make_business
from tests.factories.cases import acting, declaration, drafted, fill, pay, submitted
from tests.factories.people import make_user
from tests.factories.permits import line, make_permit
from tests.services.conftest import cast, licensed, move, settings_for


def lodged(session, exporter, line, net_mass="6000"):
    return lodged_raw(session, exporter, declaration(line.id, net_mass))


def lodged_raw(session, exporter, raw):
    case = submitted(session, exporter, "customs", raw)
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
    assert record.data["items"][0]["drawn"] == "6,000\u00a0kg"
    assert record.data["delivery_terms"] == "FCA Kigali (Free carrier)"


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
            for nobody in (exporter, customs.registrar):
                with pytest.raises(NotAllowed):
                    move(rwanda, case, Action.CANCEL, nobody)
            move(rwanda, case, Action.CANCEL, customs.supervisor)
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


def test_a_price_in_francs_has_no_decimals(rwanda, exporter):
    raw = declaration(licensed(rwanda, exporter).id)
    raw["invoice"]["currency"], raw["items"]["items-0-value"] = ["RWF"], ["30000.50"]
    case = drafted(rwanda, exporter, "customs", raw)
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    assert refused.value.field == "items.items-0-value"


def pieces(session, exporter, quantity="300"):
    """A line of roses, which are counted, and what declares 400 of them."""
    business = session.get(Business, exporter.business_id)
    permit = make_permit(
        session, business, line(quantity, hs="060311", unit="H87"), kind="horticulture-export", destination="NL"
    )
    raw = declaration(permit.lines[0].id, hs="060311", destination="NL")
    raw["items"] |= {"items-0-quantity": ["400"], "items-0-unit": ["H87"]}
    return permit.lines[0], raw


def test_too_many_pieces_are_refused_where_the_pieces_are_written(rwanda, exporter):
    _line, raw = pieces(rwanda, exporter)
    case = drafted(rwanda, exporter, "customs", raw)
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    assert refused.value.field == "items.items-0-quantity"
    assert "300" in str(refused.value.message)


def test_the_officer_reads_quantities_in_words(rwanda, exporter):
    _line, raw = pieces(rwanda, exporter, "1000")
    case = lodged_raw(rwanda, exporter, raw)
    definition, pack = registry.service("customs"), load.current()
    checks = definition.checks(CaseContext(rwanda, pack, case, officer(rwanda)))
    detail = next(str(check.detail) for check in checks if check.rule == "permit")
    assert detail.startswith("400\u00a0pc of RW-HORTICULTURE-EXPORT-")
    assert detail.endswith("600\u00a0pc left afterwards")


@pytest.mark.parametrize(
    ("unit", "net_mass", "quantity", "quantity_unit", "taken"),
    [
        ("KGM", "1234.5", None, None, "1234.5"),
        ("TNE", "1234.5", None, None, "1.235"),
        ("TNE", "0.2", None, None, "0.001"),
        ("H87", "10", "2", "DZN", "24"),
        ("H87", "10", "2", "MTQ", None),
        ("H87", "10", None, None, None),
        ("KGM", None, "5", "KGM", None),
    ],
)
def test_what_an_item_draws_is_in_the_unit_of_the_licence(unit, net_mass, quantity, quantity_unit, taken):
    def number(text):
        return None if text is None else Decimal(text)

    assert drawn(unit, number(net_mass), number(quantity), quantity_unit) == number(taken)


def test_every_item_with_a_wrong_licence_is_named(rwanda, exporter):
    line = licensed(rwanda, exporter)
    raw = declaration(line.id, hs="090240")
    raw["items"] |= {name.replace("items-0", "items-1"): value for name, value in raw["items"].items()}
    case = drafted(rwanda, exporter, "customs", raw)
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    fields = {problem.field for problem in refused.value.problems}
    assert {"items.items-0-permit_line", "items.items-1-permit_line"} <= fields


def test_a_random_inspection_cannot_be_foreseen_from_the_reference(rwanda):
    pack = load.current()
    references = [f"CD-2026-{number:05}-K" for number in range(400)]

    def lanes():
        return [declarations.lane(pack, reference, ["970191"], Money(1, "RWF"))[0] for reference in references]

    first = lanes()
    assert lanes() == first, "the same at each submission"
    assert {"red", "yellow", "green"} <= set(first)
    keys.configure("another secret of another portal")
    try:
        assert lanes() != first
    finally:
        keys.configure(DEFAULT_SECRET)


def waiting(session):
    """Wait until somebody in the database waits for a lock."""
    deadline = time.monotonic() + 20
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while not session.scalar(statement):
        assert time.monotonic() < deadline, "nobody waits"
        session.rollback()


def test_lines_are_taken_in_one_order_whatever_the_order_of_the_items(committed, store_folder):
    """Else two declarations that name the same two licences would wait for each other."""
    app.configure(settings_for(str(committed.engine.url), store_folder))
    db.configure(committed)
    with db.unit_of_work() as session:
        owner = make_user(session)
        business = make_business(session, owner=owner)
        permits = [make_permit(session, business) for _ in range(2)]
        first, second = (permit.id for permit in permits)
        exporter = acting(session, owner)
        raw = declaration(permits[1].lines[0].id)
        other = declaration(permits[0].lines[0].id)["items"]
        raw["items"] |= {name.replace("items-0", "items-1"): value for name, value in other.items()}
        case_id = submitted(session, exporter, "customs", raw).id

    def withdraw():
        with db.unit_of_work() as session:
            case = session.get(Case, case_id)
            engine.perform(session, case, Action.WITHDRAW, exporter, version=case.version)

    with ThreadPoolExecutor(1) as pool, committed.sessions() as holder, committed.sessions() as watcher:
        holder.execute(select(Permit.id).where(Permit.id == first).with_for_update())
        done = pool.submit(withdraw)
        waiting(watcher)
        holder.execute(select(Permit.id).where(Permit.id == second).with_for_update(nowait=True))
        holder.rollback()
        done.result(timeout=30)
    with db.unit_of_work() as session:
        assert {line.reserved for line in session.scalars(select(PermitLine))} == {0}


@pytest.mark.parametrize(
    "template", ["customs/declaration.html", "export_licence/licence.html", "registration/certificate.html"]
)
def test_an_old_record_without_any_optional_field_is_still_printed(template):
    assert pdf.render(template, {}, locale="fr_CG", code="A" * 26).startswith(b"%PDF")
    assert pdf.render(template, {"items": [{}], "lines": [{}], "people": [{}]}, locale="en_RW", code="A" * 26)
