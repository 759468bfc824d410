"""A decision with other conditions than were recommended is refused by the schema, whoever writes it."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from app.cases.models import Case, Decision, Outcome, Recommendation
from app.cases.work import Payload
from app.cases.workflow import Action
from tests.factories.cases import licence, pay, submitted
from tests.services.conftest import cast, move

BY_HAND = text(
    "INSERT INTO decisions (case_id, submission_id, submission_sha256, submitted_by, recommendation_id,"
    " recommended_by, four_eyes, outcome, reason, conditions, decided_by, decided_at, pack_version)"
    " SELECT r.case_id, r.submission_id, r.submission_sha256, s.submitted_by, r.id, r.recommended_by, true, r.outcome,"
    " '', CASE WHEN CAST(:own AS text) IS NULL THEN r.conditions ELSE CAST(:own AS jsonb) END, :decider, now(), '1'"
    " FROM recommendations AS r JOIN submissions AS s ON s.id = r.submission_id WHERE r.case_id = :case"
)
OTHERS = ("[]", '[{"code": "condition-report", "en": "Report."}]', '{"any": "thing"}')


@pytest.fixture
def naeb(rwanda):
    return cast(rwanda, "NAEB")


@pytest.fixture
def recommended(rwanda, exporter, naeb) -> Case:
    case = submitted(rwanda, exporter, "export_licence", licence())
    pay(rwanda, case, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    payload = Payload(outcome=Outcome.APPROVE, conditions=("condition-origin",), own_conditions=("By air " * 60,))
    return move(rwanda, case, Action.RECOMMEND, naeb.registrar, "because", payload)


def written(session, case, decider, own=None):
    with session.begin_nested():
        session.execute(BY_HAND, {"own": own, "decider": decider.user_id, "case": case.id})


def test_a_decision_written_by_hand_bears_what_was_recommended(rwanda, recommended, naeb):
    for own in OTHERS:
        with pytest.raises(IntegrityError, match="other conditions than were recommended"):
            written(rwanda, recommended, naeb.supervisor, own)
    written(rwanda, recommended, naeb.supervisor)
    decision = rwanda.scalars(select(Decision)).one()
    assert decision.conditions == rwanda.scalars(select(Recommendation.conditions)).one() != []


def test_neither_is_changed_afterwards(rwanda, recommended, naeb):
    """Not the recommendation before the decision either: what the second person read is what was recommended."""
    for when in ("before", "after"):
        with pytest.raises(IntegrityError, match="keeps its conditions"), rwanda.begin_nested():
            rwanda.execute(text("UPDATE recommendations SET conditions = '[]'"))
        if when == "before":
            move(rwanda, recommended, Action.APPROVE, naeb.supervisor, "because")
    rwanda.execute(text("UPDATE recommendations SET conditions = conditions, voided_at = NULL"))
    rwanda.execute(text("ALTER TABLE decisions DISABLE TRIGGER decisions_append_only"))
    with pytest.raises(IntegrityError, match="other conditions than were recommended"), rwanda.begin_nested():
        rwanda.execute(text("UPDATE decisions SET conditions = '[]'"))


def test_who_decides_alone_recommends_nothing(rwanda, recommended, naeb):
    """A workflow of one pair of eyes has no recommendation to agree with."""
    with rwanda.begin_nested() as savepoint:
        alone = str(BY_HAND).replace("r.id, r.recommended_by, true", "NULL, NULL, false")
        rwanda.execute(text(alone), {"own": OTHERS[1], "decider": naeb.supervisor.user_id, "case": recommended.id})
        assert rwanda.scalar(select(func.count()).select_from(Decision)) == 1
        savepoint.rollback()
