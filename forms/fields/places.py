"""Countries, and the administrative units of this one."""

from collections.abc import Iterator, Sequence
from typing import Any

from wtforms.fields import SelectChoice

from app.core import clock
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions import load
from app.jurisdictions.model import AdministrativeUnit, Pack
from app.reference import countries
from forms.fields.choices import SelectField, options


class CountryField(SelectField):
    """ISO 3166-1 alpha-2, named in the reader's language."""

    def __init__(
        self,
        label: Text | None = None,
        validators: Sequence[Any] | None = None,
        *,
        first: Sequence[str] = (),
        without: Sequence[str] = (),
        **extra: Any,
    ) -> None:
        self.first, self.without = first, without
        extra.setdefault("blank", _l("Choose a country"))
        extra.setdefault("autocomplete", "country")
        super().__init__(label, validators, choices=self._countries, **extra)

    def _countries(self) -> Iterator[SelectChoice]:
        rows = {choice.value: choice for choice in options(countries.choices()) if choice.value not in self.without}
        for code in self.first:
            if code in rows:
                yield rows.pop(code)
        yield from rows.values()


class UnitField(SelectField):
    """An administrative unit of one ``level`` (the deepest by default), grouped under the names of those above it."""

    def __init__(
        self,
        label: Text | None = None,
        validators: Sequence[Any] | None = None,
        *,
        level: int | None = None,
        **extra: Any,
    ) -> None:
        extra.setdefault("blank", _l("Choose from the list"))
        super().__init__(label, validators, choices=lambda: unit_choices(load.current(), level), **extra)

    def display(self) -> str:
        return unit_name(load.current(), self.data) if self.data else ""


def unit_choices(pack: Pack, level: int | None = None) -> list[SelectChoice]:
    """The units of today; those an old answer names are still found by ``unit_name``."""
    level = level or max((unit.level for unit in pack.units), default=1)
    rows, day = {unit.code: unit for unit in pack.units}, clock.today(pack.zone)
    found = [(_above(rows, unit), unit) for unit in pack.units if unit.level == level and unit.in_force(day)]
    found.sort(key=lambda pair: (pair[0], pair[1].name))
    return [SelectChoice(unit.code, unit.name, optgroup=above or None) for above, unit in found]


def unit_name(pack: Pack, code: str) -> str:
    """The unit and those above it, nearest first: "Kimironko, Gasabo, City of Kigali"."""
    rows = {unit.code: unit for unit in pack.units}
    unit = rows.get(code)
    if unit is None:
        return code
    above = _above(rows, unit).split(" › ")
    return ", ".join([unit.name, *(name for name in reversed(above) if name)])


def _above(rows: dict[str, AdministrativeUnit], unit: AdministrativeUnit) -> str:
    names: list[str] = []
    parent = rows.get(unit.parent or "")
    while parent is not None:
        names.insert(0, parent.name)
        parent = rows.get(parent.parent or "")
    return " › ".join(names)
