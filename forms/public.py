"""Forms anyone may fill in."""

import re

from wtforms.validators import ValidationError

from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.identifiers import check_letter
from forms import fields, validators
from forms.base import BaseForm

REFERENCE = re.compile(r"([A-Z]{2,4}-[0-9]{4}-[0-9]{5,})-([0-9A-Z])")


class ReferenceField(fields.TextField):
    """A case's reference. Spaces and small letters do not matter; the check letter finds a misread sign."""

    def __init__(self, **options: object) -> None:
        super().__init__(
            _l("Reference"),
            [validators.required(_l("Enter the reference of the application."))],
            description=_l("It is in every mail about the application and looks like BR-2026-00042-K."),
            max_length=40,
            upper=True,
            width="s",
            autocomplete="off",
            **options,
        )

    def tidy(self, text: str) -> str:
        return re.sub(r"[\s\u2010-\u2015-]+", "-", super().tidy(text)).strip("-")


class TrackForm(BaseForm):
    reference = ReferenceField()

    def validate_reference(self, field: ReferenceField) -> None:
        found = REFERENCE.fullmatch(field.data or "")
        if found is None:
            raise ValidationError(
                _("A reference looks like BR-2026-00042-K: letters, a year, a number and a last sign.")
            )
        if check_letter(found[1]) != found[2]:
            raise ValidationError(_("One sign of this reference is wrong. Compare it with the mail, sign by sign."))
