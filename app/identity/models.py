"""Tables of people: users, agencies and businesses, sessions, secrets (only digests), attempts and API clients."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, false, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigId, foreign_key
from app.identity.actor import MembershipRole, Role


def _one_of(column: str, values: type[Role] | type[MembershipRole]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


class User(Base):
    """A person. ``email`` is stored in lower case; ``password_hash`` is empty until an invited person chose one."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint(_one_of("role", Role), name="role"),
        Index("ix_users_name_trgm", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    )

    id: Mapped[BigId]
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str | None]
    role: Mapped[str]
    locale: Mapped[str]
    verified_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    password_changed_at: Mapped[datetime | None]
    is_demo: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Encrypted with a key derived from the portal's secret; the pending one waits for its first code.
    totp_secret: Mapped[str | None]
    totp_pending: Mapped[str | None]
    # The 30-second step of the last code that was accepted: a code works once.
    totp_last_step: Mapped[int | None]
    # Kept for a file alone and used for nothing else; and, when no file needs it any more, without name and address.
    restricted_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def official(self) -> bool:
        return Role(self.role).official


class AgencyMember(Base):
    """An official belongs to an agency (a code of the jurisdiction pack)."""

    __tablename__ = "agency_members"

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    agency: Mapped[str] = mapped_column(primary_key=True, index=True)


class OfficialSkill(Base):
    """What an official is trained for: a ``service``, a ``permit_kind`` or a customs ``office``. No row means all."""

    __tablename__ = "official_skills"
    __table_args__ = (CheckConstraint("kind IN ('service', 'permit_kind', 'office')", name="kind_known"),)

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)


class OfficialTeam(Base):
    """An official is in a team of the pack. No row: they have the whole agency's cases before them."""

    __tablename__ = "official_teams"
    __table_args__ = (Index("ix_official_teams_team", "team", "user_id"),)

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    team: Mapped[str] = mapped_column(primary_key=True)


class Absence(Base):
    """Whole local days on which an official is away, and who stands in for them. Never two at a time for one person.

    ``ended_at``: taken back, or over before its last day.
    """

    __tablename__ = "absences"
    __table_args__ = (
        CheckConstraint("first_day <= last_day", name="in_order"),
        CheckConstraint("delegate_id IS NULL OR delegate_id <> user_id", name="another"),
        # A range of one person, so that no extension for plain equality is needed.
        ExcludeConstraint(
            (text("int8range(user_id, user_id, '[]')"), "&&"),
            (text("daterange(first_day, last_day, '[]')"), "&&"),
            name="ex_absences_one_at_a_time",
            where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[BigId]
    user_id: Mapped[int] = foreign_key("users.id", ondelete="CASCADE")
    delegate_id: Mapped[int | None] = foreign_key("users.id", ondelete="CASCADE")
    first_day: Mapped[date]
    last_day: Mapped[date]
    entered_by: Mapped[int] = foreign_key("users.id")
    entered_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class UserSession(Base):
    """One signed-in browser. It lives until ``expires_at`` (moved by use), ``absolute_until`` or ``ended_at``."""

    __tablename__ = "sessions"
    __table_args__ = (UniqueConstraint("token_digest"),)

    id: Mapped[BigId]
    token_digest: Mapped[str]
    user_id: Mapped[int] = foreign_key("users.id", ondelete="CASCADE")
    business_id: Mapped[int | None] = foreign_key("businesses.id", use_alter=True, ondelete="SET NULL")
    second_factor_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    absolute_until: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ip: Mapped[str | None]
    user_agent: Mapped[str] = mapped_column(server_default="")


class RecoveryCode(Base):
    """A way in without the phone; each works once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "digest"),)

    id: Mapped[BigId]
    user_id: Mapped[int] = foreign_key("users.id", ondelete="CASCADE")
    digest: Mapped[str]
    used_at: Mapped[datetime | None]


class Token(Base):
    """A link sent by mail: ``verify_email``, ``reset_password`` or ``welcome`` (an official's first password)."""

    __tablename__ = "tokens"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint("purpose IN ('verify_email', 'reset_password', 'welcome')", name="purpose"),
    )

    id: Mapped[BigId]
    purpose: Mapped[str]
    user_id: Mapped[int] = foreign_key("users.id", ondelete="CASCADE")
    digest: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class KnownDevice(Base):
    """A browser this person has signed in from: a lock-out caused from elsewhere does not touch it."""

    __tablename__ = "known_devices"
    __table_args__ = (UniqueConstraint("user_id", "digest"),)

    id: Mapped[BigId]
    user_id: Mapped[int] = foreign_key("users.id", ondelete="CASCADE")
    digest: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class RateLimit(Base):
    """Attempts counted in a window; written in a connection of its own, so a rolled-back request still counts."""

    __tablename__ = "rate_limits"
    __table_args__ = (Index("ix_rate_limits_window_ends", "window_ends"),)

    bucket: Mapped[str] = mapped_column(primary_key=True)
    window_ends: Mapped[datetime]
    count: Mapped[int]


class Membership(Base):
    """A person acts for a business as owner, manager or agent."""

    __tablename__ = "memberships"
    __table_args__ = (
        UniqueConstraint("user_id", "business_id"),
        CheckConstraint(_one_of("role", MembershipRole), name="role"),
    )

    id: Mapped[BigId]
    user_id: Mapped[int] = foreign_key("users.id", ondelete="CASCADE")
    business_id: Mapped[int] = foreign_key("businesses.id", use_alter=True, ondelete="CASCADE")
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Invitation(Base):
    """An e-mail that offers a role in a business; only who signs in with that address can take it."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint(_one_of("role", MembershipRole), name="role"),
        CheckConstraint("email = lower(email)", name="email_lower"),
    )

    id: Mapped[BigId]
    business_id: Mapped[int] = foreign_key("businesses.id", use_alter=True, ondelete="CASCADE")
    email: Mapped[str]
    role: Mapped[str]
    digest: Mapped[str]
    invited_by: Mapped[int] = foreign_key("users.id", ondelete="CASCADE")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiClient(Base):
    """A trade platform's program. ``channel`` is a code of the jurisdiction pack; ``scopes`` a list of names."""

    __tablename__ = "api_clients"
    __table_args__ = (UniqueConstraint("client_id"),)

    id: Mapped[BigId]
    client_id: Mapped[str]
    name: Mapped[str]
    secret_digest: Mapped[str]
    scopes: Mapped[list[Any]]
    channel: Mapped[str]
    contact: Mapped[str]
    created_by: Mapped[int | None] = foreign_key("users.id", ondelete="SET NULL")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class ParkedForm(Base):
    """What a person had typed when their session ended, kept for a day. ``fields`` is a list of [name, value]."""

    __tablename__ = "parked_forms"
    __table_args__ = (UniqueConstraint("digest"), Index("ix_parked_forms_expires_at", "expires_at"))

    id: Mapped[BigId]
    digest: Mapped[str]
    user_id: Mapped[int | None] = foreign_key("users.id", ondelete="CASCADE")
    nonce_digest: Mapped[str]
    path: Mapped[str]
    fields: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
