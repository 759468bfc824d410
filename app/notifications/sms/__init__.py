"""Text messages: ways to hand one to a network's provider, and what a provider says about one afterwards.

A text is handed over at most once. Whoever cannot say whether it arrived raises Unanswered, and nobody tries again by
itself: a person who gets the same text five times trusts none of them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Fate(StrEnum):
    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Report:
    """What became of one text. ``stop``: nothing more may be written to its number."""

    fate: Fate
    provider_id: str = ""
    reason: str = ""
    stop: bool = False


class Refused(Exception):
    """The provider will not send this text, now or later. ``reason`` is its word; ``stop`` as in Report."""

    def __init__(self, reason: str, *, stop: bool = False) -> None:
        self.reason, self.stop = reason, stop
        super().__init__(reason)


class NotSent(Exception):
    """For certain it was not taken: trying again is safe."""


class Away(NotSent):
    """The provider cannot be reached, or asks to wait."""


class NoCredit(NotSent):
    """The account is empty."""


class NotAdmitted(NotSent):
    """The provider does not know our credentials or our sender's name."""


class Unanswered(Exception):
    """No usable answer: it may or may not be on its way."""


class Provider(Protocol):
    @property
    def code(self) -> str: ...

    @property
    def tells(self) -> bool:
        """Whether ``enquire`` can be asked. Of one that cannot, its delivery reports are all there is."""

    def send(self, number: str, text: str, reference: UUID, *, minutes: int) -> str:
        """Hand over a text that is worthless after ``minutes``; the provider's id for it.

        Raises Refused, NotSent or Unanswered.
        """

    def enquire(self, reference: UUID) -> Report | None:
        """What became of it; None when the provider knows nothing of it. Raises Unanswered."""


_provider: Provider | None = None


def configure(provider: Provider | None) -> None:
    """Once, at start-up. None: this portal sends no texts, and offers none."""
    global _provider
    _provider = provider


def current() -> Provider | None:
    return _provider


__all__ = [
    "Away",
    "Fate",
    "NoCredit",
    "NotAdmitted",
    "NotSent",
    "Provider",
    "Refused",
    "Report",
    "Unanswered",
    "configure",
    "current",
]
