"""What a receiver learns from each event. Nothing here may name or describe a person."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field


class PermitStateChanged(BaseModel):
    """What is public about a permit at the moment its state changed."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(description="The permit's number.", examples=["RW-COFFEE-EXPORT-2026-00042-K"])
    kind: str = Field(description="Code of the permit kind.", examples=["coffee-export"])
    state: str = Field(description="The state it is in now.", examples=["suspended"])
    previous_state: str | None = Field(
        default=None, description="The state it was in before; null when it has just been issued.", examples=["active"]
    )
    holder_number: str = Field(description="Number of the business that holds it.", examples=["RW-RDB-2026-00042-K"])
    valid_to: date | None = Field(default=None, description="Last day of validity, in the issuer's country.")
    occurred_at: datetime = Field(description="When it happened.")
    reason_code: str = Field(
        default="", description="Why, as a code; empty when none applies.", examples=["inspection"]
    )


class WebhookTest(BaseModel):
    """A message that says nothing."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(description="The endpoint it was asked for.")
