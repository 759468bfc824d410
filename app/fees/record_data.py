"""What a receipt says as data."""

from pydantic import AwareDatetime, Field

from app.core.record_data import RecordData


class ReceiptLine(RecordData):
    """One fee of the bill."""

    code: str = Field(description="Code of the fee in the country's rules")
    name: str = Field(description="Name of the fee")
    amount: str = Field(description="Amount with its currency, as printed")
    legal_ref: str = Field(description="Law or order the fee rests on")
    illustrative: bool = Field(description="True when no legal source of the fee is known: an example, not the law")
    revenue_code: str = Field(description="Account of the state the fee goes to")


class Receipt(RecordData):
    """A receipt: that a bill was paid, by whom, for what and how."""

    number: str = Field(description="Number of the receipt, without gaps in a year")
    bill: str = Field(description="Number of the bill that was paid")
    payer: str = Field(description="Name of the person who paid")
    title: str = Field(description="What the bill was for")
    lines: list[ReceiptLine] = Field(description="The fees of the bill")
    total: str = Field(description="Sum of the fees with its currency, as printed")
    total_minor: int = Field(description="Sum of the fees in the currency's smallest unit (ISO 4217 minor units)")
    currency: str = Field(description="Currency, ISO 4217", pattern="^[A-Z]{3}$")
    method: str = Field(description="How it was paid; of a telephone number only some digits are shown")
    provider: str = Field(description="Code of the payment provider")
    provider_reference: str = Field(description="Reference of the payment at the provider")
    paid_at: AwareDatetime | None = Field(description="When the bill was settled")
    paid_at_text: str | None = Field(description="The same in the country's time, as printed")
