"""What the paper of a permit says as data."""

from datetime import date

from pydantic import Field

from app.core.record_data import RecordData


class Holder(RecordData):
    """The business the permit was granted to."""

    name: str = Field(description="Registered name")
    number: str = Field(description="Registration number")


class PermitLine(RecordData):
    """Goods the permit allows to be exported."""

    hs: str = Field(description="Code of the Harmonized System, edition 2022")
    goods: str = Field(description="Description of the goods")
    quantity: str = Field(description="Most that may be exported, as printed")
    unit: str = Field(description="Unit of the quantity")
    value: str | None = Field(description="Declared value with its currency, as printed")


class Validity(RecordData):
    """Both days are included."""

    first: date = Field(alias="from", description="First day on which the permit may be used")
    last: date = Field(alias="to", description="Last day on which the permit may be used")


class Translation(RecordData):
    """The conditions in another language of the country; the text in the document's own language counts."""

    language: str = Field(description="Language, ISO 639-1")
    title: str = Field(description="Heading that says which text counts")
    items: list[str] = Field(description="The conditions")


class Permit(RecordData):
    """A permit or licence: who may export what, where to, until when and on which conditions."""

    number: str = Field(description="Number of the permit")
    holder: Holder
    destination: str = Field(description="Name of the country of destination")
    description: str = Field(description="What the application described")
    consignee: str | None = Field(description="Who receives the goods, where that was stated")
    lines: list[PermitLine] = Field(description="The goods allowed; empty for a permit that counts no quantity")
    validity: Validity
    conditions: list[str] = Field(description="What the permit depends on")
    conditions_elsewhere: list[Translation] = Field(description="The conditions in the country's other languages")
    reference: str = Field(description="Reference of the case in which it was decided")
    decided_by: str = Field(description="Official who decided; or that silence decided, by which rule and when")
    legal_ref: str = Field(description="Law or order this kind of permit rests on")
    pack_version: str = Field(description="Version of the country's rules that applied")
