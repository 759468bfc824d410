"""Asking for a certified copy. Choices are set by the view."""

from typing import Any

from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import RadioField, TextField, options
from forms.validators import required

LONGEST = 200


class CopyForm(BaseForm):
    purpose = RadioField(_l("What is the copy for?"), [required(_l("Choose what the copy is for."))])
    purpose_text = TextField(
        _l("More about it"),
        max_length=LONGEST,
        description=_l("It is printed on the copy: a reference of who asks for it, or what else it is for."),
    )
    language = RadioField(
        _l("Language of the certificate"),
        [required(_l("Choose a language."))],
        description=_l("The pages of the document itself stay in their own language."),
    )

    def __init__(
        self,
        formdata: Any = None,
        *,
        purposes: list[tuple[str, str]],
        languages: list[tuple[str, str]],
        **extra: Any,
    ) -> None:
        super().__init__(formdata, **extra)
        self.purpose.choices = options(purposes)
        self.language.choices = options(languages)
