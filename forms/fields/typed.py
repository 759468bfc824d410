"""What every field of ours shares: the input shows exactly what was typed."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from wtforms.validators import StopValidation

from app.core.i18n import Text

# Signs that are not seen: those that turn the direction of what follows would let one name pass for another, the
# others would let two that look the same differ. (Joiners stay: some scripts are not written without them.)
_UNSEEN = frozenset("\u00ad\u180e\u200b\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """Typed text made safe to store: composed Unicode, no control characters but line ends, none that turn the text."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in text if sign in "\n\t" or _kept(sign))


def _kept(sign: str) -> bool:
    return sign not in _UNSEEN and unicodedata.category(sign) not in {"Cc", "Cs"}


def one_line(text: str) -> str:
    """Empty when nothing of it can be seen."""
    line = " ".join(plain(text).split())
    return line if any(unicodedata.category(sign) not in {"Cf", "Zs"} for sign in line) else ""


class Typed:
    """Mixed into every field: the input shows what was typed, and a value that cannot be read stops the checks."""

    kind = "text"
    width = ""  # "", "s", "xs": how long an answer is expected
    suffix: Text = ""  # a unit after the input
    autofocus = False
    data: Any
    raw_data: Any
    process_errors: Any

    def __init__(
        self,
        label: Text | None = None,
        validators: Sequence[Any] | None = None,
        *,
        width: str = "",
        suffix: Text = "",
        autocomplete: str = "",
        **options: Any,
    ) -> None:
        render = dict(options.pop("render_kw", None) or {})
        if autocomplete:
            render["autocomplete"] = autocomplete
        if width:
            self.width = width
        self.suffix = suffix
        super().__init__(label, validators, render_kw=render, **options)  # type: ignore[call-arg]

    def name_in_message(self) -> str:
        return str(self.label.text)  # type: ignore[attr-defined]

    def typed(self) -> str:
        return self.raw_data[0] if self.raw_data and isinstance(self.raw_data[0], str) else ""

    def shown(self) -> str:
        return "" if self.data is None else str(self.data)

    def _value(self) -> str:
        return self.typed() if self.raw_data else self.shown()

    def pre_validate(self, form: Any) -> None:
        if self.process_errors:
            raise StopValidation()
