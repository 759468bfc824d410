"""A visit as an iCalendar file (RFC 5545), for the applicant's and the inspector's own calendars."""

from datetime import UTC, datetime

from app.cases.inspection_models import Inspection, VisitState

_LONGEST = 74  # octets of a line, without its end


def of_visit(visit: Inspection, *, summary: str, description: str, organiser: str, stamp: datetime) -> bytes:
    """``SEQUENCE`` grows with each change, so that a calendar that has it already takes the new time."""
    off = visit.state == VisitState.CANCELLED
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Kibali//Inspections//EN",
        f"METHOD:{'CANCEL' if off else 'PUBLISH'}",
        "BEGIN:VEVENT",
        f"UID:{visit.reference}@{_plain(organiser)}",
        f"SEQUENCE:{visit.sequence}",
        f"DTSTAMP:{_moment(stamp)}",
        f"DTSTART:{_moment(visit.starts_at)}",
        f"DTEND:{_moment(visit.ends_at)}",
        f"SUMMARY:{_escaped(summary)}",
        f"LOCATION:{_escaped(visit.place)}",
        f"DESCRIPTION:{_escaped(description)}",
        f"STATUS:{'CANCELLED' if off else 'CONFIRMED'}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) + b"\r\n" for line in lines)


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _plain(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isalnum() or sign in "-.") or "kibali"


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def _folded(line: str) -> bytes:
    """Continuation lines begin with a space; no character is cut in two."""
    parts, current = [], b""
    for sign in line:
        coded = sign.encode()
        if len(current) + len(coded) > _LONGEST:
            parts.append(current)
            current = b" "
        current += coded
    return b"\r\n".join([*parts, current])
