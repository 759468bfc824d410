"""Languages: catalogues, the reader's locale, and numbers and dates in the reader's form.

The locale is a context variable, so a page, a job that writes a mail and a PDF all use the same
functions. Catalogues are read straight from the ``.po`` files: there is no compiled copy to go stale.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import LazyProxy, NullTranslations, Translations

CATALOGUES = Path(__file__).resolve().parent.parent / "translations"
LANGUAGES = {"en": "English", "fr": "Français"}
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})

Text = str | LazyProxy
"""A string for a person: plain, or translated when it is shown."""

_locale: ContextVar[str] = ContextVar("kibali_locale", default="en_RW")
_zone: ContextVar[ZoneInfo] = ContextVar("kibali_zone", default=ZoneInfo("Africa/Kigali"))


@contextmanager
def use_locale(locale: str, zone: ZoneInfo | None = None) -> Iterator[None]:
    """Speak ``locale`` (``fr_CG``) inside the block; times are shown in ``zone``."""
    token = _locale.set(locale)
    zone_token = _zone.set(zone) if zone is not None else None
    try:
        yield
    finally:
        _locale.reset(token)
        if zone_token is not None:
            _zone.reset(zone_token)


def set_locale(locale: str, zone: ZoneInfo | None = None) -> None:
    """Set the locale for the rest of this context (one web request)."""
    _locale.set(locale)
    if zone is not None:
        _zone.set(zone)


@lru_cache(maxsize=32)
def locale_named(name: str) -> Locale:
    """Kept, since a page asks for its reader's some thousand times."""
    return Locale.parse(name)


def current_locale() -> Locale:
    return locale_named(_locale.get())


def language() -> str:
    """The reader's language, two letters."""
    return current_locale().language


def direction() -> str:
    return "rtl" if language() in RIGHT_TO_LEFT else "ltr"


@cache
def catalogue(code: str) -> NullTranslations:
    path = CATALOGUES / code / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as source:
        parsed = read_po(source, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, parsed)
    compiled.seek(0)
    return Translations(compiled)


def gettext(message: str, **values: Any) -> str:
    """The message in the reader's language; ``%(name)s`` in it is filled from ``values``."""
    text: str = catalogue(language()).gettext(message)
    return text % values if values else text


def ngettext(singular: str, plural: str, num: int, **values: Any) -> str:
    text: str = catalogue(language()).ngettext(singular, plural, num)
    return text % {"num": format_number(num), **values}


def lazy_gettext(message: str, **values: Any) -> LazyProxy:
    """As ``gettext``, decided each time the text is shown."""
    return LazyProxy(gettext, message, enable_cache=False, **values)


def pick(names: dict[str, str]) -> str:
    """The reader's language out of ``{"en": …, "fr": …}`` from a jurisdiction pack; English, then any, otherwise."""
    return names.get(language()) or names.get("en") or next(iter(names.values()), "")


def _plain_spaces(text: str) -> str:
    # U+202F (French thousands) is missing from many fonts, PDF ones above all.
    return text.replace("\u202f", "\u00a0")


def format_number(value: int | Decimal) -> str:
    return _plain_spaces(numbers.format_decimal(value, format="#,##0.######", locale=current_locale()))


def format_percent(value: Decimal) -> str:
    """``value`` is already a percentage: 33.33 is "33.33%" in English and "33,33 %" in French, 80.00 is "80%"."""
    pattern = current_locale().percent_formats[None].pattern.replace("0", "0.##")
    return _plain_spaces(numbers.format_percent(value / 100, format=pattern, locale=current_locale()))


def format_date(value: date) -> str:
    return dates.format_date(value, format="d MMMM y", locale=current_locale())


def format_short_date(value: date) -> str:
    return dates.format_date(value, format="dd/MM/yyyy", locale=current_locale())


def format_time(value: datetime) -> str:
    return dates.format_time(value.astimezone(_zone.get()), format="HH:mm", locale=current_locale())


def format_datetime(value: datetime) -> str:
    local = value.astimezone(_zone.get())
    return gettext("%(date)s, %(time)s", date=format_date(local.date()), time=format_time(local))


def weekdays() -> list[str]:
    """Their names in the reader's language, Monday first."""
    names = dates.get_day_names("wide", "stand-alone", current_locale())
    return [str(names[day]) for day in range(7)]


def zone() -> ZoneInfo:
    return _zone.get()
