"""Writing an entry (in the transaction of the act) and reading entries back, page by page."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, select, tuple_
from sqlalchemy.orm import Session

from app.audit import verbs
from app.audit.models import Entry, folded
from app.core import clock, identifiers
from app.core.errors import Invalid, Problem
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor

PAGE = 50


@dataclass(frozen=True)
class EntryPage:
    """Entries, newest first; ``next`` is what to pass as ``after`` for the older ones, None at the end."""

    entries: Sequence[Entry]
    next: str | None


def record(
    session: Session,
    actor: Actor,
    verb: str,
    *,
    subject: str,
    reference: str = "",
    case_id: int | None = None,
    business_id: int | None = None,
    agency: str = "",
    detail: dict[str, Any] | None = None,
    authority: str = "",
) -> Entry:
    """Add one entry to the open transaction.

    ``subject`` is ``kind:id`` (``case:123``); ``reference`` what people call it; ``authority`` the law or rule acted
    on. ``agency`` may be left out for an official of exactly one. An unregistered verb raises ``verbs.UnknownVerb``.
    """
    if not agency and len(actor.agencies) == 1:
        agency = next(iter(actor.agencies))
    entry = Entry(
        at=clock.now(),
        actor_kind=actor.kind,
        actor_id=actor.client_id if actor.kind == "client" else actor.user_id,
        actor_name=actor.name,
        actor_role=actor.role.value if actor.role else "",
        agency=agency,
        verb=verbs.check(verb),
        subject=subject,
        reference=reference,
        case_id=case_id,
        business_id=business_id,
        authority=authority,
        ip=actor.ip,
        session_id=actor.session_id,
        detail=json.loads(json.dumps(detail or {}, default=_plain)),
    )
    session.add(entry)
    return entry


def for_case(session: Session, case_id: int, *, after: str | None = None, limit: int = PAGE) -> EntryPage:
    """What happened to one case, newest first."""
    return _page(session, [Entry.case_id == case_id], after, limit)


def for_business(session: Session, business_id: int, *, after: str | None = None, limit: int = PAGE) -> EntryPage:
    """What happened to one business, newest first."""
    return _page(session, [Entry.business_id == business_id], after, limit)


def search(
    session: Session,
    *,
    query: str = "",
    verb: str = "",
    actor: int | str | None = None,
    reference: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    after: str | None = None,
    limit: int = PAGE,
) -> EntryPage:
    """Entries that satisfy everything given, newest first.

    ``query`` is found anywhere in reference, subject, actor's name and authority, whatever the case and accents; every
    word must be. A word that is a whole reference finds what bears it. ``actor`` is a user's id or part of a name;
    ``since`` is included, ``until`` is not.
    """
    wanted = [_about(word) for word in query.split()]
    if verb:
        wanted.append(Entry.verb == verb)
    if isinstance(actor, int):
        wanted += [Entry.actor_kind == "user", Entry.actor_id == actor]
    elif actor:
        wanted += [
            _contains(actor),
            folded(Entry.actor_name).like(_pattern(actor), escape="\\"),
        ]  # the first uses the index
    if reference:
        wanted.append(Entry.reference.in_({reference.strip(), reference.strip().upper()}))
    if since is not None:
        wanted.append(Entry.at >= since)
    if until is not None:
        wanted.append(Entry.at < until)
    return _page(session, wanted, after, limit)


def _page(session: Session, wanted: list[ColumnElement[bool]], after: str | None, limit: int) -> EntryPage:
    statement: Select[Entry] = select(Entry).where(*wanted)
    if after:
        at, key = _read_cursor(after)
        statement = statement.where(tuple_(Entry.at, Entry.id) < tuple_(literal(at), literal(key)))
    statement = statement.order_by(Entry.at.desc(), Entry.id.desc()).limit(limit + 1)
    found = session.scalars(statement).all()
    shown = found[:limit]
    return EntryPage(shown, _cursor(shown[-1]) if len(found) > limit else None)


def _about(word: str) -> ColumnElement[bool]:
    """A whole reference has its own index; by trigram it would drag along all that share its series and year."""
    return Entry.reference == word.upper() if identifiers.is_checked(word) else _contains(word)


def _contains(word: str) -> ColumnElement[bool]:
    return Entry.searched.like(_pattern(word), escape="\\")


def _pattern(word: str) -> ColumnElement[str]:
    escaped = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return folded(f"%{escaped}%")


def _cursor(entry: Entry) -> str:
    return base64.urlsafe_b64encode(f"{entry.at.isoformat()} {entry.id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    try:
        at, _, key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("a cursor's time has a zone")
        return moment, int(key)
    except (ValueError, binascii.Error) as error:
        raise Invalid(
            Problem(_l("That page of the list does not exist. Start again from the first."), "after")
        ) from error


def _plain(value: object) -> str:
    if isinstance(value, date | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be part of an audit entry's detail")


__all__ = ["EntryPage", "for_business", "for_case", "record", "search"]
