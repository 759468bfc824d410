"""Where something stands in the way of silence: nothing is decided, who can act is told, and the case file says it."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import case_file, case_file_print
from app.cases.flags_models import CaseFlag
from app.cases.silence_models import SilenceHold
from app.cases.workflow import State
from app.core import clock
from app.core.i18n import use_locale
from app.identity.actor import Actor
from app.jurisdictions import load
from app.notifications.models import Message
from app.permits.models import Permit
from app.web.auditor.neighbours import around
from tests.factories.cases import licence, pay, submitted
from tests.services.conftest import People, cast
from tests.services.test_clocks_silence import KIND, after, flagged, look, waiting


@pytest.fixture
def naeb(rwanda: Session) -> People:
    return cast(rwanda, "NAEB")


def test_what_stands_in_the_way_is_told_once_a_day(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = waiting(rwanda, exporter)
    flag = flagged(rwanda, case)
    with clock.at(after(case)):
        for _quarter in range(3):
            look(rwanda)
    with clock.at(after(case, days=1)):
        look(rwanda)
    assert case.state == State.SUBMITTED
    holds = rwanda.scalars(select(SilenceHold).where(SilenceHold.case_id == case.id)).all()
    assert [hold.grounds for hold in holds] == [[{"code": "flag", "text": "The flag “Ask the police” stands."}]] * 2
    told = rwanda.scalars(select(Message).where(Message.template == "silence_held")).all()
    assert len(told) == 2 * 2, "two supervisors, two days"
    assert "Ask the police" in told[0].body
    assert rwanda.scalar(select(func.count()).where(Entry.verb == "case.silence_held")) == 2
    flag.lapsed_at = clock.now()
    rwanda.flush()
    with clock.at(after(case, days=1, hours=1)):
        look(rwanda)
    assert case.state == State.APPROVED, "what stood in the way is gone"


def test_what_no_official_could_grant_silence_does_not(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = submitted(rwanda, exporter, "export_licence", licence(kind=KIND, days=5))
    if case.state == State.AWAITING_PAYMENT:
        pay(rwanda, case, exporter)
    with clock.at(after(case, days=30)):
        look(rwanda)
    assert case.state == State.SUBMITTED
    [hold] = rwanda.scalars(select(SilenceHold)).all()
    assert {each["code"] for each in hold.grounds} == {"check"}
    assert rwanda.scalar(select(func.count()).select_from(Permit)) == 0


def test_what_stands_in_the_way_now_is_told_again_when_it_changed(
    rwanda: Session, exporter: Actor, naeb: People
) -> None:
    case = waiting(rwanda, exporter)
    first, second = flagged(rwanda, case), flagged(rwanda, case, "customs")
    with clock.at(after(case)):
        look(rwanda)
        rwanda.get_one(CaseFlag, first.id).lapsed_at = clock.now()
        rwanda.flush()
        look(rwanda)
        look(rwanda)
    [hold] = rwanda.scalars(select(SilenceHold)).all()
    assert [each["text"] for each in hold.grounds] == [f"The flag “{second.name}” stands."]
    assert rwanda.scalar(select(func.count()).where(Entry.verb == "case.silence_held")) == 2


def test_the_printed_file_says_from_when_to_when_and_why(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = waiting(rwanda, exporter)
    flagged(rwanda, case)
    for days in range(3):
        with clock.at(after(case, days=days)):
            look(rwanda)
    pack = load.current()
    file = case_file.gather(rwanda, pack, case, around)
    with use_locale("en_RW", pack.zone):
        [[when, why]] = case_file_print.data(rwanda, pack, naeb.supervisor, file)["silence_holds"]
    assert " – " in when
    assert why == "The flag “Ask the police” stands."
