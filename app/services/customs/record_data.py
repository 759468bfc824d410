"""What a released export declaration says as data."""

from typing import Literal

from pydantic import Field

from app.core.record_data import RecordData


class Exporter(RecordData):
    """The business that exports."""

    name: str = Field(description="Registered name")
    number: str = Field(description="Registration number")


class DeclaredItem(RecordData):
    """A goods item (boxes 31 to 46 of the single administrative document)."""

    number: int = Field(description="Number of the item in the declaration", ge=1)
    hs: str = Field(description="Code of the Harmonized System, edition 2022")
    description: str = Field(description="Description of the goods")
    packages: str = Field(description="Number and kind of packages, as printed")
    gross_mass: str = Field(description="Gross mass in kilograms, as printed")
    net_mass: str = Field(description="Net mass in kilograms, as printed")
    value: str = Field(description="Value with its currency, as printed")
    licence: str | None = Field(description="Number of the permit it is drawn from; null where none is needed")
    drawn: str | None = Field(description="Quantity drawn from that permit, with its unit, as printed")


class ExportDeclaration(RecordData):
    """A released export declaration: which goods left customs' control, whose, how and where to."""

    number: str = Field(description="Number of the declaration")
    exporter: Exporter
    consignee: str = Field(description="Who receives the goods")
    consignee_address: str | None = Field(description="Address of the consignee")
    destination: str = Field(description="Name of the country of destination")
    office: str = Field(description="Customs office of export")
    exit_office: str = Field(description="Customs office of exit")
    procedure: str = Field(description="Code and name of the customs procedure")
    transport: str = Field(description="Mode of transport, and vehicle, vessel or flight where stated")
    delivery_terms: str = Field(description="Incoterm, place and name of the term")
    invoice: str = Field(description="Number and day of the commercial invoice")
    items: list[DeclaredItem] = Field(description="The goods items")
    value: str = Field(description="Value of all items with its currency, as printed")
    released_on: str = Field(description="Day of release in the country's time, as printed")
    lane: Literal["green", "blue", "yellow", "red"] = Field(
        description="green: released at once; blue: checked afterwards; yellow: papers checked; red: goods examined"
    )
    reference: str = Field(description="Reference of the case in which it was decided")
    decided_by: str = Field(description="Official who decided; or that silence decided, by which rule and when")
    pack_version: str = Field(description="Version of the country's rules that applied")
