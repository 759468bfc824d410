"""Words: lines, paragraphs, addresses, telephone numbers, secrets and files."""

# mypy: disallow-subclassing-any=False
# (WTForms has no types.)

from collections.abc import Sequence
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from wtforms import fields, widgets

from app.core import i18n
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.jurisdictions import load
from forms.fields.typed import Typed, one_line, plain


class TextField(Typed, fields.StringField):
    """One line. Spaces around and doubled inside are dropped; ``max_length`` also bounds the input."""

    def __init__(
        self,
        label: Text | None = None,
        validators: Sequence[Any] | None = None,
        *,
        max_length: int = 200,
        upper: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(label, validators, **options)
        self.max_length, self.upper = max_length, upper

    def process_data(self, value: Any) -> None:
        self.data = None if value is None else str(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        text = self.tidy(valuelist[0])
        self.data = (text.upper() if self.upper else text) or None
        if len(text) > self.max_length:
            raise ValueError(
                _(
                    "%(label)s must be %(limit)s characters or fewer; it has %(length)s.",
                    label=self.name_in_message(),
                    limit=i18n.format_number(self.max_length),
                    length=i18n.format_number(len(text)),
                )
            )

    def tidy(self, text: str) -> str:
        return one_line(text)


class LongTextField(TextField):
    """Several lines."""

    kind = "textarea"
    widget = widgets.TextArea()

    def __init__(
        self,
        label: Text | None = None,
        validators: Sequence[Any] | None = None,
        *,
        max_length: int = 4000,
        rows: int = 5,
        **options: Any,
    ) -> None:
        options["render_kw"] = {"rows": rows, **(options.get("render_kw") or {})}
        super().__init__(label, validators, max_length=max_length, **options)

    def tidy(self, text: str) -> str:
        return plain(text).strip()


class PasswordField(Typed, fields.PasswordField):
    """Never shown again, never kept, never changed: spaces count."""

    kind = "password"
    secret = True


class HiddenField(Typed, fields.HiddenField):
    kind = "hidden"

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = one_line(valuelist[0]) or None


class EmailField(TextField):
    kind = "email"
    widget = widgets.EmailInput()

    def __init__(self, label: Text | None = None, validators: Sequence[Any] | None = None, **options: Any) -> None:
        options.setdefault("autocomplete", "email")
        options["render_kw"] = {"spellcheck": "false", **(options.get("render_kw") or {})}
        super().__init__(label, validators, max_length=254, **options)

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if not self.data:
            return
        try:
            self.data = validate_email(self.data, check_deliverability=False).normalized.lower()
        except EmailNotValidError:
            raise ValueError(_("Enter an e-mail address in the correct form, like name@example.com.")) from None


class PhoneField(TextField):
    """A telephone number; the country's own numbers need no prefix. Saved as E.164 (``+250788000001``)."""

    kind = "tel"
    widget = widgets.TelInput()
    width = "s"

    def __init__(
        self, label: Text | None = None, validators: Sequence[Any] | None = None, *, region: str = "", **options: Any
    ) -> None:
        options.setdefault("autocomplete", "tel")
        super().__init__(label, validators, max_length=40, **options)
        self.region = region

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if not self.data:
            return
        region = self.region or load.current().country
        try:
            number = phonenumbers.parse(self.data, region)
        except phonenumbers.NumberParseException:
            number = None
        # Letters would be read as keys of an old telephone. Numbers kept for examples are not in any operator's range:
        # shape is all that can be asked.
        lettered = any(sign.isalpha() for sign in self.data)
        if number is None or lettered or not phonenumbers.is_possible_number(number):
            raise ValueError(_("Enter a telephone number, like %(example)s.", example=example_number(region)))
        self.data = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def display(self) -> str:
        try:
            number = phonenumbers.parse(self.data or "")
        except phonenumbers.NumberParseException:
            return self.data or ""
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def example_number(region: str) -> str:
    """A mobile number of the region's shape that nobody has: its last six digits are 000001."""
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert number is not None  # every country with a mobile network has one
    number.national_number = (number.national_number or 0) // 10**6 * 10**6 + 1
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


class UploadField(Typed, fields.FileField):
    """A file; data is the uploaded stream, never part of ``raw()`` or ``clean()``."""

    kind = "file"

    def __init__(
        self,
        label: Text | None = None,
        validators: Sequence[Any] | None = None,
        *,
        accept: str = ".pdf,.jpg,.jpeg,.png",
        **options: Any,
    ) -> None:
        options["render_kw"] = {"accept": accept, **(options.get("render_kw") or {})}
        super().__init__(label, validators, **options)

    def _value(self) -> bool:  # type: ignore[override]
        return False

    def typed(self) -> str:
        return getattr(self.data, "filename", "") or ""
