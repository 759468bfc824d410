"""Domain errors: what went wrong, at which field, and what the person can do about it.

The edge (page, API, command line) turns one into a 4xx page with an error summary, a problem+json
document or an exit code; nothing else in the portal knows about HTTP.
"""

from dataclasses import dataclass

from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l


@dataclass(frozen=True)
class Problem:
    """One thing wrong with what was sent. ``field`` is a dotted path such as ``people.people-0-name``."""

    message: Text
    field: str | None = None
    code: str = "invalid"


class DomainError(Exception):
    """Base of all errors a person can act on."""

    code: str = "error"
    status: int = 422
    default_message: Text = _l("Something is wrong with what was sent.")

    def __init__(self, message: Text | None = None, *, field: str | None = None, code: str | None = None) -> None:
        self.message: Text = message if message is not None else self.default_message
        self.field = field
        if code is not None:
            self.code = code
        super().__init__(str(self.code))

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (Problem(self.message, self.field, self.code),)


class NotFound(DomainError):
    """The thing does not exist, or this person may not know that it does: the two look the same."""

    code = "not_found"
    status = 404
    default_message = _l("We could not find that page.")


class NotAllowed(DomainError):
    """The person may see the thing but not do this to it."""

    code = "not_allowed"
    status = 403
    default_message = _l("You do not have permission to do this.")


class Invalid(DomainError):
    """One or more problems with what was sent."""

    code = "invalid"
    status = 422

    def __init__(self, *problems: Problem) -> None:
        first = problems[0] if problems else Problem(self.default_message)
        super().__init__(first.message, field=first.field, code=first.code)
        self._problems = problems or (first,)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


class Stale(DomainError):
    """Someone else changed the thing since the page was opened (optimistic lock)."""

    code = "stale"
    status = 409
    default_message = _l("This case changed while you had it open. Look at what changed, then decide again.")


class Busy(DomainError):
    """Too many attempts; ``retry_after`` is in seconds."""

    code = "too_many_requests"
    status = 429
    default_message = _l("Too many attempts. Wait a few minutes, then try again.")

    def __init__(self, message: Text | None = None, *, retry_after: int = 60) -> None:
        super().__init__(message)
        self.retry_after = retry_after


__all__ = ["Busy", "DomainError", "Invalid", "NotAllowed", "NotFound", "Problem", "Stale"]
