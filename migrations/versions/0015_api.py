"""Nothing: access tokens are signed, not stored (docs/decisions/0016). The number is kept so that the chain is whole."""

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
