"""Mail texts: ``templates/email/<template>.txt``, the first line is the subject; ``templates/sms`` has the short forms.

Their own environments, without Flask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Undefined

from app.core import i18n
from app.jurisdictions import load

TEMPLATES = Path(__file__).resolve().parent.parent.parent / "templates" / "email"
TEXTS = TEMPLATES.with_name("sms")


@dataclass(frozen=True)
class Mail:
    subject: str
    body: str


def _date(value: date | datetime | Undefined | None) -> str:
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, datetime):
        value = value.astimezone(i18n.zone()).date()
    return i18n.format_date(value)


def _datetime(value: datetime | Undefined | None) -> str:
    return "" if value is None or isinstance(value, Undefined) else i18n.format_datetime(value)


@cache
def environment() -> Environment:
    return _environment(TEMPLATES)


@cache
def text_environment() -> Environment:
    return _environment(TEXTS)


def _environment(folder: Path) -> Environment:
    # Plain text: escaping would print "&amp;" to people.
    made = Environment(loader=FileSystemLoader(folder), autoescape=False, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    made.globals.update(_=i18n.gettext, gettext=i18n.gettext, ngettext=i18n.ngettext)
    made.filters.update(date=_date, datetime=_datetime)
    return made


def render(template: str, values: Mapping[str, Any], *, locale: str, base_url: str) -> Mail:
    """The mail in ``locale``. ``path`` in the values becomes the full address ``link``.

    Raises jinja2.TemplateNotFound for a template that does not exist.
    """
    pack = load.current()
    path = values.get("path")
    with i18n.use_locale(locale, pack.zone):
        known: dict[str, Any] = {"portal": i18n.pick(pack.portal_name), "base_url": base_url, **values}
        link = known.get("link") or path
        if link:
            known["link"] = f"{base_url}{link}" if str(link).startswith("/") else link
        text = environment().get_template(f"{template}.txt").render(known).strip()
        subject, _newline, body = text.partition("\n")
        footer = i18n.gettext("This message was sent by %(portal)s. Please do not reply to it.", portal=known["portal"])
    return Mail(" ".join(subject.split()), f"{_tidy(body)}\n\n-- \n{footer}\n{base_url}\n")


def render_text(template: str, values: Mapping[str, Any], *, locale: str, base_url: str) -> str:
    """The message as one line for a telephone; empty when it has no such form.

    A link in it is the short one of a case (``/c/<reference>``) or the portal's address: others are too long.
    """
    if not _has_text(template):
        return ""
    path = str(values.get("path") or "")
    with i18n.use_locale(locale, load.current().zone):
        known = {**values, "link": base_url + (_short(path) if path.startswith("/cases/") else "")}
        return " ".join(text_environment().get_template(f"{template}.txt").render(known).split())


def _short(path: str) -> str:
    return f"/c/{path.removeprefix('/cases/').partition('/')[0]}"


@cache
def _has_text(template: str) -> bool:
    return (TEXTS / f"{template}.txt").is_file()


def _tidy(body: str) -> str:
    """No line ends in spaces and no two blank lines follow each other: conditions in a template leave some."""
    lines: list[str] = []
    for line in (line.rstrip() for line in body.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines)
