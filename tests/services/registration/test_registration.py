"""Business registration: the pages' own rules and what approval makes."""

from datetime import date

import pytest
from sqlalchemy import select

from app.businesses.models import Business, BusinessPerson, BusinessState
from app.cases import drafts, registry
from app.cases.models import Outcome
from app.cases.registry import CaseContext, StepContext
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.core.errors import Invalid
from app.documents.models import Record
from app.identity import memberships
from app.jurisdictions import load
from forms.registration import AddressForm, PeopleForm
from tests.factories.businesses import make_business
from tests.factories.cases import REGISTRATION, drafted, registration, submitted
from tests.services.conftest import move

COMPANY = {
    **registration("Urumuri Tea Hills"),
    "legal_form": {"entity_type": ["ltd"]},
    "capital": {"capital": ["1000000"], "shares_issued": ["1000"]},
}


def shareholders(*shares):
    raw = {}
    for number, count in enumerate(shares):
        raw |= {
            f"people-{number}-name": [f"Person {number}"],
            f"people-{number}-roles": ["owner", "manager"] if number == 0 else ["owner"],
            f"people-{number}-document_kind": ["national_id"],
            f"people-{number}-document_number": [f"11990700000000{number:02d}"],
            f"people-{number}-nationality": ["RW"],
            f"people-{number}-shares": [str(count)],
        }
    return raw


def people_form(rwanda, raw, issued="1000"):
    context = StepContext(
        pack=load.current(),
        answers={"legal_form": {"entity_type": "ltd"}, "capital": {"shares_issued": issued}},
        facts={"today": clock.today(load.current().zone)},
    )
    return PeopleForm(raw, context=context)


@pytest.mark.parametrize(
    ("shares", "right"), [((600, 400), True), ((999,), False), ((600, 401), False), ((1000,), True)]
)
def test_shares_must_add_up_exactly(rwanda, shares, right):
    assert people_form(rwanda, shareholders(*shares)).validate() is right


def test_a_wrong_sum_says_both_numbers(rwanda):
    form = people_form(rwanda, shareholders(600, 399))
    form.validate()
    assert any("999" in str(problem.message) and "1,000" in str(problem.message) for problem in form.problems())


def test_approval_enters_business_people_membership_and_certificate(rwanda, people):
    case = submitted(rwanda, people.applicant, raw={**COMPANY, "people": shareholders(600, 400)})
    move(rwanda, case, Action.TAKE, people.registrar)
    move(rwanda, case, Action.RECOMMEND, people.registrar, payload=Payload(outcome=Outcome.APPROVE))
    move(rwanda, case, Action.APPROVE, people.supervisor)
    business = rwanda.scalars(select(Business).where(Business.case_id == case.id)).one()
    assert business.name == "Urumuri Tea Hills Ltd"
    held = rwanda.scalars(select(BusinessPerson.shares).where(BusinessPerson.business_id == business.id)).all()
    assert sorted(filter(None, held)) == [400, 600]
    assert memberships.businesses_of(rwanda, people.applicant.user_id) == {business.id: "owner"}
    record = rwanda.get(Record, business.record_id)
    assert record.data["name"] == "Urumuri Tea Hills Ltd"
    assert len(record.code) >= 26, "130 bits"


def test_the_registrar_sees_similar_names_and_restricted_words(rwanda, people):
    submitted(rwanda, people.stranger, raw=registration("Ikawa y'Umusozi"))
    raw = registration("Ikawa Umusozi National Bank")
    raw["name"]["different"] = ["y"]
    case = submitted(rwanda, people.applicant, raw=raw)
    definition, pack = registry.service("registration"), load.current()
    answers = dict(drafts.context(rwanda, definition, pack, case).answers)
    checks = {check.rule: check for check in definition.checks(
        CaseContext(rwanda, pack, case, people.registrar, None, answers)
    )}  # fmt: skip
    assert checks["name.restricted"].passed is None
    assert "BANK" in str(checks["name.restricted"].detail)


def test_a_similar_name_must_be_looked_at(rwanda, people):
    submitted(rwanda, people.stranger, raw=registration("Urugwiro Crafts"))
    case = drafted(rwanda, people.applicant, raw=registration("Urugwiro Craft"))
    assert not case.draft["name"]["complete"]


def free_to_use(pack):
    return {"today": clock.today(pack.zone), "tax_number_used": lambda number: False}


def address_form(country, tax_number):
    pack = load.load(country)
    raw = {**REGISTRATION["address"], "tax_number": [tax_number]}
    return AddressForm(raw, context=StepContext(pack=pack, facts=free_to_use(pack)))


@pytest.mark.parametrize(
    ("country", "typed", "number"),
    [
        ("RW", "", None),
        ("RW", "999 000 123", "999000123"),
        ("CG", "m99000000000001a", "M99000000000001A"),
        ("CG", "P9900000000000123", "P9900000000000123"),
    ],
)
def test_a_tax_number_one_already_holds_has_the_shape_of_the_country(rwanda, country, typed, number):
    form = address_form(country, typed)
    form.validate()
    assert form.tax_number.errors in ((), [])
    assert form.clean()["tax_number"] == number


@pytest.mark.parametrize(("country", "typed"), [("RW", "99900012"), ("RW", "M99000000000001A"), ("CG", "999000123")])
def test_a_tax_number_of_another_shape_is_refused_with_an_example(rwanda, country, typed):
    form = address_form(country, typed)
    assert not form.validate()
    shape = next(row for row in load.load(country).identifiers if row.tax_number)
    assert shape.example in form.tax_number.errors[0]
    assert form.raw()["tax_number"] == [typed], "what was typed stays"


def test_a_country_without_such_a_number_does_not_ask(rwanda):
    pack = load.current()
    bare = pack.model_copy(update={"identifiers": tuple(row for row in pack.identifiers if not row.tax_number)})
    form = AddressForm(REGISTRATION["address"], context=StepContext(pack=bare, facts=free_to_use(pack)))
    assert "tax_number" not in form.clean()


def test_the_tax_number_is_in_the_register_and_on_the_certificate(rwanda, people):
    raw = registration("Agaseke Imirasire")
    raw = {**raw, "address": {**raw["address"], "tax_number": ["999000123"]}}
    case = submitted(rwanda, people.applicant, raw=raw)
    move(rwanda, case, Action.TAKE, people.registrar)
    move(rwanda, case, Action.RECOMMEND, people.registrar, payload=Payload(outcome=Outcome.APPROVE))
    move(rwanda, case, Action.APPROVE, people.supervisor)
    business = rwanda.scalars(select(Business).where(Business.case_id == case.id)).one()
    assert business.tax_number == "999000123"
    assert rwanda.get(Record, business.record_id).data["tax_number"] == "999000123"


def with_tax_number(number, name="Agaseke Imirasire"):
    raw = registration(name)
    return {**raw, "address": {**raw["address"], "tax_number": [number]}}


def tax_check(session, case, people):
    definition, pack = registry.service("registration"), load.current()
    answers = dict(drafts.context(session, definition, pack, case).answers)
    checks = definition.checks(CaseContext(session, pack, case, people.registrar, None, answers))
    return next((check for check in checks if check.rule == "tax_number.unique"), None)


@pytest.mark.parametrize("holder", ["business", "application", "unpaid or returned application"])
def test_a_tax_number_in_use_is_refused_without_saying_whose(rwanda, people, holder):
    if holder == "business":
        make_business(rwanda, tax_number="999000123", name="Somebody Else Entirely")
    else:
        other = submitted(rwanda, people.stranger, raw=with_tax_number("999000123", "Somebody Else Entirely"))
        if holder != "application":
            move(rwanda, other, Action.TAKE, people.registrar)
            question = Payload(fields=(AskedField("address", "address.street", "Street"),))
            move(rwanda, other, Action.ASK, people.registrar, payload=question)
    case = drafted(rwanda, people.applicant, raw=with_tax_number("999 000 123"))
    assert not case.draft["address"]["complete"]
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, people.applicant, payload=Payload(declared=True))
    assert [problem.field for problem in refused.value.problems] == ["address.tax_number"]
    assert "Somebody" not in str(refused.value.message)


@pytest.mark.parametrize("holder", ["draft", "withdrawn", "dissolved business"])
def test_a_tax_number_nobody_uses_any_more_is_free(rwanda, people, holder):
    if holder == "dissolved business":
        make_business(rwanda, tax_number="999000123").state = BusinessState.DISSOLVED
    else:
        other = (submitted if holder == "withdrawn" else drafted)(
            rwanda, people.stranger, raw=with_tax_number("999000123", "Somebody Else Entirely")
        )
        if holder == "withdrawn":
            move(rwanda, other, Action.WITHDRAW, people.stranger)
    case = submitted(rwanda, people.applicant, raw=with_tax_number("999000123"))
    assert case.state == State.SUBMITTED
    assert tax_check(rwanda, case, people).passed is True


def test_the_registrar_is_shown_who_else_has_the_tax_number(rwanda, people):
    case = submitted(rwanda, people.applicant, raw=with_tax_number("999000123"))
    business = make_business(rwanda, tax_number="999000123", name="Somebody Else Entirely")
    found = tax_check(rwanda, case, people)
    assert found.passed is None
    assert found.detail == f"Somebody Else Entirely ({business.number})"


def test_a_registered_business_is_not_its_own_double(rwanda, people):
    case = submitted(rwanda, people.applicant, raw=with_tax_number("999000123"))
    move(rwanda, case, Action.TAKE, people.registrar)
    move(rwanda, case, Action.RECOMMEND, people.registrar, payload=Payload(outcome=Outcome.APPROVE))
    move(rwanda, case, Action.APPROVE, people.supervisor)
    assert tax_check(rwanda, case, people).passed is True


def test_who_gives_no_tax_number_is_not_compared(rwanda, people):
    submitted(rwanda, people.stranger, raw=registration("Somebody Else Entirely"))
    case = submitted(rwanda, people.applicant, raw=registration("Agaseke Imirasire"))
    assert tax_check(rwanda, case, people) is None


def test_a_name_needs_a_letter_or_a_digit(rwanda, people):
    case = drafted(rwanda, people.applicant, raw=registration("!!!"))
    with pytest.raises(Invalid) as refused:
        move(rwanda, case, Action.SUBMIT, people.applicant, payload=Payload(declared=True))
    assert refused.value.field == "name.name"


def test_a_legal_form_is_the_one_of_today_not_of_a_coming_law(rwanda):
    pack = load.current()
    now = next(row for row in pack.entity_types if row.code == "ltd")
    coming = now.model_copy(update={"valid_from": date(2999, 1, 1), "documents": ("identity",)})
    pack = pack.model_copy(update={"entity_types": (*pack.entity_types, coming)})
    asked = registry.service("registration").documents(pack, {"legal_form": {"entity_type": "ltd"}})
    assert [paper.code for paper in asked] == ["identity", "articles"]
