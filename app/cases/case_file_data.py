"""What a printed case file says as data: the rows of its tables, in the order of the columns. The same case as rows of
the database is ``case.json`` of a bundle.
"""

from typing import Annotated

from pydantic import AwareDatetime, Field
from typing_extensions import TypeAliasType

from app.core.record_data import Cell, Labelled, RecordData

Facts = TypeAliasType("Facts", Annotated[list[Labelled], Field(description="Facts, in the order printed")])
Moment = TypeAliasType(
    "Moment", Annotated[str | None, Field(description="Day and time in the country's time, as printed")]
)
Name = TypeAliasType("Name", Annotated[str | None, Field(description="Name of a person")])
Size = Annotated[int, Field(description="Bytes", ge=0)]
Count = Annotated[int, Field(description="How many times", ge=0)]


class FileSection(RecordData):
    """A section of the application as the applicant filled it in."""

    title: str = Field(description="Title of the section")
    rows: list[Labelled] = Field(description="Question and answer")


class FileVersion(RecordData):
    """One submission of the application."""

    number: int = Field(description="Number of the submission, from 1", ge=1)
    facts: Facts = Field(description="Who sent it and when, what was declared, rules in force, SHA-256")
    differences: list[tuple[Cell, Cell, Cell]] = Field(
        description="What changed since the submission before: question, answer before, answer after"
    )
    sections: list[FileSection] = Field(description="The answers")
    documents: list[tuple[Cell, Cell, Size, Cell]] = Field(
        description="Documents attached: what it is, name of the file, size, SHA-256"
    )


class FileChecks(RecordData):
    """The automatic checks kept with one recommendation or decision."""

    title: str = Field(description="With which recommendation or decision they were kept")
    note: str = Field(description="Rules in force, or why there are no rows")
    rows: list[tuple[Cell, Cell, Cell, Cell]] = Field(description="Check, result, detail, rule")


class FileFinding(RecordData):
    """A finding an auditor sent."""

    title: str = Field(description="Number and title")
    facts: Facts = Field(description="Its state, severity, what was seen, answers and conclusion")
    steps: list[tuple[Moment, Cell, Name]] = Field(description="When, what was done, by whom")


class FileBill(RecordData):
    """A bill of the case."""

    facts: Facts = Field(description="Number, state, total, when issued and paid, receipt")
    lines: list[tuple[Cell, Cell, Cell]] = Field(description="Fee, legal basis, amount")
    payments: list[tuple[Moment, Cell, Cell, Cell, Cell]] = Field(
        description="When, telephone number with digits hidden, state, amount, reference at the provider"
    )
    postings: list[tuple[Moment, Cell, Cell, Cell, Cell]] = Field(
        description="Ledger: when, what, account, debit, credit"
    )


class FilePermit(RecordData):
    """A permit the decision issued."""

    facts: Facts = Field(description="Permit, number, state, validity, conditions")
    lines: list[tuple[Cell, Cell, Cell, Cell]] = Field(description="Goods, HS code, quantity, value")


class CaseFile(RecordData):
    """A case file: everything the portal held about one case at the moment it was made, as people read it."""

    number: str = Field(default="", description="Number of the case file; none when it is printed for a bundle")
    reference: str = Field(description="Reference of the case")
    as_at: AwareDatetime = Field(description="The moment whose state it shows")
    asked_by: str = Field(description="Name of the person who asked for it")
    pack_version: str = Field(description="Version of the country's rules then in force")
    summary: Facts = Field(description="The case at a glance")
    versions: list[FileVersion] = Field(description="Every submission, oldest first")
    decision: Facts = Field(description="The decision in force; empty before there is one")
    earlier_decisions: list[Facts] = Field(description="Decisions that were corrected since, the latest first")
    corrections: list[Facts] = Field(description="Corrections that were opened")
    appeals: list[Facts] = Field(description="Appeals and their outcome")
    recommendations: list[tuple[Moment, Name, Cell, Cell, Cell]] = Field(
        description="When, by whom, outcome, reasons with conditions, whether it stands or since when it does not"
    )
    requests: list[Facts] = Field(description="Information the applicant was asked for")
    flags: list[tuple[Cell, Cell, Moment, Cell, Cell]] = Field(
        description="Flags: name, rule, when raised, what became of it, reason"
    )
    silence_holds: list[tuple[Cell, Cell]] = Field(description="Why silence did not decide: when, grounds")
    legal_holds: list[tuple[Cell, Cell, Moment]] = Field(
        description="Legal holds that stand: number, proceeding, since when"
    )
    advice: list[Facts] = Field(description="Advice asked of other agencies and experts")
    visits: list[tuple[Moment, Cell, Cell, Cell, Cell]] = Field(
        description="Visits: when, where, officials, state, reason for a change"
    )
    inspection_reports: list[Facts] = Field(description="Reports of the visits")
    notes: list[tuple[Moment, Name, Cell]] = Field(description="Notes of officials: when, by whom, text")
    bills: list[FileBill] = Field(description="Bills with payments and ledger")
    permits: list[FilePermit] = Field(description="Permits issued")
    records: list[tuple[Cell, Cell, Moment, Cell]] = Field(
        description="Documents issued: title, number, when, SHA-256 of the file"
    )
    history: list[tuple[Moment, Cell, Name, Cell]] = Field(description="Steps: when, what, by whom, reason")
    entries: list[tuple[Moment, Cell, Name, Cell]] = Field(
        description="Latest entries of the audit log: when, what, by whom, by which right"
    )
    entries_left_out: int = Field(description="Older entries that are only in the log", ge=0)
    checks: list[FileChecks] = Field(description="Automatic checks, oldest first")
    copies: list[tuple[Cell, Moment, Name, Cell, Cell, Cell]] = Field(
        description="Certified copies: number, when asked for, by whom, purpose, fee, state"
    )
    findings: list[FileFinding] = Field(description="Findings of auditors")
    messages: list[tuple[Moment, Cell, Cell, Cell, Cell]] = Field(
        description="Messages: when, to whom, address, subject, whether it was delivered"
    )
    readers: list[tuple[Cell, Cell, Name, Cell, Cell, Count]] = Field(
        description="Who saw it: day, time, name, role, what they did, how often"
    )
