"""The HTML of a record: the templates' environment, and filters that never fail on what an old record lacks."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import segno
from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup

from app.core import i18n
from app.core.money import Money
from app.documents import codes
from app.documents.pdf import Sheet

TEMPLATES = Path(__file__).resolve().parent.parent.parent / "templates"


def not_stated() -> str:
    return i18n.gettext("not stated")


class Missing(ChainableUndefined):
    """A field the record does not have: it prints "not stated", is false, and so are the fields inside it."""

    def __str__(self) -> str:
        return not_stated()

    def __html__(self) -> str:
        return str(self)


def _empty(value: Any) -> bool:
    return value is None or isinstance(value, Missing) or (isinstance(value, str) and not value.strip())


def stated(value: Any) -> Any:
    return not_stated() if _empty(value) else value


def _moment(value: Any) -> date | datetime | None:
    if isinstance(value, date):
        return value
    try:
        text = str(value)
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        return None


def show_date(value: Any) -> Any:
    """An ISO date or moment as a day of the record's country."""
    moment = None if _empty(value) else _moment(value)
    if moment is None:
        return stated(value)
    if isinstance(moment, datetime):
        moment = moment.astimezone(i18n.zone()).date() if moment.tzinfo else moment.date()
    return i18n.format_date(moment)


def show_datetime(value: Any) -> Any:
    moment = None if _empty(value) else _moment(value)
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        return show_date(value)
    return i18n.format_datetime(moment)


def _decimal(value: Any) -> Decimal | None:
    if _empty(value) or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def show_number(value: Any) -> Any:
    number = _decimal(value)
    return stated(value) if number is None else i18n.format_number(number)


def show_percent(value: Any) -> Any:
    number = _decimal(value)
    return stated(value) if number is None else i18n.format_percent(number)


def show_money(value: Any, currency: str | None = None) -> Any:
    """``{"minor": 1500, "currency": "RWF"}``, or minor units with ``currency`` beside them."""
    if isinstance(value, Mapping):
        currency = value.get("currency", currency)
        value = value.get("minor")
    number = _decimal(value)
    if number is None or not currency or isinstance(currency, Missing):
        return not_stated()
    return str(Money(int(number), str(currency)))


def show_code(code: Any) -> str:
    """A long code in groups of five or six, for people to type."""
    return codes.shown(str(code))


def qr(text: str, title: str) -> Markup:
    """A QR code of ``text`` as SVG. Error correction M: a fold or a stamp over a seventh of it does no harm."""
    drawn = BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", border=2, xmldecl=False, nl=False, omitsize=True, svgclass="qr", lineclass=None, title=title
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704  # drawn here; segno escapes the title


def softened(value: Any) -> Any:
    """``value`` with every null replaced by ``Missing``, so that a template may look inside it or loop over it."""
    if value is None:
        return Missing()
    if isinstance(value, dict):
        return {key: softened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [softened(item) for item in value]
    return value


_SHORT = 90  # signs of a text that may be folded anywhere; for longer ones that takes too much time
_LONG_WORD = 16  # signs that may be wider than a column
_NO_WORD = re.compile(r"\S{41,}")


def foldable(value: Any) -> bool:
    """Whether a cell may be broken inside a word: it holds a hash, a file name or the like."""
    text = str(value)
    return len(text) <= _SHORT and any(len(word) > _LONG_WORD for word in text.split())


def _finalize(value: Any) -> Any:
    if value is None:
        return not_stated()
    if type(value) is not str:
        return value
    if len(value) > _SHORT:
        value = _NO_WORD.sub(_with_breaks, value)
    # U+202F, the narrow space of French numbers, is missing from many fonts.
    return value.replace("\u202f", "\u00a0")


def _with_breaks(found: re.Match[str]) -> str:
    word = found.group()
    return "\u200b".join(word[start : start + 40] for start in range(0, len(word), 40))


def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader([TEMPLATES / "pdf", TEMPLATES]),
        autoescape=True,
        undefined=Missing,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests.update(foldable=foldable)
    made.filters.update(
        stated=stated,
        date=show_date,
        datetime=show_datetime,
        number=show_number,
        percent=show_percent,
        money=show_money,
        code=show_code,
    )
    made.globals.update(_=i18n.gettext, gettext=i18n.gettext, ngettext=i18n.ngettext, qr=qr)
    return made


def html(pages: Environment, sheet: Sheet) -> tuple[str, bytes]:
    """The page, and the attachment whose hash it shows."""
    attachment = sheet.attachment()
    with i18n.use_locale(sheet.locale, ZoneInfo(sheet.zone)):
        text = pages.get_template(sheet.template).render(
            data=softened(sheet.data),
            title=sheet.title,
            number=sheet.number,
            code=sheet.code,
            kind=sheet.kind,
            issuer=sheet.issuer,
            issued_at=sheet.issued_at,
            place=sheet.place,
            verify_url=sheet.verify_url,
            content_hash=hashlib.sha256(attachment).hexdigest(),
            specimen=sheet.specimen,
            draft=sheet.draft,
            lang=i18n.language(),
            dir=i18n.direction(),
            transcript=_transcript(pages, sheet),
        )
    return text, attachment


def _transcript(pages: Environment, sheet: Sheet) -> Markup | None:
    """The page of the original that a copy encloses, in its own language and from the JSON that is inside it."""
    original = sheet.original
    if original is None or not original.template:
        return None
    about = original.document
    with i18n.use_locale(str(about["locale"]), ZoneInfo(sheet.zone)):
        text = pages.get_template(original.template).render(
            data=softened(about["data"]),
            title=about["title"],
            number=about["number"],
            code=about["code"],
            kind=about["record"],
            issuer=about["issuer"],
            issued_at=about["issued_at"],
            place=original.place,
            verify_url=about["verify"],
            specimen=sheet.specimen,
            draft=False,
            lang=i18n.language(),
            dir=i18n.direction(),
            inside=True,
        )
    return Markup(text)  # noqa: S704  # a template of ours, which escapes what it is given
