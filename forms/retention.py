"""Legal holds, decisions about disposals, and what people ask about their own data."""

from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import DateField, EmailField, LongTextField, PasswordField, RadioField, TextField
from forms.validators import required

LONGEST = 2000


class HoldForm(BaseForm):
    about = TextField(
        _l("What it is on"),
        [required(_l("Give a reference, a number or an address."))],
        max_length=200,
        description=_l("The reference of a case, the number of a business, or the e-mail address of a person."),
    )
    proceeding = TextField(
        _l("Reference of the proceeding"),
        [required(_l("Give the reference of the proceeding."))],
        max_length=200,
        description=_l("Of the court, the inquiry or the order."),
    )
    reason = LongTextField(_l("Reason"), [required(_l("Say why this must be kept."))], max_length=LONGEST)
    review_on = DateField(
        _l("Day of review (optional)"), description=_l("On that day you are asked whether it is still needed.")
    )


class ReasonForm(BaseForm):
    reason = LongTextField(_l("Reason"), max_length=LONGEST)


class PasswordForm(BaseForm):
    """Before what nobody else may do with an open session."""

    current_password = PasswordField(
        _l("Current password"), [required(_l("Enter your current password."))], autocomplete="current-password"
    )


class RequestForm(BaseForm):
    """For those who have no account. The view gives ``kind`` its choices."""

    kind = RadioField(_l("What you ask for"), [required(_l("Choose what you ask for."))])
    name = TextField(_l("Full name"), [required(_l("Enter your full name."))], max_length=120, autocomplete="name")
    email = EmailField(_l("E-mail address"), [required(_l("Enter your e-mail address."))], autocomplete="email")
    message = LongTextField(
        _l("What it is about"),
        [required(_l("Say what it is about."))],
        max_length=LONGEST,
        description=_l("For instance the business in whose registration you are named. Send no copies of documents."),
    )


class AnswerForm(BaseForm):
    answer = LongTextField(_l("Answer"), [required(_l("Write the answer."))], max_length=LONGEST)
    legal_basis = TextField(
        _l("Legal basis of a refusal"), max_length=500, description=_l("Only when you refuse: the law you rely on.")
    )
