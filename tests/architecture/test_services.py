"""Every installed service has every piece, and no case of it can get stuck."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cases.registry import ServiceDefinition
from app.cases.workflow import TERMINAL, Action, Clock, Guard, State
from app.core import i18n
from app.core.i18n import use_locale
from app.installed import SERVICES
from app.jurisdictions import load
from app.jurisdictions.model import Pack

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = ROOT / "templates"

services = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.code)
countries = pytest.mark.parametrize("country", load.COUNTRIES)


@pytest.fixture(params=i18n.LANGUAGES)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    with use_locale(f"{request.param}_RW" if request.param == "en" else "fr_CG"):
        yield request.param


def test_codes_and_prefixes_are_each_services_own() -> None:
    assert len({service.code for service in SERVICES}) == len(SERVICES)
    assert len({service.reference_prefix for service in SERVICES}) == len(SERVICES)
    for service in SERVICES:
        assert service.reference_prefix.isalpha()
        assert service.reference_prefix.isupper()


@services
def test_the_folder_has_the_same_name_everywhere(service: ServiceDefinition) -> None:
    folder = ROOT / "app" / "services" / service.code
    for module in ("definition", "rules", "workflow", "documents"):
        assert (folder / f"{module}.py").exists(), module
    assert (ROOT / "forms" / f"{service.code}.py").exists() or (ROOT / "forms" / service.code).is_dir()
    assert list((ROOT / "tests" / "services").glob(f"*{service.code}*"))


@services
def test_its_words_are_there_in_each_language(service: ServiceDefinition, language: str) -> None:
    for text in (service.title, service.noun, service.introduction, service.declaration):
        assert str(text).strip()
    for step in service.steps:
        assert str(step.title).strip()


@services
def test_its_steps_have_keys_forms_and_pages(service: ServiceDefinition) -> None:
    keys = [step.key for step in service.steps]
    assert keys
    assert len(set(keys)) == len(keys)
    for step in service.steps:
        assert callable(step.form)
        assert (TEMPLATES / step.template).exists(), step.template
    if service.review_template:
        assert (TEMPLATES / service.review_template).exists()


@services
@countries
def test_it_has_an_agency_a_clock_and_fees_in_each_country(service: ServiceDefinition, country: str) -> None:
    pack: Pack = load.load(country)
    receiving = service.agencies(pack)
    assert receiving
    assert set(receiving) <= {agency.code for agency in pack.agencies}
    assert service.standard_days(pack, {}) > 0
    service.fee(pack, {})  # answers, whatever is known so far


@services
@countries
def test_its_papers_have_codes_and_titles(service: ServiceDefinition, country: str) -> None:
    papers = service.documents(load.load(country), {})
    assert len({paper.code for paper in papers}) == len(papers)
    assert all(str(paper.title).strip() for paper in papers)


@services
def test_every_state_can_be_reached_and_left(service: ServiceDefinition) -> None:
    transitions = service.workflow.transitions
    # A submission that must be paid first waits there instead (the engine's own rule).
    reached, frontier = {State.DRAFT, State.AWAITING_PAYMENT}, [State.DRAFT, State.AWAITING_PAYMENT]
    while frontier:
        state = frontier.pop()
        for transition in service.workflow.available(state):
            if transition.target not in reached:
                reached.add(transition.target)
                frontier.append(transition.target)
    named = {transition.target for transition in transitions} | {s for t in transitions for s in t.sources}
    assert named - reached == set(), "no road leads there"
    stuck = {state for state in reached - TERMINAL if not service.workflow.available(state)}
    assert stuck == set(), "no road leads out"
    assert reached & TERMINAL


@services
def test_from_every_state_an_end_can_be_reached(service: ServiceDefinition) -> None:
    states = {State.DRAFT} | {transition.target for transition in service.workflow.transitions}
    ending = states & TERMINAL
    while True:
        more = {s for s in states - ending if any(t.target in ending for t in service.workflow.available(s))}
        if not more:
            break
        ending |= more
    assert states - ending == set()


@services
def test_no_transition_is_hidden_by_another(service: ServiceDefinition) -> None:
    """``find`` takes the first: a second with the same action from the same state would never run."""
    taken: set[tuple[Action, State]] = set()
    for transition in service.workflow.transitions:
        effective = {source for source in transition.sources if (transition.action, source) not in taken}
        assert effective, f"{transition.action} to {transition.target} can never happen"
        taken |= {(transition.action, source) for source in transition.sources}


@services
def test_decisions_need_other_eyes_and_refusals_a_reason(service: ServiceDefinition) -> None:
    for transition in service.workflow.transitions:
        if transition.action in {Action.APPROVE, Action.REFUSE}:
            one_officer_is_enough = transition.unless is not None and transition.action is Action.APPROVE
            assert Guard.FOUR_EYES in transition.guards or one_officer_is_enough
            assert Guard.SAME_SUBMISSION in transition.guards or one_officer_is_enough
            assert Guard.PAID in transition.guards or transition.action is Action.REFUSE
        if transition.action in {Action.REFUSE, Action.ASK, Action.RECOMMEND}:
            assert Guard.REASON in transition.guards


@services
def test_the_clock_stops_while_the_applicant_has_the_case(service: ServiceDefinition) -> None:
    for transition in service.workflow.transitions:
        if transition.target is State.RETURNED:
            assert transition.clock is Clock.PAUSE
        if transition.target in TERMINAL and transition.sources - TERMINAL:
            assert transition.clock is Clock.STOP


@services
def test_approval_issues_something(service: ServiceDefinition) -> None:
    assert Action.APPROVE in service.effects
    assert service.record_kinds
    for kind in service.record_kinds:
        assert kind.strip()
    assert any((TEMPLATES / "pdf").rglob(f"{service.code}/*.html"))
