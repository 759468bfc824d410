"""What an entry of a register went through: one row for each change of its state, never altered (by trigger)."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from app.core.db import BigId, foreign_key


class StateChange:
    """The columns of such a row; who mixes it in adds the key of the entry. ``from_state`` None: it was made."""

    id: Mapped[BigId]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = foreign_key("users.id")
    actor_name: Mapped[str]
    reason: Mapped[str]
