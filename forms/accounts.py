"""Signing up, signing in, passwords, codes, members."""

from typing import Any

from wtforms.validators import ValidationError

from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import EmailField, PasswordField, RadioField, TextField
from forms.validators import required


class SignInForm(BaseForm):
    email = EmailField(_l("E-mail address"), [required(_l("Enter your e-mail address."))], autocomplete="username")
    password = PasswordField(_l("Password"), [required(_l("Enter your password."))], autocomplete="current-password")


class CodeForm(BaseForm):
    """A code of the phone, or a recovery code."""

    one_time_code = TextField(
        _l("Code"),
        [required(_l("Enter the code."))],
        max_length=40,
        width="s",
        autocomplete="one-time-code",
        render_kw={"spellcheck": "false", "autocapitalize": "characters"},
    )


class NewPasswordForm(BaseForm):
    password = PasswordField(
        _l("New password"),
        [required(_l("Enter a new password."))],
        description=_l("10 characters or more. A short sentence is easy to remember and hard to guess."),
        autocomplete="new-password",
    )


def _current_password() -> PasswordField:
    return PasswordField(
        _l("Current password"), [required(_l("Enter your current password."))], autocomplete="current-password"
    )


class ChangePasswordForm(NewPasswordForm):
    current_password = _current_password()

    def validate_password(self, field: Any) -> None:
        if field.data == self.current_password.data:
            raise ValidationError(_("The new password is the same as the current one."))


def _full_name() -> TextField:
    return TextField(
        _l("Full name"),
        [required(_l("Enter your full name."))],
        description=_l("As on your identity document."),
        autocomplete="name",
        max_length=120,
    )


class DetailsForm(BaseForm):
    """The view gives ``language`` the choices of the country."""

    name = _full_name()
    language = RadioField(
        _l("Language"),
        [required(_l("Choose a language."))],
        description=_l("Of the pages and of the messages we send you."),
    )


class ChangeEmailForm(BaseForm):
    email = EmailField(
        _l("New e-mail address"),
        [required(_l("Enter the new e-mail address."))],
        description=_l("We send a link to this address to confirm that it is yours."),
    )
    current_password = _current_password()


class SignUpForm(BaseForm):
    name = _full_name()
    email = EmailField(
        _l("E-mail address"),
        [required(_l("Enter your e-mail address."))],
        description=_l("We send a link to this address to confirm that it is yours."),
        autocomplete="email",
    )
    password = PasswordField(
        _l("Password"),
        [required(_l("Enter a password."))],
        description=_l("10 characters or more. A short sentence is easy to remember and hard to guess."),
        autocomplete="new-password",
    )


class VerifyForm(BaseForm):
    password = PasswordField(
        _l("Password"),
        [required(_l("Enter your password."))],
        description=_l("The one you chose when you signed up."),
        autocomplete="current-password",
    )


class ResetRequestForm(BaseForm):
    email = EmailField(_l("E-mail address"), [required(_l("Enter your e-mail address."))], autocomplete="username")


class InviteForm(BaseForm):
    """The view gives ``role`` the choices this person may hand out."""

    email = EmailField(
        _l("E-mail address"),
        [required(_l("Enter the e-mail address of the person."))],
        description=_l("They get a link that works for 7 days. They sign in, or sign up, with this address."),
        autocomplete="off",
    )
    role = RadioField(_l("What they may do"), [required(_l("Choose what they may do."))])
