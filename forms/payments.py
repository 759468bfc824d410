"""The mobile-money form on a bill. Whether the number is one of the provider's is the domain's to say."""

from wtforms import TelField
from wtforms.validators import DataRequired, Length

from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm


class MobileMoneyForm(BaseForm):
    msisdn = TelField(
        _l("Mobile money number"),
        description=_l("Have this phone with you. Your secret code is asked for on the phone, never here."),
        validators=[
            DataRequired(_l("Enter the mobile money number to pay from.")),
            Length(max=30, message=_l("That is too long for a telephone number.")),
        ],
        filters=[lambda value: value.strip() if value else value],
        render_kw={"autocomplete": "tel", "inputmode": "tel"},
    )
