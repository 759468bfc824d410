"""What the records of the case desk say as data; the case file's is in ``case_file_data``."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from app.core.record_data import Labelled, RecordData, Sha256

Never = Literal[""]


class AppealDecision(RecordData):
    """A decision on an appeal: against what the applicant appealed and why, and what was answered."""

    number: str = Field(description="Number of the appeal")
    reference: str = Field(description="Reference of the case")
    about: str = Field(description="What the case is about")
    service: str = Field(description="Service the case belongs to")
    against: str = Field(description="What the appeal is against: a refusal, or conditions")
    decided_on: AwareDatetime = Field(description="When the decision was taken that the appeal is against")
    decision_reason: str = Field(description="Reasons of that decision with their legal basis, one a line")
    conditions: list[str] = Field(description="Conditions of that decision")
    appealed_by: str = Field(description="Name of the person who appealed")
    appealed_on: AwareDatetime = Field(description="When the appeal was received")
    why: str = Field(description="What the applicant says")
    outcome: str = Field(description="What was decided on the appeal")
    reason: str = Field(description="Reasons of the decision on the appeal")
    decided_by: str = Field(description="Official who decided on the appeal")
    court: str = Field(description="Where one may go next; empty when the appeal was allowed or no court is named")
    pack_version: str = Field(description="Version of the country's rules that applied")


Looked = tuple[
    Annotated[str, Field(description="What was looked at")],
    Annotated[str, Field(description="What was found")],
    Annotated[str, Field(description="Remark, or a dash")],
]
Photograph = tuple[
    Annotated[str, Field(description="Name of the file")],
    Annotated[str, Field(description="SHA-256 of the file", pattern="^[0-9a-f]{64}$")],
]


class InspectionReport(RecordData):
    """A report of a visit to the applicant: who went, what was seen, and the result."""

    number: str = Field(description="Number of the report")
    corrects: str | None = Field(description="Number of the report this one replaces; null for the first")
    correction_reason: str = Field(description="What was corrected and why; empty for the first")
    case: str = Field(description="Reference of the case")
    about: str = Field(description="What the case is about")
    visit: str = Field(description="Reference of the visit")
    place: str = Field(description="Where the visit was")
    held: str | None = Field(description="When it was, in the country's time, as printed; null when nobody could visit")
    planned: str = Field(description="When it was planned for, in the country's time, as printed")
    looked_at: str = Field(description="What the visit was to look at")
    officials: str = Field(description="Officials sent, by name")
    present: str = Field(description="Who else was present")
    result: str = Field(description="Result of the visit")
    account: str = Field(description="What was seen")
    findings: list[Looked] = Field(description="The points of the list that were looked at")
    photographs: list[Photograph] = Field(description="Photographs kept with the report")
    written_by: str = Field(description="Official who wrote the report")


class CopiedOriginal(RecordData):
    """The document the copy is of; its file is enclosed in the copy."""

    kind: str = Field(description="Kind of document, a code of the portal")
    kind_title: str = Field(description="Kind of document in words")
    title: str = Field(description="Title of the original")
    number: str = Field(description="Number of the original; empty when it has none")
    code: str = Field(description="Code of its public check")
    verify: str = Field(description="Address that says what the original is worth now")
    issuer: str = Field(description="Authority that issued it")
    issued_at: AwareDatetime = Field(description="When it was issued")
    locale: str = Field(description="Language and country of the original, such as fr_CG")
    sha256: Sha256 = Field(description="SHA-256 of its file")
    size: int = Field(description="Bytes of its file", gt=0)
    file: str = Field(description="Name of the enclosed file")
    signed_by: str | None = Field(description="Who signed it, as the certificate says; null when it was not signed")
    signed_at: AwareDatetime | None = Field(description="When it was signed")


class CopiedStanding(RecordData):
    """What the original was worth when the copy was made."""

    state: Literal["valid", "suspended", "revoked", "expired", "not_yet", "unknown"] = Field(
        description="not_yet: not in force yet; unknown: the portal could not tell"
    )
    title: str = Field(description="The state in words")
    valid_from: date | AwareDatetime | None = Field(description="From when it was valid")
    valid_to: date | AwareDatetime | None = Field(description="Until when it was valid")
    correction: str | None = Field(description="What had become of the decision behind it; null when nothing")
    in_its_place: str | None = Field(description="Number of the document that stands in its place")


class CertifiedCopy(RecordData):
    """A certified copy: that the enclosed file is, byte for byte, the original the portal holds."""

    number: str = Field(description="Number of the copy")
    purpose: str = Field(description="What the copy was asked for, in words")
    purpose_code: str = Field(description="The same as a code of the country's rules")
    official: bool = Field(description="True when an official asked in the course of their work, free of charge")
    asked_by: str = Field(description="Name of the person who asked")
    asked_at: AwareDatetime = Field(description="When it was asked for")
    certified_at: AwareDatetime = Field(description="When the original was checked and the copy certified")
    fee: str | None = Field(description="Fee with its currency, as printed; null when there was none")
    receipt: str | None = Field(description="Number of the receipt for the fee")
    legal_ref: str | None = Field(description="Law or order the fee rests on")
    pack_version: str = Field(description="Version of the country's rules that applied")
    original: CopiedOriginal
    standing: CopiedStanding


Disposed = tuple[
    Annotated[str, Field(description="Reference of the case, or number of the document")],
    Annotated[AwareDatetime | Never, Field(description="When its period began to run; empty when not known")],
    Annotated[int, Field(description="Hashes kept of what was destroyed with it", ge=0)],
]


class DisposalCertificate(RecordData):
    """A certificate of disposal: what was destroyed when its period had ended, by which rule, and who let it be."""

    number: str = Field(description="Number of the certificate")
    proposed: str = Field(alias="list", description="Number of the list that was approved")
    list_hash: Sha256 = Field(description="SHA-256 over the references on the list, one a line, as it was approved")
    certified_hash: Sha256 = Field(description="The same over those that were destroyed")
    rule: str = Field(alias="class", description="Class of the retention schedule")
    about: str = Field(description="What the class covers")
    legal_ref: str = Field(description="Law or order the period rests on")
    period: str = Field(description="For how long such things are kept, as printed")
    agency: str = Field(description="Agency whose files these were; empty when of none")
    listed: int = Field(description="Things on the list", ge=0)
    destroyed: int = Field(description="Things destroyed; the others were held or not due", ge=0)
    proposed_by: str = Field(description="Name of the person who proposed the list")
    proposed_at: AwareDatetime | Never = Field(description="When it was proposed")
    proposal: str = Field(description="Reasons given with the proposal")
    approved_by: str = Field(description="Name of the second person, who approved it")
    approved_at: AwareDatetime | Never = Field(description="When it was approved")
    approval: str = Field(description="Reasons given with the approval")
    finished_at: AwareDatetime | Never = Field(description="When the last thing was destroyed")
    items: list[Disposed] = Field(description="What was destroyed, in the order of the list")


IndexLine = tuple[
    Annotated[str, Field(description="Reference of the case")],
    Annotated[str, Field(description="What the case is about")],
    Annotated[str, Field(description="Service")],
    Annotated[str, Field(description="Business and its number, or a dash")],
    Annotated[str, Field(description="When it was received, ISO 8601")],
    Annotated[str, Field(description="State of the case")],
]


class BundleIndex(RecordData):
    """The list of the cases in a bundle, or a part of it."""

    part: int = Field(description="Number of this part", ge=1)
    of: int = Field(description="Number of parts", ge=1)
    first: int = Field(description="Number of its first line among all", ge=1)
    total: int = Field(description="Cases in the bundle", ge=0)
    lines: list[IndexLine] = Field(description="The cases")
    sample: list[Labelled] = Field(description="How a sample was drawn; empty when all that was chosen is there")
