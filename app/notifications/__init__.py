"""Messages to people, in the reader's language: by e-mail, and the same words in the portal's inbox."""

from app.notifications import tasks as _tasks  # noqa: F401  # registers the job
from app.notifications.sending import configure, send

__all__ = ["configure", "send"]
