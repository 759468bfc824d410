"""Each guard by itself: behind most of them stands another lock, so that a whole case would not notice one missing."""

from types import SimpleNamespace

import pytest

from app.cases import four_eyes
from app.cases.guards import GUARDS
from app.cases.models import Outcome
from app.cases.workflow import Guard, State
from app.core.errors import NotAllowed, Stale

RECOMMENDED = SimpleNamespace(submission_id=7, submission_sha256="a" * 64, outcome=Outcome.APPROVE.value)


def deciding(target=State.APPROVED, recommendation=RECOMMENDED, **submission):
    return SimpleNamespace(
        transition=SimpleNamespace(target=target),
        recommendation=recommendation,
        submission=SimpleNamespace(**{"id": 7, "sha256": "a" * 64, **submission}),
    )


def test_nothing_is_reviewed_before_it_is_paid():
    with pytest.raises(NotAllowed) as refused:
        GUARDS[Guard.PAID](SimpleNamespace(charge=SimpleNamespace(settled=False)))
    assert refused.value.code == "unpaid"


@pytest.mark.parametrize("charge", [None, SimpleNamespace(settled=True)], ids=["free", "paid"])
def test_what_is_free_or_paid_is_reviewed(charge):
    GUARDS[Guard.PAID](SimpleNamespace(charge=charge))


def test_what_was_recommended_may_be_decided():
    GUARDS[Guard.SAME_SUBMISSION](deciding())


@pytest.mark.parametrize("changed", [{"id": 8}, {"sha256": "b" * 64}], ids=["newer", "other content"])
def test_another_submission_than_the_recommended_one_is_reviewed_again(changed):
    with pytest.raises(Stale):
        GUARDS[Guard.SAME_SUBMISSION](deciding(**changed))


def test_without_a_recommendation_nothing_is_decided():
    with pytest.raises(Stale):
        GUARDS[Guard.SAME_SUBMISSION](deciding(recommendation=None))


def test_the_other_outcome_is_not_decided():
    with pytest.raises(NotAllowed) as refused:
        GUARDS[Guard.SAME_SUBMISSION](deciding(target=State.REFUSED))
    assert refused.value.code == "outcome"


def test_the_sender_is_not_the_judge():
    with pytest.raises(NotAllowed):
        four_eyes.check_not_sender(SimpleNamespace(user_id=3), SimpleNamespace(submitted_by=3))
    four_eyes.check_not_sender(SimpleNamespace(user_id=4), SimpleNamespace(submitted_by=3))
