"""A person's telephone number and the code that confirms it. Whether the number is one is the domain's to say."""

from wtforms import TelField
from wtforms.validators import DataRequired, Length

from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import RadioField, TextField
from forms.validators import required


class PhoneForm(BaseForm):
    number = TelField(
        _l("Mobile number"),
        description=_l("We send a code to it. Have the telephone with you."),
        validators=[
            DataRequired(_l("Enter your mobile number.")),
            Length(max=30, message=_l("That is too long for a telephone number.")),
        ],
        filters=[lambda value: value.strip() if value else value],
        render_kw={"autocomplete": "tel", "inputmode": "tel"},
    )


class PhoneCodeForm(BaseForm):
    one_time_code = TextField(
        _l("Code from the text"),
        [required(_l("Enter the code."))],
        max_length=20,
        width="s",
        autocomplete="one-time-code",
        render_kw={"spellcheck": "false", "inputmode": "numeric"},
    )
    wanted = RadioField(
        _l("Shall we send texts to this number?"),
        [required(_l("Choose yes or no."))],
        description=_l("Short messages about your applications, bills, permits, listings and data, never advertising. "
                       "You can change this at any time."),
    )  # fmt: skip
