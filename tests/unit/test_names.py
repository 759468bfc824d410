"""When two names are one, and when they are only alike."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.businesses import names, register
from app.businesses.models import BusinessState
from app.core import clock, db
from app.core.errors import Invalid
from app.jurisdictions import load
from app.jurisdictions.model import Pack
from tests.factories.businesses import facts, make_business, make_registration


@pytest.fixture(scope="module")
def rw() -> Pack:
    return load.load("RW")


@pytest.fixture(scope="module")
def cg() -> Pack:
    return load.load("CG")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Urumuri Tea Hills Ltd", "URUMURI  tea-hills limited"),
        ("Koperative Ikawa y'Umusozi", "Ikawa y’Umusozi"),
        ("Café des Collines", "CAFE DES COLLINES LTD."),
        ("Café des Collines", "Cafe\u0301 Collines"),
        ("Sun & Rain Ltd", "Sun and Rain"),
        ("The House of Baskets", "House Baskets Company Ltd"),
        ("Œuvre Ltd", "OEUVRE"),
        ("Kigali\u200b Crafts", "Kigali Crafts"),
    ],
)
def test_names_that_differ_only_in_form_are_one(rw, one, other):
    assert names.key(rw, one) == names.key(rw, other) != ""


def test_legal_forms_of_the_congo(cg):
    assert (
        names.key(cg, "Cacao Mbila SARLU") == names.key(cg, "S.A.R.L. Cacao Mbila") == names.key(cg, "cacao mbila s.a.")
    )
    assert names.key(cg, "L'Étoile du Nord SA") == names.key(cg, "Etoile Nord")
    assert names.key(cg, "Bois et Lune") == names.key(cg, "Bois & Lune")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ikawa Rwiza", "Ikawa Lwiza"),  # alike to the ear, two names to the register
        ("Tea Ltd Hills", "Tea Hills"),  # a legal word inside a name is part of it
        ("Agaseke 1", "Agaseke 2"),
    ],
)
def test_names_that_differ_in_substance_are_two(rw, one, other):
    assert names.key(rw, one) != names.key(rw, other)


def test_a_name_of_nothing_but_legal_words_keeps_them(rw):
    assert names.key(rw, "The Company Ltd") == "THECOMPANYLTD"
    assert names.key(rw, " -- ' ") == ""


@given(st.text(max_size=60))
def test_the_key_does_not_depend_on_case_or_spaces(name):
    pack = load.load("RW")
    assert names.key(pack, name.upper()) == names.key(pack, f"  {name.upper()} ")
    assert all(sign.isalnum() for sign in names.key(pack, name))


@given(st.lists(st.sampled_from(["IKAWA", "Umusozi", "tea", "Ingagi", "n°5", "Été"]), min_size=1, max_size=5))
def test_a_legal_form_at_either_end_never_changes_the_key(words):
    pack = load.load("RW")
    name = " ".join(words)
    assert names.key(pack, f"{name} Ltd") == names.key(pack, f"Koperative {name}") == names.key(pack, name)


def test_restricted_words_are_whole_words(rw):
    assert names.restricted(rw, "Banque Verte & Red-Cross Ltd") == ("BANQUE", "RED CROSS")
    assert names.restricted(rw, "Bankable Crafts") == ()


def test_similar_names_are_found_and_ranked(session, rw):
    make_business(session, name="Koperative Ikawa y'Umusozi")
    make_business(session, name="Urumuri Tea Hills Ltd")
    make_business(session, name="Ikawa y'Umusoro Ltd")
    found = names.similar(session, rw, "Ikawa y'Umusozi Ltd")
    assert [(name.name, name.same) for name in found] == [
        ("Koperative Ikawa y'Umusozi", True),
        ("Ikawa y'Umusoro Ltd", False),
    ]
    assert found[0].score == 1
    assert rw.name_rules.similar <= found[1].score < 1


def test_words_in_another_order_and_l_for_r_are_alike(session, rw):
    make_business(session, name="Urumuri Tea Hills Ltd")
    assert [name.name for name in names.similar(session, rw, "Hills Tea Ulumuli")] == ["Urumuri Tea Hills Ltd"]


def test_a_name_like_nothing_finds_nothing(session, rw):
    make_business(session, name="Urumuri Tea Hills Ltd")
    assert names.similar(session, rw, "Inzira Gorilla Safari") == []
    assert names.similar(session, rw, "---") == []


def test_a_dissolved_business_frees_its_name(session, rw):
    business = make_business(session, name="Agaseke Imirasire")
    business.state = BusinessState.STRUCK_OFF
    session.flush()
    assert names.similar(session, rw, "Agaseke Imirasire") == []
    make_business(session, name="Agaseke Imirasire")


def test_two_live_businesses_never_share_a_key(session):
    make_business(session, name="Agaseke Imirasire")
    with pytest.raises(Invalid) as caught:
        make_business(session, name="AGASEKE imirasire Ltd")
    assert caught.value.problems[0].code == "name_taken"


def test_one_name_is_claimed_by_one_case(session, rw):
    one, other = make_registration(session), make_registration(session)
    key = names.key(rw, "Inzira y'Ingagi")
    names.claim(session, one.id, key, name="Inzira y'Ingagi Tours Ltd")
    names.claim(session, one.id, key)  # again: nothing changes
    with pytest.raises(Invalid) as caught, session.begin_nested():
        names.claim(session, other.id, key, field="name.name")
    assert (caught.value.problems[0].field, caught.value.problems[0].code) == ("name.name", "name_taken")
    names.release(session, one.id)
    names.claim(session, other.id, key)


def test_a_claim_of_another_case_stops_the_registration(session, rw):
    case = make_registration(session)
    names.claim(session, case.id, names.key(rw, "Inzira y'Ingagi"))
    with pytest.raises(Invalid):
        make_business(session, name="Inzira y'Ingagi Ltd")


def test_the_claiming_case_registers_and_its_claim_ends(session, rw):
    case = make_registration(session)
    names.claim(session, case.id, names.key(rw, "Inzira y'Ingagi"))
    business = register.create(session, load.configure("RW"), case, facts(name="Inzira y'Ingagi Ltd"))
    assert business.case_id == case.id
    assert session.execute(text("SELECT count(*) FROM name_claims")).scalar_one() == 0


def test_a_case_that_changes_its_name_frees_the_old_one(session, rw):
    one, other = make_registration(session), make_registration(session)
    names.claim(session, one.id, "FIRST")
    names.claim(session, one.id, "SECOND")
    names.claim(session, other.id, "FIRST")


def test_a_forgotten_claim_ends_by_itself(session, rw):
    one, other = make_registration(session), make_registration(session)
    names.claim(session, one.id, "INZIRA", name="Inzira")
    assert names.similar(session, rw, "Inzira")[0].state == "claimed"
    assert names.similar(session, rw, "Inzira", case_id=one.id) == []
    with time_machine.travel(clock.now() + timedelta(days=names.CLAIM_DAYS, minutes=1), tick=False):
        assert names.similar(session, rw, "Inzira") == []
        names.claim(session, other.id, "INZIRA")


def test_a_claim_on_a_registered_name_is_refused(session, rw):
    make_business(session, name="Agaseke Imirasire")
    with pytest.raises(Invalid):
        names.claim(session, make_registration(session).id, names.key(rw, "Agaseke Imirasire"))


def test_a_score_below_one_is_never_rounded_up_to_it(session, rw):
    name = " ".join(["Umusozi"] * 40)
    make_business(session, name=f"{name} A1")
    found = names.similar(session, rw, f"{name} A2")
    assert found[0].score == Decimal("0.99")


def at_once(count, work):
    """Run ``work(session, place)`` in ``count`` threads that start together; "taken" where the name was refused."""
    gate = Barrier(count)

    def run(place):
        gate.wait(timeout=30)
        try:
            with db.unit_of_work() as session:
                return work(session, place)
        except Invalid as error:
            return error.problems[0].code

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_many_cases_that_claim_one_name_at_once_leave_one_holder(committed):
    with db.unit_of_work() as session:
        cases = [make_registration(session).id for _ in range(12)]
    results = at_once(12, lambda session, place: names.claim(session, cases[place], "INZIRA") or "held")
    assert (results.count("held"), results.count("name_taken")) == (1, 11)


def test_many_registrations_of_one_name_at_once_make_one_business_and_no_gap(committed):
    load.configure("RW")
    results = at_once(12, lambda session, place: make_business(session, name="Agaseke").number)
    assert results.count("name_taken") == 11
    with db.unit_of_work() as session:
        assert make_business(session, name="Imirasire").number.split("-")[3] == "00002"
