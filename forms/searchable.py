"""Fields whose answer is looked up in a long list, without JavaScript.

The person types words or a code. A button ``name="_search"`` with the field's name shows the matches as radio buttons
below, on the same page, with nothing lost; the radio buttons carry the field's own name, so a choice is simply the
last value sent, as long as it answers what is typed: words changed after choosing make the choice void.
See ``docs/design-kit.md``.
"""

# mypy: disallow-subclassing-any=False
# (WTForms has no types.)

from collections.abc import Sequence
from typing import Any

from wtforms import Field, widgets
from wtforms.fields import SelectChoice

from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.reference import hs, isic
from forms.fields import Typed, one_line, options

_ALL = 10_000  # more entries than any list has


class SearchField(Typed, Field):
    """Base: subclasses say how a code is found and how words are searched. Data is the code."""

    kind = "search"
    widget = widgets.TextInput()
    limit = 12

    def __init__(self, label: Text | None = None, validators: Sequence[Any] | None = None, **extra: Any) -> None:
        extra.setdefault("autocomplete", "off")
        super().__init__(label, validators, **extra)
        self.results: list[SelectChoice] | None = None  # None: nobody searched
        self.query = ""

    def lookup(self, code: str) -> str | None:
        """The code in its saved form when ``code`` names one entry."""
        raise NotImplementedError

    def words(self, text: str) -> list[SelectChoice]:
        """All entries that match, best first."""
        raise NotImplementedError

    def named(self, code: str) -> str:
        """The entry's name as people read it, without its code; empty when unknown."""
        raise NotImplementedError

    def written(self, code: str) -> str:
        """The code as people write it."""
        return code

    def process_data(self, value: Any) -> None:
        self.data = str(value) if value else None

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        typed = [one_line(value) for value in valuelist]
        self.query = typed[0]
        chosen = self.lookup(typed[-1]) if len(typed) > 1 else None
        found = chosen if chosen and self._answers(chosen) else self.lookup(self.query)
        self.data = found
        if found is None and self.query:
            self.search()
            raise ValueError(
                _("Choose one of the answers found for “%(words)s”.", words=self.query)
                if self.results
                else _("Nothing was found for “%(words)s”. Try another word, or a code.", words=self.query)
            )

    def _answers(self, chosen: str) -> bool:
        """Whether the words in the input still lead to the choice beside them."""
        return not self.query or chosen in {choice.value for choice in self._matches()}

    def _matches(self) -> list[SelectChoice]:
        """What the query finds; a whole code finds its entry even where the search by words does not."""
        matches = self.words(self.query) if self.query else []
        code = self.lookup(self.query)
        if code and code not in {choice.value for choice in matches}:
            matches = [SelectChoice(code, self.label_of(code)), *matches]
        return matches

    def search(self) -> None:
        """Fill ``results`` from what was typed (the ``_search`` button)."""
        self.query = one_line(self.typed()) or self.shown()
        self.results = options(self._matches()[: self.limit])

    def label_of(self, code: str) -> str:
        name = self.named(code)
        return f"{self.written(code)} – {name}" if name else self.written(code)

    def shown(self) -> str:
        return self.written(self.data) if self.data else ""

    def _value(self) -> str:
        if self.data and len(self.raw_data or []) > 1:
            return self.shown()
        return super()._value()

    def chosen_name(self) -> str:
        """What the code in the input stands for, shown under it."""
        return self.named(self.data) if self.data else ""

    def display(self) -> str:
        return self.label_of(self.data) if self.data else ""


class HsField(SearchField):
    """A product in the Harmonized System. Data is a subheading, ``090111``; national digits after it are dropped."""

    def lookup(self, code: str) -> str | None:
        digits = "".join(sign for sign in code if sign not in ". ")
        found = hs.find(digits) if digits.isascii() and digits.isdigit() and len(digits) >= 6 else None
        return found.code if found else None

    def words(self, text: str) -> list[SelectChoice]:
        return [SelectChoice(row.code, f"{self.written(row.code)} – {row.name}") for row in hs.search(text, _ALL)]

    def named(self, code: str) -> str:
        found = hs.find(code)
        return str(found.name) if found else ""

    def written(self, code: str) -> str:
        return f"{code[:4]}.{code[4:]}"


class IsicField(SearchField):
    """An economic activity, ISIC Rev. 4 class: ``1079``."""

    def lookup(self, code: str) -> str | None:
        found = isic.find(code) if code.isascii() and code.isdigit() and len(code) == 4 else None
        return found.code if found else None

    def words(self, text: str) -> list[SelectChoice]:
        return [SelectChoice(row.code, f"{row.code} – {row.name}") for row in isic.search(text, _ALL)]

    def named(self, code: str) -> str:
        found = isic.find(code)
        return str(found.name) if found else ""
