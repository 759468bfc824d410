"""The life of one seeded case: the rows the engine would have written, one act after another."""

import uuid
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.audit import personal
from app.cases import registry
from app.cases.models import Outcome
from app.cases.submitting import canonical, digest
from app.cases.workflow import Action, State
from app.identity.actor import Role
from app.identity.policy import Permission
from tools.demo.seeding import written
from tools.demo.seeding.world import Person, World
from tools.demo.seeding.written import Answers

AUTHORITY = {
    Action.SUBMIT: Permission.CASE_EDIT_OWN,
    Action.WITHDRAW: Permission.CASE_EDIT_OWN,
    Action.TAKE: Permission.CASE_REVIEW,
    Action.ASK: Permission.CASE_REVIEW,
    Action.RECOMMEND: Permission.CASE_REVIEW,
    Action.APPROVE: Permission.CASE_DECIDE,
    Action.REFUSE: Permission.CASE_DECIDE,
}


class Fate(StrEnum):
    """How far a case has come by now."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    RETURNED = "returned"
    RECOMMENDED = "recommended"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


OPEN = (Fate.SUBMITTED, Fate.IN_REVIEW, Fate.RETURNED, Fate.RECOMMENDED)


def fate(world: World, age: float) -> Fate:
    """``age``: 0 is now and 1 the beginning. Nearly all is decided, but for what came in the last weeks."""
    chance = world.random.random()
    still_open = 0.85 if age < 0.035 else 0.12 if age < 0.12 else 0
    if chance < still_open:
        return world.random.choices(OPEN, (8, 5, 4, 3))[0]
    return world.random.choices(
        (Fate.APPROVED, Fate.REFUSED, Fate.WITHDRAWN, Fate.DRAFT), (88, 7, 4, 1 if age > 0.1 else 10)
    )[0]


class Life:
    """Collects what happens to one case; ``end`` writes the case itself."""

    def __init__(
        self, world: World, service: str, applicant: Person, agency: str, answers: Answers, title: str, born: datetime,
        business_id: int | None,
    ) -> None:  # fmt: skip
        self.world, self.service, self.applicant, self.agency = world, service, applicant, agency
        self.answers, self.title, self.at, self.business_id = answers, title, born, business_id
        self.definition = registry.service(service)
        self.id = next(world.ids["cases"])
        self.reference = world.reference(self.definition.reference_prefix, self.definition.reference_prefix, born.year)
        self.born = born
        self.state = State.DRAFT
        self.version = 1
        self.clerk: Person | None = None
        self.submission: tuple[int, str] | None = None
        self.submissions = 0
        self.submitted_at: datetime | None = None
        self.due_at: datetime | None = None
        self.days_left: int | None = None
        self.decided_at: datetime | None = None
        self.recommendation: int | None = None
        self.decided_by = applicant  # until an official has decided
        self.documents: list[dict[str, Any]] = []
        self._audit(applicant, "case.started", born, {"service": service})

    # --- acts -----------------------------------------------------------------------------------------------------

    def wait(self, hours: float) -> datetime:
        """Let up to ``hours`` pass, but never beyond now."""
        longest = (self.world.now - self.at) / 2
        self.at += min(timedelta(hours=self.world.random.uniform(hours / 4, hours)), longest)
        return self.at

    def submit(self, paper_kind: str, days: int) -> None:
        world, tables = self.world, self.world.tables
        self.wait(6)
        if not self.documents:
            for paper in world.papers(self.service, self.answers, paper_kind):
                upload = next(world.ids["uploads"])
                filename = f"{paper.code}.png"
                tables.add(
                    "uploads", upload, self.id, paper.code, filename, "image/png", paper.size, paper.sha256,
                    self.applicant.id, self.at,
                )  # fmt: skip
                self.documents.append({
                    "code": paper.code, "upload_id": upload, "filename": filename, "sha256": paper.sha256,
                    "size": paper.size, "media_type": "image/png",
                })  # fmt: skip
        self.submissions += 1
        number = next(world.ids["submissions"])
        self.submission = (number, digest(self.answers, self.documents))
        tables.add(
            "submissions", number, self.id, self.submissions, as_json(self.answers), as_json(self.documents),
            self.submission[1], str(self.definition.declaration), self.applicant.id, self.at, world.pack.version,
        )  # fmt: skip
        again = self.state is State.RETURNED
        self.submitted_at = self.submitted_at or self.at
        self.due_at, self.days_left = world.due(self.at, max(self.days_left or days, 1)), None
        self._act(Action.SUBMIT, State.IN_REVIEW if again else State.SUBMITTED, self.applicant)

    def take(self) -> None:
        self.wait(40)
        self.clerk = self.world.official(self.agency, Role.CLERK)
        self._act(Action.TAKE, State.IN_REVIEW, self.clerk)

    def ask(self, path: str) -> None:
        assert self.clerk is not None
        self.wait(20)
        self.due_at, self.days_left = None, 2
        self._act(Action.ASK, State.RETURNED, self.clerk, self.world.words.question)
        step = path.split(".")[0]
        self.request = [self.id, self.world.words.question, as_json([{"step": step, "path": path, "label": step}]),
                        self.clerk.id, self.at, None, None]  # fmt: skip
        self.world.tables.keep("information_requests", self.request)

    def answer(self, paper_kind: str, days: int) -> None:
        self.wait(60)
        self.submit(paper_kind, days)
        assert self.submission is not None
        self.request[5:] = self.at, self.submission[0]

    def recommend(self, outcome: Outcome) -> None:
        assert self.clerk is not None
        assert self.submission is not None
        self.wait(30)
        reason = self._reason(outcome)
        self.recommendation = next(self.world.ids["recommendations"])
        self.world.tables.add(
            "recommendations", self.recommendation, self.id, *self.submission, outcome.value, reason, self.clerk.id,
            self.at,
        )  # fmt: skip
        self._act(Action.RECOMMEND, State.RECOMMENDED, self.clerk, reason)

    def decide(self, outcome: Outcome) -> None:
        """By a supervisor on a recommendation; without one by the clerk alone (a release)."""
        assert self.clerk is not None
        assert self.submission is not None
        self.wait(24)
        two = self.recommendation is not None
        by = self.world.official(self.agency, Role.SUPERVISOR) if two else self.clerk
        reason = "" if two and outcome is Outcome.APPROVE else self._reason(outcome)
        self.decided_at, self.days_left = self.at, None
        self.world.tables.add(
            "decisions", self.id, *self.submission, self.applicant.id, self.recommendation,
            self.clerk.id if two else None, two, outcome.value, reason, by.id, self.at, self.world.pack.version,
        )  # fmt: skip
        approved = outcome is Outcome.APPROVE
        self._act(
            Action.APPROVE if approved else Action.REFUSE, State.APPROVED if approved else State.REFUSED, by, reason
        )
        self.decided_by = by

    def withdraw(self) -> None:
        self.wait(30)
        self._act(Action.WITHDRAW, State.WITHDRAWN, self.applicant)

    def _reason(self, outcome: Outcome) -> str:
        words = self.world.words
        return words.agreed if outcome is Outcome.APPROVE else self.world.random.choice(words.refusals)

    # --- writing --------------------------------------------------------------------------------------------------

    def _act(self, action: Action, target: State, by: Person, reason: str = "") -> None:
        before, self.state = self.state, target
        self.version += 1
        self.world.tables.add(
            "case_events", self.id, action.value, before.value, target.value, "user", by.id, by.name, by.role.value,
            self.at, reason, self.submission[0] if self.submission else None,
        )  # fmt: skip
        detail = {
            "from": before.value, "to": target.value, "pack": self.world.pack.version,
            "submission_sha256": self.submission[1] if self.submission else None,
        }  # fmt: skip
        self._audit(by, f"case.{action.value}", self.at, detail, authority=AUTHORITY[action].value)

    def _audit(self, by: Person, verb: str, at: datetime, detail: dict[str, Any], *, authority: str = "") -> None:
        self.note(by, verb, at, f"case:{self.id}", self.reference, detail, authority)

    def note(
        self, by: Person, verb: str, at: datetime, subject: str, reference: str, detail: dict[str, Any], authority: str
    ) -> None:
        """An audit entry about this case or what came of it."""
        sealed, hidden = personal.seal(name=by.name, ip=None, reference="", detail={})
        self.world.tables.add(
            "audit_entries", at, "user", by.id, by.role.value, by.agency, verb, subject, reference, self.id,
            self.business_id, authority, as_json(detail), sealed, as_json(hidden),
        )  # fmt: skip

    def end(self) -> None:
        held_by_applicant = self.state in (State.DRAFT, State.RETURNED)
        seed = f"kibali-seed/{self.id}"
        self.world.tables.add(
            "cases", self.id, self.reference, self.service, self.agency if self.submission else None, self.title,
            f"{self.reference} {self.title}".upper(), self.state.value, self.version, self.applicant.id,
            self.business_id, uuid.uuid5(uuid.NAMESPACE_URL, seed).hex, "{}",
            as_json(written.draft(self.answers)) if held_by_applicant else "{}",
            self.submission[0] if self.submission else None, self.submitted_at, self.due_at, self.days_left,
            self.clerk.id if self.clerk else None, self._sent("kind", "permit_kind"), self._sent("exit", "office"),
            self.decided_at, self.born, self.at,
        )  # fmt: skip

    def _sent(self, step: str, answer: str) -> str | None:
        return self.answers.get(step, {}).get(answer) if self.submission else None


def as_json(value: Any) -> str:
    return canonical(value).decode()
