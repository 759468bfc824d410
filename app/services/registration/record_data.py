"""What a certificate of registration says as data."""

from pydantic import Field

from app.core.record_data import RecordData


class RegisteredPerson(RecordData):
    """A person of the business, once for each role."""

    name: str = Field(description="Name")
    role: str = Field(description="Role in the business")
    shares: int | None = Field(description="Number of shares held; null where that does not apply")


class Registration(RecordData):
    """A certificate of registration: that a business is in the register, and what the register said that day."""

    number: str = Field(description="Registration number")
    name: str = Field(description="Registered name")
    trade_name: str | None = Field(description="Name it trades under, where another")
    tax_number: str | None = Field(description="Tax number, where known")
    entity_type: str = Field(description="Legal form")
    registered_on: str = Field(description="Day of registration in the country's time, as printed")
    seat: str = Field(description="Street and administrative unit of the seat")
    capital: str | None = Field(description="Capital with its currency, as printed; null where the form has none")
    shares_issued: int | None = Field(description="Number of shares; null where the form has none")
    activities: list[str] = Field(description="Activities: class of ISIC Rev. 4 and its name, the principal one first")
    people: list[RegisteredPerson] = Field(description="Owners and managers")
    reference: str = Field(description="Reference of the case in which it was decided")
    decided_by: str = Field(description="Official who decided; or that silence decided, by which rule and when")
    legal_ref: str = Field(description="Law the legal form rests on")
    pack_version: str = Field(description="Version of the country's rules that applied")
