"""Tables of identity. The foreign keys to businesses are added with the businesses table (0009)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0001"
down_revision = None

ROLES = "'entrepreneur', 'clerk', 'supervisor', 'auditor', 'administrator'"
MEMBER_ROLES = "'owner', 'manager', 'agent'"


def _id() -> sa.Column:
    return sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True)


def _time(name: str, *, null: bool = False, default_now: bool = False) -> sa.Column:
    default = sa.func.now() if default_now else None
    return sa.Column(name, TIMESTAMP(timezone=True), nullable=null, server_default=default)


def _text(name: str, *, null: bool = False, default: str | None = None) -> sa.Column:
    return sa.Column(name, sa.Text, nullable=null, server_default=default)


def _user(table: str, name: str = "user_id", *, null: bool = False, ondelete: str = "CASCADE") -> sa.Column:
    key = sa.ForeignKey("users.id", name=f"fk_{table}_{name}_users", ondelete=ondelete)
    return sa.Column(name, sa.BigInteger, key, nullable=null)


def upgrade() -> None:
    op.create_table(
        "users",
        _id(),
        _text("email"),
        _text("name"),
        _text("password_hash", null=True),
        _text("role"),
        _text("locale"),
        _time("verified_at", null=True),
        _time("disabled_at", null=True),
        _time("password_changed_at", null=True),
        sa.Column("is_demo", sa.Boolean, nullable=False, server_default=sa.false()),
        _text("totp_secret", null=True),
        _text("totp_pending", null=True),
        sa.Column("totp_last_step", sa.BigInteger),
        _time("created_at", default_now=True),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
        sa.CheckConstraint(f"role IN ({ROLES})", name="role"),
    )
    op.create_table(
        "agency_members",
        _user("agency_members"),
        _text("agency"),
        sa.PrimaryKeyConstraint("user_id", "agency", name="pk_agency_members"),
    )
    op.create_index("ix_agency_members_agency", "agency_members", ["agency"])
    op.create_table(
        "sessions",
        _id(),
        _text("token_digest"),
        _user("sessions"),
        sa.Column("business_id", sa.BigInteger),
        _time("second_factor_at", null=True),
        _time("created_at"),
        _time("seen_at"),
        _time("expires_at"),
        _time("absolute_until"),
        _time("ended_at", null=True),
        _text("ip", null=True),
        _text("user_agent", default=""),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("token_digest", name="uq_sessions_token_digest"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_business_id", "sessions", ["business_id"])
    op.create_table(
        "recovery_codes",
        _id(),
        _user("recovery_codes"),
        _text("digest"),
        _time("used_at", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
        sa.UniqueConstraint("user_id", "digest", name="uq_recovery_codes_user_id_digest"),
    )
    op.create_index("ix_recovery_codes_user_id", "recovery_codes", ["user_id"])
    op.create_table(
        "tokens",
        _id(),
        _text("purpose"),
        _user("tokens"),
        _text("digest"),
        _time("created_at"),
        _time("expires_at"),
        _time("used_at", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
        sa.CheckConstraint("purpose IN ('verify_email', 'reset_password', 'welcome')", name="purpose"),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_table(
        "known_devices",
        _id(),
        _user("known_devices"),
        _text("digest"),
        _time("created_at"),
        _time("seen_at"),
        sa.PrimaryKeyConstraint("id", name="pk_known_devices"),
        sa.UniqueConstraint("user_id", "digest", name="uq_known_devices_user_id_digest"),
    )
    op.create_index("ix_known_devices_user_id", "known_devices", ["user_id"])
    op.create_table(
        "rate_limits",
        _text("bucket"),
        _time("window_ends"),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_rate_limits"),
    )
    op.create_index("ix_rate_limits_window_ends", "rate_limits", ["window_ends"])
    op.create_table(
        "memberships",
        _id(),
        _user("memberships"),
        sa.Column("business_id", sa.BigInteger, nullable=False),
        _text("role"),
        _time("created_at", default_now=True),
        sa.PrimaryKeyConstraint("id", name="pk_memberships"),
        sa.UniqueConstraint("user_id", "business_id", name="uq_memberships_user_id_business_id"),
        sa.CheckConstraint(f"role IN ({MEMBER_ROLES})", name="role"),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])
    op.create_index("ix_memberships_business_id", "memberships", ["business_id"])
    op.create_table(
        "invitations",
        _id(),
        sa.Column("business_id", sa.BigInteger, nullable=False),
        _text("email"),
        _text("role"),
        _text("digest"),
        _user("invitations", "invited_by"),
        _time("created_at"),
        _time("expires_at"),
        _time("accepted_at", null=True),
        _time("revoked_at", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("digest", name="uq_invitations_digest"),
        sa.CheckConstraint(f"role IN ({MEMBER_ROLES})", name="role"),
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
    )
    op.create_index("ix_invitations_business_id", "invitations", ["business_id"])
    op.create_index("ix_invitations_invited_by", "invitations", ["invited_by"])
    op.create_table(
        "api_clients",
        _id(),
        _text("client_id"),
        _text("name"),
        _text("secret_digest"),
        sa.Column("scopes", JSONB, nullable=False),
        _text("channel"),
        _text("contact"),
        _user("api_clients", "created_by", null=True, ondelete="SET NULL"),
        _time("created_at"),
        _time("disabled_at", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_clients"),
        sa.UniqueConstraint("client_id", name="uq_api_clients_client_id"),
    )
    op.create_index("ix_api_clients_created_by", "api_clients", ["created_by"])
    op.create_table(
        "parked_forms",
        _id(),
        _text("digest"),
        _user("parked_forms", null=True),
        _text("nonce_digest"),
        _text("path"),
        sa.Column("fields", JSONB, nullable=False),
        _time("created_at"),
        _time("expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_parked_forms"),
        sa.UniqueConstraint("digest", name="uq_parked_forms_digest"),
    )
    op.create_index("ix_parked_forms_user_id", "parked_forms", ["user_id"])
    op.create_index("ix_parked_forms_expires_at", "parked_forms", ["expires_at"])


def downgrade() -> None:
    for table in (
        "parked_forms",
        "api_clients",
        "invitations",
        "memberships",
        "rate_limits",
        "known_devices",
        "tokens",
        "recovery_codes",
        "sessions",
        "agency_members",
        "users",
    ):
        op.drop_table(table)
