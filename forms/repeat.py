"""Buttons inside a form that change the page without saving it: search, add a row, remove a row."""

from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import FieldList

from forms.searchable import SearchField
from forms.tree import walk


class Buttons:
    """In every form: a page may be shown again, with everything typed, for ``_search``, ``_add`` or ``_remove``.

    The value of the button is the path of a field: of the ``SearchField``; of the ``FieldList`` to add to; of the
    row to remove (``people-1``). What the person should see next gets ``autofocus``; a fragment in the address would
    keep the error summary of a later answer from taking the focus.
    """

    def prepare(self) -> None:
        """Fill choices and hints that depend on the pack or on other answers; called again when rows change."""

    def handle_buttons(self, formdata: MultiDict[str, str]) -> bool:
        """True when one of the buttons was pressed: show the page again with status 200, validate and save nothing."""
        if name := formdata.get("_search"):
            return self._search(name)
        if name := formdata.get("_add"):
            return self._add(name)
        if name := formdata.get("_remove"):
            return self._remove(name)
        return False

    def _lists(self) -> dict[str, FieldList]:
        return {field.name: field for field in walk(self) if isinstance(field, FieldList)}

    def _search(self, name: str) -> bool:
        field = next((field for field in walk(self) if field.name == name), None)
        if not isinstance(field, SearchField):
            return False
        field.process_errors = []
        field.search()
        field.autofocus = True
        return True

    def _add(self, name: str) -> bool:
        field = self._lists().get(name)
        if field is None:
            return False
        if field.max_entries is None or len(field.entries) < field.max_entries:
            entry = field.append_entry()
            self.prepare()
            self._first(entry).autofocus = True
        return True

    def _remove(self, name: str) -> bool:
        owner, _dash, number = name.rpartition("-")
        field = self._lists().get(owner)
        rows = {str(row): row for row in range(len(field.entries))} if field is not None else {}
        if field is None or number not in rows:
            return False
        field.pop_entry(rows[number])
        while len(field.entries) < field.min_entries:
            field.append_entry()
        self.prepare()
        field.autofocus = True
        return True

    @staticmethod
    def _first(entry: Any) -> Any:
        return next(iter(walk(entry.form)), entry) if hasattr(entry, "form") else entry
