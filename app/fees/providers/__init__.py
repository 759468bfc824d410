"""Ways to collect money. A provider is asked to collect, and asked again how it went; it never tells us by itself.

Nothing here is told by a callback: an unsigned message only makes us ask.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.core.money import Money


class Outcome(StrEnum):
    PENDING = "pending"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the provider never heard of the reference


@dataclass(frozen=True)
class Status:
    """What the provider says about one reference. ``matches``: amount and currency are the ones asked for."""

    outcome: Outcome
    reason: str = ""
    matches: bool = True
    reported: str = ""


class Refused(Exception):
    """The provider will not collect this: no money moves. ``reason`` is its code."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Unavailable(Exception):
    """No usable answer. The request may or may not have arrived: ask for its status, never debit anew."""


class Provider(Protocol):
    @property
    def code(self) -> str: ...

    def collect(self, reference: UUID, amount: Money, msisdn: str, *, bill: str, note: str) -> None:
        """Ask the payer for ``amount``; repeating it with the same reference is harmless.

        Raises Refused or Unavailable.
        """

    def status(self, reference: UUID, amount: Money) -> Status:
        """Raises Unavailable."""


_provider: Provider | None = None


def configure(provider: Provider) -> None:
    """Make ``provider`` the one payments are collected by (once, at start-up)."""
    global _provider
    _provider = provider


def current() -> Provider:
    if _provider is None:
        raise RuntimeError("no payment provider: call fees.providers.configure() first")
    return _provider


__all__ = ["Outcome", "Provider", "Refused", "Status", "Unavailable", "configure", "current"]
