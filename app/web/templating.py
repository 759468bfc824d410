"""What every template may use: the reader's language, the person, the pack, and filters for dates, numbers, money."""

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, g, request, url_for
from flask_wtf.csrf import generate_csrf
from markupsafe import escape
from sqlalchemy import select

from app.businesses.models import Business
from app.core import clock, db, i18n
from app.core.money import Money
from app.identity.actor import Actor
from app.jurisdictions import load
from app.web import guards, navigation


def install(app: Flask) -> None:
    """Make the names of ``docs/design-kit.md`` known to Jinja."""
    app.jinja_env.globals.update(
        {
            "_": translate,
            "gettext": translate,
            "ngettext": i18n.ngettext,
            "lang": i18n.language,
            "dir": i18n.direction,
            "csrf_token": generate_csrf,
            "navigation": lambda: navigation.tabs(reader()),
            "languages": languages,
            "url_with_lang": url_with_lang,
            "url_with": url_with,
            "static_url": static_url,
            "businesses": businesses,
            "now": clock.now,
            "today": lambda: clock.today(i18n.zone()),
            "money": lambda minor, currency: Money(minor, currency),
        }
    )
    filters: dict[str, Callable[..., Any]] = {
        "date": show_date,
        "short_date": show_short_date,
        "time": show_time,
        "datetime": show_datetime,
        "iso": iso,
        "number": show_number,
        "percent": lambda value: stated(i18n.format_percent(Decimal(str(value))) if value is not None else None),
        "stated": stated,
        "filesize": filesize,
        "picked": i18n.pick,
    }
    app.jinja_env.filters.update(filters)
    app.context_processor(lambda: {"actor": reader(), "pack": load.current(), "settings": current_app.config["KIBALI"]})


def reader() -> Actor | None:
    """Who reads the page; nobody on the page that says the portal itself failed, which must not ask the database."""
    return None if g.get("failed") else guards.current_actor()


def translate(message: str, **values: Any) -> str:
    """As ``core.i18n.gettext``; when a value is markup the sentence is escaped and the result is markup."""
    if any(hasattr(value, "__html__") for value in values.values()):
        return escape(i18n.gettext(message)) % values
    return i18n.gettext(message, **values)


def languages() -> list[tuple[str, str]]:
    """The languages of this country's portal with their own names."""
    return [(code, i18n.LANGUAGES.get(code, code)) for code in load.current().languages]


def url_with_lang(code: str) -> str:
    """This page in another language; of a page that is only the answer to a form, the portal's first page."""
    rule = request.url_rule
    path = request.path if rule is None or "GET" in (rule.methods or ()) else "/"
    query = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return f"{path}?{urlencode([*query, ('lang', code)])}"


def url_with(**changes: Any) -> str:
    """This page with some parts of its query changed (None takes one away): paging and filters."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in changes and name != "lang"]
    for name, value in changes.items():
        values = value if isinstance(value, list | tuple) else [value]
        kept += [(name, str(item)) for item in values if item is not None]
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def static_url(path: str) -> str:
    """A file of ``static/`` under an address that changes with its content, so that it may be cached for ever."""
    file = Path(current_app.static_folder or "") / path
    return url_for("static", filename=path, v=_digest(file, file.stat().st_mtime_ns))


@lru_cache(maxsize=256)
def _digest(file: Path, changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


def businesses() -> list[tuple[int, str, bool]]:
    """(id, name, acted for now) of the businesses this person may act for, by name. One statement a request."""
    person = reader()
    if person is None or not person.memberships:
        return []
    if "businesses" not in g:
        rows = db.session().execute(
            select(Business.id, Business.name).where(Business.id.in_(person.memberships)).order_by(Business.name)
        )
        g.businesses = [(key, name, key == person.business_id) for key, name in rows]
    found: list[tuple[int, str, bool]] = g.businesses
    return found


def stated(value: Any) -> Any:
    """The value, or the words "not stated" for an empty one. Zero and False are answers."""
    if value is None or value in ("", [], (), {}):
        return i18n.gettext("not stated")
    return value


def _moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _day(value: date | str) -> date:
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
    return value.astimezone(i18n.zone()).date() if isinstance(value, datetime) else value


def show_date(value: date | str | None) -> str:
    return i18n.format_date(_day(value)) if value else str(stated(None))


def show_short_date(value: date | str | None) -> str:
    return i18n.format_short_date(_day(value)) if value else str(stated(None))


def show_time(value: datetime | str | None) -> str:
    return i18n.format_time(_moment(value)) if value else str(stated(None))


def show_datetime(value: datetime | str | None) -> str:
    return i18n.format_datetime(_moment(value)) if value else str(stated(None))


def iso(value: date | datetime | str | None) -> str:
    """For ``<time datetime="…">``."""
    if isinstance(value, datetime):
        return value.astimezone(i18n.zone()).isoformat(timespec="minutes")
    return value.isoformat() if isinstance(value, date) else value or ""


def show_number(value: int | Decimal | str | None) -> str:
    if value is None or value == "":
        return str(stated(None))
    return i18n.format_number(Decimal(value) if isinstance(value, str) else value)


def filesize(size: int) -> str:
    """Of a file, in the units people know."""
    if size < 1_000_000:
        return i18n.gettext("%(size)s kB", size=i18n.format_number(max(1, round(size / 1000))))
    return i18n.gettext("%(size)s MB", size=i18n.format_number(round(Decimal(size) / 1_000_000, 1)))
