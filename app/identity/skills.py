"""What officials are trained for, as administrators set it. Somebody without any skill of a kind may do all of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.identity.models import OfficialSkill


class SkillKind(StrEnum):
    SERVICE = "service"
    PERMIT_KIND = "permit_kind"
    OFFICE = "office"


@dataclass(frozen=True)
class Skills:
    services: frozenset[str] = frozenset()
    permit_kinds: frozenset[str] = frozenset()
    offices: frozenset[str] = frozenset()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Skills":
        """From (kind, value)."""
        found: dict[str, set[str]] = {kind.value: set() for kind in SkillKind}
        for kind, value in pairs:
            if kind in found:
                found[kind].add(value)
        return cls(*(frozenset(found[kind.value]) for kind in SkillKind))

    def pairs(self) -> set[tuple[str, str]]:
        lists = (self.services, self.permit_kinds, self.offices)
        return {(kind.value, value) for kind, values in zip(SkillKind, lists, strict=True) for value in values}

    def fit(self, service: str, permit_kind: str | None, office: str | None) -> bool:
        """Whether a case of these may be handed to who has the skills."""
        trained = not (self.services or self.permit_kinds)
        trained = trained or service in self.services or permit_kind in self.permit_kinds
        return trained and (not self.offices or office is None or office in self.offices)

    def may_meet(self, other: "Skills") -> bool:
        """Whether there can be a case that both are trained for."""
        alike = bool(self.services & other.services or self.permit_kinds & other.permit_kinds)
        # A permit kind belongs to some service, which is not known here.
        alike = alike or bool(self.services and other.permit_kinds) or bool(self.permit_kinds and other.services)
        return alike or not (self.services or self.permit_kinds) or not (other.services or other.permit_kinds)


def of_user(session: Session, user_id: int | None) -> Skills:
    rows = session.execute(select(OfficialSkill.kind, OfficialSkill.value).where(OfficialSkill.user_id == user_id))
    return Skills.of((row.kind, row.value) for row in rows)


def set_skills(session: Session, user_id: int, skills: Skills) -> bool:
    """Replace what they are trained for; whether anything changed."""
    if of_user(session, user_id) == skills:
        return False
    session.execute(delete(OfficialSkill).where(OfficialSkill.user_id == user_id))
    session.add_all(OfficialSkill(user_id=user_id, kind=kind, value=value) for kind, value in sorted(skills.pairs()))
    session.flush()
    return True
