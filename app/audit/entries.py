"""Writing an entry (in the transaction of the act) and reading entries back, page by page.

What is about people goes into ``personal``, apart from the entry and erasable; the portal's own callers are
``account.*`` and ``user.*`` (the account's e-mail address as reference; old and new name or address),
``member.invited`` and ``member.invitation_withdrawn`` (the address invited), and ``failure.mail_retried`` (the address
written to). The actor's name and network address are always there. An official's reason is part of the act and stays
in ``detail``.
"""

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

from app.audit import canonical, verbs
from app.audit import personal as personal_parts
from app.audit.models import Entry, Personal, folded
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
    personal: dict[str, Any] | None = None,
    authority: str = "",
) -> Entry:
    """Add one entry to the open transaction.

    ``subject`` is ``kind:id`` (``case:123``); ``reference`` what people call it; ``authority`` the law or rule acted
    on. ``agency`` may be left out for an official of exactly one. ``detail`` and ``personal`` hold what JSON can, no
    floats; ``personal["reference"]`` stands in for ``reference`` where that is personal. An unregistered verb raises
    ``verbs.UnknownVerb``.
    """
    if not agency and len(actor.agencies) == 1:
        agency = next(iter(actor.agencies))
    hidden = _json(personal)
    digest, handed_over = personal_parts.seal(
        name=actor.name, ip=actor.ip, reference=hidden.pop("reference", ""), detail=hidden
    )
    entry = Entry(
        at=clock.now(),
        actor_kind=actor.kind,
        actor_id=actor.client_id if actor.kind == "client" else actor.user_id,
        actor_role=actor.role.value if actor.role else "",
        agency=agency,
        verb=verbs.check(verb),
        subject=subject,
        reference=reference,
        case_id=case_id,
        business_id=business_id,
        authority=authority,
        session_id=actor.session_id,
        detail=_json(detail),
        personal_sha256=digest,
        handed_over=handed_over,
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
        # The first uses the index.
        wanted += [_contains(actor), folded(Personal.name).like(_pattern(actor), escape="\\")]
    if reference:
        wanted.append(Entry.reference.in_({reference.strip(), reference.strip().upper()}))
    if since is not None:
        wanted.append(Entry.at >= since)
    if until is not None:
        wanted.append(Entry.at < until)
    by_words = (isinstance(actor, str) and actor) or any(not identifiers.is_checked(word) for word in query.split())
    return _page(session, wanted, after, limit, by_words=bool(by_words))


def _page(
    session: Session, wanted: list[ColumnElement[bool]], after: str | None, limit: int, *, by_words: bool = False
) -> EntryPage:
    """``by_words``: the search text, which stands beside the personal part with the entry's moment, leads."""
    statement: Select[Entry] = select(Entry).where(*wanted)
    at_column, id_column = (Personal.at, Personal.entry_id) if by_words else (Entry.at, Entry.id)
    if by_words:
        statement = statement.join(Personal, Personal.entry_id == Entry.id)
    if after:
        at, key = _read_cursor(after)
        statement = statement.where(tuple_(at_column, id_column) < tuple_(literal(at), literal(key)))
    statement = statement.order_by(at_column.desc(), id_column.desc()).limit(limit + 1)
    found = session.scalars(statement).all()
    shown = found[:limit]
    return EntryPage(shown, _cursor(shown[-1]) if len(found) > limit else None)


def _about(word: str) -> ColumnElement[bool]:
    """A whole reference has its own index; by trigram it would drag along all that share its series and year."""
    return Entry.reference == word.upper() if identifiers.is_checked(word) else _contains(word)


def _contains(word: str) -> ColumnElement[bool]:
    return Personal.searched.like(_pattern(word), escape="\\")


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


def _json(detail: dict[str, Any] | None) -> dict[str, Any]:
    """A copy of plain JSON. Raises TypeError, here and not when the log is sequenced, for what the log cannot hold."""
    plain: dict[str, Any] = json.loads(json.dumps(detail or {}, default=_plain))
    try:
        canonical.encode(plain)
    except canonical.NotCanonical as error:
        raise TypeError(f"an audit entry's detail cannot hold this: {error}") from error
    return plain


def _plain(value: object) -> str:
    if isinstance(value, date | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be part of an audit entry's detail")


__all__ = ["EntryPage", "for_business", "for_case", "record", "search"]
